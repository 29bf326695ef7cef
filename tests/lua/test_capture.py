"""Both presets on real traffic: the shipped sample always, the whole capture where it is there."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given

from profiler.demo.sample import read_sample
from profiler.rules.derived.inputs import DerivedInputs
from profiler.rules.derived.table import Derived
from profiler.rules.model import load_rules
from tests.lua.runner import Runner, examples
from tests.lua.streams import tame
from tests.oracles.article import PROFILE_PREFIX, VISITOR, ArticleProgram
from tests.oracles.compare import RECORD_TIME, article_against_standard, read_records
from tests.oracles.measure import ROWS, Passed, measured, through_pipeline
from tests.oracles.standard import StandardFold
from tests.oracles.standard_shape import STANDARD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profiler.engine import EngineClass
    from profiler.records.types import FlatEvent
    from servers.redis import Store

CAPTURE = Path(__file__).parents[3] / "shared" / "data" / "capture-dev.ndjson"
# Not a missing server: the project must pass without the capture, in CI too.
NEEDS_CAPTURE = pytest.mark.skipif(
    not CAPTURE.exists(),
    reason=f"no ../shared/data/{CAPTURE.name} beside the repository: only the shipped sample "
    "was used",
)
#: docs/article-vs-standard.md: by number of records, the article's figure and that of `standard`.
DOCUMENTED = {
    "records": {6590: (6590, 6590), 2026: (2026, 2026)},
    "crashes": {6590: (193, 0), 2026: (39, 0)},
    "visits there were": {6590: (630, 630), 2026: (193, 193)},
    "visits the program sees": {6590: (993, 630), 2026: (316, 193)},
    "wrong entry page": {6590: (855, 0), 2026: (307, 0)},
    "of these, before any page view": {6590: (106, 0), 2026: (54, 0)},
    "visitors without first page": {6590: (24, 0), 2026: (5, 0)},
    "repeats": {6590: (724, 724), 2026: (219, 219)},
}
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


@pytest.fixture(scope="module")
def runner(store: Store) -> Iterator[Runner]:
    """`standard`; the visitors stay stored from test to test."""
    with closing(Runner(store.url, load_rules("lean"))) as runner:
        yield runner


@pytest.fixture(scope="module")
def passed(runner: Runner, traffic: list[dict[str, Any]], engine: EngineClass) -> list[Passed]:
    """The traffic after `standard`."""
    runner.clear()
    return list(through_pipeline(traffic, runner.script, engine))


def test_standard_gives_every_event_the_profile_of_the_oracle(
    runner: Runner, passed: list[Passed]
) -> None:
    fold, profiled = StandardFold(), 0
    for number, (flat, output) in enumerate(passed):
        expected = fold.apply(flat, record_ms=flat[RECORD_TIME])
        profile = {f"{PROFILE_PREFIX}{name}": value for name, value in (expected or {}).items()}
        if expected is not None:
            profile["profile_rules_version"] = runner.rules.version
            profiled += 1
        assert output == flat | profile, number
    assert profiled == sum(VISITOR in flat for flat, _ in passed) > 1900
    for visitor in fold.visitors:
        assert runner.stored(visitor) == fold.latest(visitor)


def test_all_fields_of_standard_are_the_oracles(store: Store, engine: EngineClass) -> None:
    rules = load_rules("standard")
    derived, fold = (
        DerivedInputs(rules.derived or Derived(), rules.derived_inputs),
        StandardFold(STANDARD),
    )
    with closing(Runner(store.url, rules)) as runner:
        through = through_pipeline(sample(), runner.script, engine)
        for number, (flat, output) in enumerate(through):
            made = dict(zip(rules.derived_inputs, derived.of(flat), strict=True))
            assert output is not None, number
            expected = fold.apply(flat | made, record_ms=flat[RECORD_TIME]) or {}
            shown = {name: output.get(f"{PROFILE_PREFIX}{name}") for name in expected}
            assert shown == expected, number
    engaged = [fold.latest(visitor)["visit_engaged_time"] for visitor in fold.visitors if visitor]
    assert max(engaged) > 0


def test_figures_of_standard_are_the_documented_ones(runner: Runner, passed: list[Passed]) -> None:
    figures = measured(passed, runner.script)
    assert {ROWS[name]: figures[name] for name in ROWS if name != "repeats flagged"} == {
        name: values[len(passed)][1] for name, values in DOCUMENTED.items()
    }
    assert figures["repeats flagged"] == {6590: 717, 2026: 218}[len(passed)]


def test_article_gives_every_event_the_output_of_the_articles_program(
    article: Runner, traffic: list[dict[str, Any]], engine: EngineClass
) -> None:
    program = ArticleProgram()
    through = through_pipeline(traffic, article.script, engine)
    for number, (flat, output) in enumerate(through):
        assert output == program.apply(flat), number
    for visitor, profile in program.hashes.items():
        assert article.stored(visitor) == profile


def test_figures_of_the_article_are_the_documented_ones(traffic: list[dict[str, Any]]) -> None:
    figures = article_against_standard(traffic)
    assert {name: figures[name] for name in DOCUMENTED} == {
        name: values[len(traffic)][0] for name, values in DOCUMENTED.items()
    }


@examples(50)
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
