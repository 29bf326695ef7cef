"""`article` on a real server against the article's program, by generated streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from profiler.config.settings import Settings
from profiler.engine import EngineClass, process
from profiler.profiles.reply import Applied
from profiler.records.types import Record
from tests.fates import fates_of
from tests.lua.runner import Runner, answer_of, examples, in_stream
from tests.lua.streams import SIZES, arbitrary
from tests.oracles.article import PROFILE_PREFIX, VISIT, VISITOR, ArticleProgram, BadId, id_of

if TYPE_CHECKING:
    from profiler.records.types import FlatEvent

#: Stands for the output of a dead letter.
BAD_ID = "bad_id"


@examples(100)
@given(events=arbitrary(), sizes=SIZES)
def test_every_output_is_the_articles_programs(
    shared_article: Runner, engine: EngineClass, events: list[FlatEvent], sizes: list[int]
) -> None:
    """The whole record for `tracking_persisted`, as JSON, from a pipeline without watermarks."""
    shared_article.clear()
    program = ArticleProgram()
    outputs = persisted(shared_article, engine, [event.fields for event in events], sizes)
    for number, (event, output) in enumerate(zip(events, outputs, strict=True)):
        try:
            assert output == program.apply(event.fields), number
        except BadId:
            assert output == BAD_ID, number
    for visitor, profile in program.hashes.items():
        assert shared_article.stored(visitor) == profile


@examples(70)
@given(events=arbitrary(), sizes=SIZES)
def test_every_event_is_flagged_and_none_at_or_below_the_watermark_is_applied(
    shared_article: Runner, events: list[FlatEvent], sizes: list[int]
) -> None:
    shared_article.clear()
    program = ArticleProgram()
    marks: dict[tuple[str, str], int] = {}
    outcomes = shared_article.outcomes(events, sizes)
    for number, (event, outcome) in enumerate(zip(events, outcomes, strict=True)):
        if not isinstance(outcome, Applied):
            continue
        visitor, visit = id_of(event.fields, VISITOR) or "", id_of(event.fields, VISIT)
        before = dict(program.hashes.get(visitor, {}))
        if event.stream and event.offset <= marks.get((visitor, event.stream), -1):
            assert outcome.flags == {"replayed"}, number
            assert answer_of(outcome) == before, number
            continue
        marks[visitor, event.stream] = event.offset
        program.apply(event.fields)
        assert answer_of(outcome) == program.hashes[visitor], number
        flags = {
            "new_visitor": not before,
            "new_visit": visit is not None and visit != before.get("visit_id"),
            "no_visit": visit is None,
        }
        assert outcome.flags == {name for name, raised in flags.items() if raised}, number


@examples(40)
@given(events=arbitrary(), sizes=SIZES, start=st.integers(0, 39))
def test_redelivery_returns_the_current_profile_and_changes_nothing(
    shared_article: Runner, events: list[FlatEvent], sizes: list[int], start: int
) -> None:
    shared_article.clear()
    placed = in_stream(events, "0:tracking_processed:0", range(len(events)))
    shared_article.outcomes(placed, sizes)
    before = all_hashes(shared_article)
    again = shared_article.outcomes(placed[start:], sizes)
    for event, outcome in zip(placed[start:], again, strict=True):
        if isinstance(outcome, Applied):
            stored = shared_article.stored(id_of(event.fields, VISITOR) or "")
            assert outcome.flags == {"replayed"}
            assert outcome.profile == {PROFILE_PREFIX + name: v for name, v in stored.items()}
    assert all_hashes(shared_article) == before


def persisted(
    runner: Runner, engine: EngineClass, flats: list[dict[str, Any]], sizes: list[int]
) -> list[object]:
    """Return what leaves for each flattened event; `BAD_ID` for a dead letter of that code."""
    made = engine("profile", Settings(), runner.script)
    records = [
        Record("tracking_flattened", 0, number, number, None, orjson.dumps(flat), headers=())
        for number, flat in enumerate(flats)
    ]
    outputs: list[object] = []
    while len(outputs) < len(records):
        size = sizes[len(outputs) % len(sizes)] if sizes else len(records)
        batch = records[len(outputs) : len(outputs) + size]
        for fate in fates_of(batch, process(made, runner.script, batch)):
            if fate.rejected is not None:
                outputs.append(fate.rejected.code)
            else:
                outputs.append(orjson.loads(fate.outputs[-1].value or b"null"))
    return outputs


def all_hashes(runner: Runner) -> dict[bytes | str, object]:
    """Return everything that is stored, internal fields too."""
    keys = runner.client.scan_iter(match=f"{runner.prefix}*", count=1000)
    return {key: runner.client.hgetall(key) for key in keys}
