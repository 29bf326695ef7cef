"""Both presets on real traffic: the shipped sample always, the whole capture where it is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given

from profiler.sample import read_sample
from tests.lua.runner import Runner, examples
from tests.lua.streams import tame
from tests.oracles.article import PROFILE_PREFIX, VISITOR, ArticleProgram
from tests.oracles.compare import RECORD_TIME, article_against_standard, read_records
from tests.oracles.measure import measured, through_pipeline
from tests.oracles.standard import StandardFold

if TYPE_CHECKING:
    from profiler.records import FlatEvent

CAPTURE = Path(__file__).parents[3] / "shared" / "data" / "capture-dev.ndjson"
# Not a missing server: the project must pass without the capture, in CI too.
NEEDS_CAPTURE = pytest.mark.skipif(
    not CAPTURE.exists(),
    reason=f"no ../shared/data/{CAPTURE.name} beside the repository: only the shipped sample "
    "was used",
)
SIX = ["visitor_id", "visit_id"] + [
    f"{scope}_{which}_page" for scope in ("visitor", "visit") for which in ("first", "last")
]


@pytest.fixture(scope="module", params=["sample", pytest.param("capture", marks=NEEDS_CAPTURE)])
def traffic(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """Captured records in order of arrival."""
    return sample() if request.param == "sample" else list(read_records(CAPTURE))


def sample() -> list[dict[str, Any]]:
    return [
        {"key": key and key.decode(), "value": orjson.loads(value)}
        for key, value, _ in read_sample()
    ]


def test_standard_gives_every_event_the_profile_of_the_oracle(
    standard: Runner, traffic: list[dict[str, Any]]
) -> None:
    fold, profiled = StandardFold(), 0
    for number, (flat, output) in enumerate(through_pipeline(traffic, standard.script)):
        expected = fold.apply(flat, record_ms=flat[RECORD_TIME])
        profile = {f"{PROFILE_PREFIX}{name}": value for name, value in (expected or {}).items()}
        if expected is not None:
            profile["profile_rules_version"] = standard.rules.version
            profiled += 1
        assert output == flat | profile, number
    assert profiled == sum(bool(record["key"]) for record in traffic) > 1900
    for visitor in fold.visitors:
        assert standard.stored(visitor) == fold.latest(visitor)


def test_article_gives_every_event_the_output_of_the_articles_program(
    article: Runner, traffic: list[dict[str, Any]]
) -> None:
    program = ArticleProgram()
    for number, (flat, output) in enumerate(through_pipeline(traffic, article.script)):
        assert output == program.apply(flat), number
    for visitor, profile in program.hashes.items():
        assert article.stored(visitor) == profile


@NEEDS_CAPTURE
def test_the_figures_that_the_documentation_gives_for_the_article() -> None:
    figures = article_against_standard(CAPTURE)
    assert figures["records"] == 6590
    assert figures["crashes"] == 193
    assert figures["visits the program sees"] == 993
    assert figures["visits there were"] == 630
    assert figures["wrong entry page"] == 855
    assert figures["visitors without first page"] == 24


@NEEDS_CAPTURE
def test_the_figures_that_the_documentation_gives_for_standard(standard: Runner) -> None:
    assert measured(read_records(CAPTURE), standard.script) == {
        "records": 6590,
        "crashes": 0,
        "visits there were": 630,
        "visits counted": 630,
        "wrong entry page": 0,
        "of these, before any page view": 0,
        "visitors without first page": 0,
        "repeats": 724,
        "repeats flagged": 717,
    }


def test_standard_has_no_wrong_visit_or_entry_page_on_the_sample(standard: Runner) -> None:
    figures = measured(sample(), standard.script)
    assert figures["visits counted"] == figures["visits there were"] > 0
    assert (figures["crashes"], figures["wrong entry page"]) == (0, 0)


@examples(80)
@given(events=tame())
def test_the_six_fields_are_the_articles_on_streams_without_its_flaws(
    shared_standard: Runner, shared_article: Runner, events: list[FlatEvent]
) -> None:
    """Times increase, visits do not interleave and begin with a page view, nothing comes twice."""
    shared_standard.clear()
    shared_article.clear()
    theirs = shared_article.profiles(events)
    for event, mine, other in zip(events, shared_standard.profiles(events), theirs, strict=True):
        assert {name: mine[name] for name in SIX} == other
        assert other["visitor_id"] == event.fields[VISITOR]
