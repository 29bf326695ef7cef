"""Gap visits, windows, triggers and a forget in one rules file, in any order, split and redelivery.

The oracle sorts and splits all that is from after the forget, and folds it anew at every event. Of
triggers the ledger is kept: what is open at the end is what holds at the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.profiles.keys import sidecar_of
from profiler.profiles.reply import Applied
from profiler.records.types import FlatEvent
from profiler.rules.model import parse_rules
from tests.lua.runner import T0, Fields, Runner, answer_of, examples, flat_of
from tests.lua.streams import SIZES, pick, rows
from tests.oracles.article import PAGE, VISITOR
from tests.oracles.events import EVENT_ID, EVENT_TIME
from tests.oracles.forget import is_forgotten
from tests.oracles.gap import Gap, GapFold
from tests.oracles.shape import TIME, Field, Shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from servers.redis import Store

MINUTE, HOUR = 60_000, 3_600_000

RULES = f"""
name = "interplay"
order = "event_time"
[identity]
visitor = "{VISITOR}"
event_id = "{EVENT_ID}"
created = "{EVENT_TIME}"
[limits]
visits = 64
event_ids = 256
[visit]
bounce = "visit_events"
gap = "30 min"
[[fields]]
name = "visitor_events"
scope = "visitor"
operation = "count"
[[fields]]
name = "visitor_lately"
scope = "visitor"
operation = "count"
window = "2 h"
[[fields]]
name = "visit_events"
scope = "visit"
operation = "count"
[[fields]]
name = "visit_lately"
scope = "visit"
operation = "count"
window = "10 min"
[[fields]]
name = "visit_first_page"
scope = "visit"
operation = "first"
value = "{PAGE}"
[[fields]]
name = "visit_start"
scope = "visit"
operation = "first"
value = "event_time"
[[triggers]]
name = "lively"
scope = "visitor"
when = [{{ field = "visitor_lately", ">" = 2 }}]
[[triggers]]
name = "often"
scope = "visitor"
when = [{{ field = "visitor_events", ">" = 4 }}]
[[triggers]]
name = "landed"
scope = "visit"
when = [{{ field = "visit_first_page", equals = "p" }}]
[[triggers]]
name = "brief"
scope = "visit"
when = [{{ field = "visit_events", between = [2, 3] }}, {{ field = "visit_lately", ">" = 1 }}]
"""
SHAPE = Shape(
    fields=(
        Field("visitor_events", "count"),
        Field("visitor_lately", "count", window=(2, HOUR)),
        Field("visit_events", "count"),
        Field("visit_lately", "count", window=(10, MINUTE)),
        Field("visit_first_page", "first", PAGE),
        Field("visit_start", "first", TIME),
    ),
    bounce="visit_events",
    inputs=(PAGE,),
    visits=64,
    event_ids=256,
)
Holds = Callable[[Fields], bool]
OF_VISITORS: dict[str, Holds] = {
    "lively": lambda p: p["visitor_lately"] > 2,
    "often": lambda p: p["visitor_events"] > 4,
}
OF_VISITS: dict[str, Holds] = {
    "landed": lambda p: p["visit_first_page"] == "p",
    "brief": lambda p: p["visit_events"] in {2, 3} and p["visit_lately"] > 1,
}
FORGET = (files("profiler") / "_lua" / "forget.lua").read_text("utf-8")


class History(NamedTuple):
    """What arrives before and after a forget, up to when it was, and in which calls."""

    before: list[FlatEvent]
    after: list[FlatEvent]
    till: int
    sizes: list[int]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Events so near to each other that many bridge visits; some are sent again.

    Those whose clock is ahead are received before the forget, and lie among those from after it.
    """
    till = T0 + draw(st.sampled_from([0, 20, 60, 100])) * MINUTE
    events = []
    for number, row in enumerate(rows(draw, 24, 5)):
        at = T0 + (8 * pick(row, range(30)) + pick(row, [0, 0, 1])) * MINUTE
        flat = flat_of(visitor=pick(row, "vvvw"), id=f"e{number}", time=at, page=pick(row, "pqr"))
        received = pick(row, [T0 + 400 * MINUTE] * 3 + [till - 1])
        events.append(FlatEvent("", 0, received, flat))
    again = draw(st.lists(st.sampled_from(events), max_size=6))
    stream = draw(st.sampled_from(["", "s"]))
    arrivals = [
        each._replace(stream=stream, offset=offset)
        for offset, each in enumerate(draw(st.permutations(events + again)))
    ]
    at = draw(st.integers(0, len(arrivals) // 3))
    after = arrivals[at:]
    back = draw(st.integers(0, 5))
    return History(arrivals[:at], after + after[len(after) - back :], till, draw(SIZES))


@pytest.fixture(scope="module")
def runner(store: Store) -> Iterator[Runner]:
    with closing(Runner(store.url, parse_rules(RULES, "interplay.toml"))) as running:
        yield running


def forget(runner: Runner, till: int) -> None:
    for visitor in "vw":
        key = runner.key(visitor)
        runner.client.eval(FORGET, 2, key, sidecar_of(key), till, 10 * HOUR, 0)


def applied(runner: Runner, events: Sequence[FlatEvent], sizes: Sequence[int]) -> list[Applied]:
    outcomes = runner.outcomes(events, sizes)
    assert all(isinstance(each, Applied) for each in outcomes), outcomes
    return [each for each in outcomes if isinstance(each, Applied)]


class Ledger:
    """Which firings are open: visitor and trigger by the id of the firing."""

    def __init__(self) -> None:
        self.open: dict[str, tuple[str, str]] = {}

    def enter(self, outcome: Applied) -> None:
        """Each id is fired and retracted in turn."""
        for each in outcome.triggers:
            record: dict[str, Any] = json.loads(each.encoded)
            if each.state == "fired":
                assert record["id"] not in self.open, record
                self.open[record["id"]] = (record["visitor_id"], each.name)
            else:
                assert self.open.pop(record["id"])[1] == each.name, record


@examples(80)
@given(drawn=histories())
def test_what_is_from_after_a_forget_is_as_if_nothing_had_been_before(
    runner: Runner, drawn: History
) -> None:
    runner.clear()
    applied(runner, drawn.before, drawn.sizes)
    forget(runner, drawn.till)

    oracle, ledger = GapFold(SHAPE, Gap(30 * MINUTE)), Ledger()
    kept: dict[str, FlatEvent] = {}
    for event, outcome in zip(drawn.after, applied(runner, drawn.after, drawn.sizes), strict=True):
        if is_forgotten(str(event.timestamp), str(event.fields[EVENT_TIME]), drawn.till):
            assert outcome == Applied(frozenset({"forgotten"}), b"", ())
            continue
        kept[event.fields[EVENT_ID]] = event
        told = oracle.fold(
            event.fields, received=event.timestamp, stream=event.stream, offset=event.offset
        )
        assert told is not None
        shown = answer_of(outcome)
        assert isinstance(shown, dict)
        assert shown == {name: told[name] for name in shown}
        if "replayed" not in outcome.flags:
            ledger.enter(outcome)

    again = [each._replace(stream="", offset=0) for each in kept.values()]
    final = applied(runner, again, ())
    assert not any(each.triggers for each in final)
    assert sorted(ledger.open.values()) == sorted(holding([answer_of(each) for each in final]))


def holding(final: Sequence[Any]) -> list[tuple[str, str]]:
    """Visitor and trigger, where a trigger holds for a visitor or for one of the visits."""
    found = []
    for owner, tests in (("visitor_id", OF_VISITORS), ("visit_id", OF_VISITS)):
        for profile in {each[owner]: each for each in final}.values():
            found += [(profile["visitor_id"], name) for name in tests if tests[name](profile)]
    return found
