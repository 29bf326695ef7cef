"""Visits without ids: any order, any split into calls and any redelivery give the same visits.

The oracle sorts all events and splits them; the script never does.
"""

from __future__ import annotations

from contextlib import closing
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.records.types import FlatEvent
from profiler.rules.model import Rules, load_rules
from tests.lua.gap_web_log import compared, folded, sorted_and_split
from tests.lua.runner import T0, Fields, Runner, examples, flat_of
from tests.lua.streams import SIZES, pick, rows
from tests.lua.test_outside import RULES, WEB_LOG, needs, requests
from tests.oracles.article import PAGE, VISITOR
from tests.oracles.events import EVENT_ID, EVENT_TIME
from tests.oracles.gap_visits import Taken, visits_of
from tools.vectors.conditions import TOTAL
from tools.vectors.files import LUA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.redis import Store

__all__ = ["requests"]  # a fixture

MINUTE = 60_000

#: What is told of an event itself, and what depends on arrival by nature.
OF_THE_EVENT = {
    *("new_visitor", "new_visit", "visit_merged", "repeated", "corrected", "replayed"),
    *("visit_id", "visit_number", "visit_since"),
}


def wide(name: str) -> Rules:
    """Rules of the vectors, with room for all that a test sends."""
    rules = load_rules(str(LUA / f"vectors/rules/{name}.toml"))
    limits = rules.limits.model_copy(update={"visits": 64, "event_ids": 1_024})
    return rules.model_copy(update={"limits": limits})


@pytest.fixture(scope="module")
def gaps(store: Store) -> Iterator[Runner]:
    """The rules with every operation in a visit."""
    with closing(Runner(store.url, wide("gaps"))) as runner:
        yield runner


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[FlatEvent], list[FlatEvent]]:
    """Events whose times lie near each other, so that many bridge visits; and how they arrive.

    The texts are few enough for every collection.
    """
    events = []
    for number, row in enumerate(rows(draw, 25, 5)):
        minute = 10 * pick(row, range(40)) + pick(row, [0, 0, 0, 1])
        flat = flat_of(
            visitor=pick(row, "vvvw"),
            id=f"e{number}",
            time=T0 + minute * MINUTE,
            type="Pageview",
            page=pick(row, ["p", "q", "r", ""]),
        )
        flat[TOTAL] = str(pick(row, [1, 2, -3, 50]))
        events.append(FlatEvent("", 0, T0 + 400 * MINUTE, flat))
    again = draw(st.lists(st.sampled_from(events), max_size=10))
    stream = draw(st.sampled_from(["", "s"]))
    arrivals = [
        each._replace(stream=stream, offset=offset)
        for offset, each in enumerate(draw(st.permutations(events + again)))
    ]
    back = draw(st.integers(0, 5))
    return events, arrivals + arrivals[len(arrivals) - back :]


def final(runner: Runner, events: list[FlatEvent]) -> list[Fields]:
    """What each event's visit comes to; all are repeats, so this changes nothing."""
    shown = runner.profiles(events)
    assert all(each["repeated"] and not each["truncated"] for each in shown)
    return [{k: v for k, v in each.items() if k not in OF_THE_EVENT} for each in shown]


@examples(60)
@given(drawn=histories(), sizes=SIZES)
def test_any_order_split_and_redelivery_give_what_sorting_gives(
    gaps: Runner, drawn: tuple[list[FlatEvent], list[FlatEvent]], sizes: list[int]
) -> None:
    events, arrivals = drawn
    gaps.clear()
    told = gaps.profiles(arrivals, sizes)
    assert not any(each["late"] or each["truncated"] for each in told)
    shown = final(gaps, events)

    expected = visits_of(map(taken_of, events))
    for event, profile in zip(events, shown, strict=True):
        own = expected[event.fields[VISITOR], event.fields[EVENT_TIME]]
        assert of_oracle(profile) == own, event

    gaps.clear()
    gaps.profiles(sorted(events, key=lambda event: event.fields[EVENT_TIME]))
    assert final(gaps, events) == shown


def taken_of(event: FlatEvent) -> Taken:
    """An event as the oracle takes it."""
    fields = event.fields
    page, total = fields[PAGE], int(fields[TOTAL])
    return Taken(fields[VISITOR], fields[EVENT_TIME], page, total, fields[EVENT_ID])


def of_oracle(profile: Fields) -> dict[str, Any]:
    """What the oracle knows of a profile, by its names."""
    return {
        "visits": profile["visitor_visits"],
        "visitor_events": profile["visitor_events"],
        "start": profile["visit_start"],
        "end": profile["visit_end"],
        "events": profile["visit_events"],
        "first": profile["visit_first_page"],
        "last": profile["visit_last_page"],
        "sum": profile["visit_spent"],
        "unique": profile["visit_pages_seen"],
        "bounce": profile["visit_bounce"],
    }


@needs(WEB_LOG)
def test_a_web_logs_visits_are_those_of_sorting(store: Store, requests: list[FlatEvent]) -> None:
    """A fifth of the visitors; tests/nightly has all of them, and more orders."""
    some = [each for each in requests if each.fields["log-visitor"] < "3"]
    with closing(Runner(store.url, load_rules(str(RULES / "web-log-gaps.toml")))) as runner:
        visits = folded(runner, some)
        assert compared(visits) == sorted_and_split(some)
        assert folded(runner, Random(1).sample(some, len(some))) == visits
        assert len(visits) > len({each["visitor_id"] for each in visits})
