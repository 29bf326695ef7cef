"""`standard` on a real server against its naive oracle and a naive count, by generated streams."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.profiles.reply import Applied
from profiler.records.types import FlatEvent
from tests.lua.runner import T0, TIGHT, Answer, Fields, Runner, answer_of, examples, flat_of
from tests.lua.streams import SIZES, arbitrary, delivered, distinct, in_order
from tests.oracles.article import EVENT_TYPE, PAGE, VISIT, VISITOR, BadId, id_of
from tests.oracles.door import admitted
from tests.oracles.events import EVENT_ID, read_event
from tests.oracles.shape import LEAN, Shape
from tests.oracles.standard import FLAGS, StandardFold

#: Depend on the order of arrival by nature.
BY_ARRIVAL = {*FLAGS, "visit_number"}
TIGHT_SHAPE = replace(
    LEAN,
    visits=TIGHT["visits"],
    event_ids=TIGHT["event_ids"],
    streams=TIGHT["streams"],
    value_bytes=TIGHT["value_bytes"],
)


# --- any stream, event for event -----------------------------------------------------------------


@examples(100)
@given(stream=arbitrary(), sizes=SIZES)
def test_every_output_is_the_oracles(
    shared_standard: Runner, stream: list[FlatEvent], sizes: list[int]
) -> None:
    assert_agreement(shared_standard, stream, sizes)


@examples(100)
@given(stream=arbitrary(), sizes=SIZES)
def test_every_output_is_the_oracles_where_all_limits_are_met(
    shared_tight: Runner, stream: list[FlatEvent], sizes: list[int]
) -> None:
    assert_agreement(shared_tight, stream, sizes, TIGHT_SHAPE)


def assert_agreement(
    runner: Runner, stream: list[FlatEvent], sizes: list[int], shape: Shape = LEAN
) -> None:
    """Every event's output, its flags, and at the end every hash, are what the oracle says."""
    runner.clear()
    fold = StandardFold(shape)
    outcomes = runner.outcomes(stream, sizes)
    for number, (event, outcome) in enumerate(zip(stream, outcomes, strict=True)):
        expected = told(fold, event)
        if isinstance(outcome, Applied) and isinstance(expected, dict):
            assert answer_of(outcome) == fold.leaving(expected), number
            assert outcome.flags == {name for name in FLAGS if expected[name]}, number
            assert outcome.profile["profile_rules_version"] == runner.rules.version
        else:
            assert answer_of(outcome) == expected, number
    for visitor in fold.visitors:
        assert runner.stored(visitor) == fold.latest(visitor)


def told(fold: StandardFold, event: FlatEvent) -> Answer:
    """Return what the oracle says, in the words of `answer_of`."""
    try:
        for name in (VISITOR, VISIT):
            id_of(event.fields, name)
    except BadId:
        return "bad_id"
    flat, received = admitted(event.fields, event.timestamp)
    return fold.fold(flat, received=received, stream=event.stream, offset=event.offset)


# --- within the bounds: any order, any redelivery ------------------------------------------------


@examples(60)
@given(data=st.data(), events=distinct([*"ABCDEFGH", ""]), sizes=SIZES)
def test_any_order_and_any_redelivery_give_the_profile_of_the_oracle(
    shared_standard: Runner, data: st.DataObject, events: list[FlatEvent], sizes: list[int]
) -> None:
    shared_standard.clear()
    shared_standard.profiles(data.draw(delivered(events)), sizes)
    fold = StandardFold()
    for event in sorted(events, key=at):
        fold.apply(event.fields, record_ms=event.timestamp)
    for event in events:
        # Sent once more, an event counts nothing and shows where its visit stands.
        (shown,) = shared_standard.profiles([event])
        expected = fold.apply(event.fields, record_ms=event.timestamp)
        assert expected is not None
        assert shown["repeated"]
        assert lasting(shown) == lasting(expected)
    for visitor in fold.visitors:
        assert lasting(shared_standard.stored(visitor)) == lasting(fold.latest(visitor))


@pytest.mark.parametrize("seed", range(2))
def test_any_order_gives_the_same_profile_at_the_bounds(standard: Runner, seed: int) -> None:
    random = Random(seed)
    events = [
        FlatEvent("", 0, T0, flat_of(visitor="v", visit=visit, id=f"{visit}{n}", **more))
        for visit in [*"ABCDEFGH", ""]
        for n in range(64)
        for more in [{"type": "Pageview", "page": f"page {n % 7}", "time": T0 + n % 10}]
    ]
    arrivals = random.sample(events, len(events)) + random.sample(events, 200)
    standard.profiles(arrivals, [random.randint(1, 500)])
    for event in random.sample(events, 40):
        (shown,) = standard.profiles([event])
        expected = counted(events, event)
        assert {name: shown[name] for name in expected} == expected


def at(event: FlatEvent) -> int:
    """When it happened."""
    time = read_event(*admitted(event.fields, event.timestamp)).time
    assert time is not None
    return time


def place(event: FlatEvent) -> tuple[int, int, bytes]:
    """Where it stands among the events that give a page."""
    read = read_event(*admitted(event.fields, event.timestamp))
    return read.place(event.fields[PAGE])


def lasting(profile: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in profile.items() if name not in BY_ARRIVAL}


# --- beyond the bounds: exact in order, flagged otherwise ----------------------------------------


@examples(20)
@given(events=in_order(kept=8), sizes=SIZES)
def test_an_ordered_stream_stays_exact_beyond_the_bounds(
    shared_standard: Runner, events: list[FlatEvent], sizes: list[int]
) -> None:
    shared_standard.clear()
    profiles = shared_standard.profiles(events, sizes)
    for number, (event, shown) in enumerate(zip(events, profiles, strict=True)):
        expected = counted(events[: number + 1], event)
        assert {name: shown[name] for name in expected} == expected, number
        beyond = shown["new_visit"] and expected["visitor_visits"] > 8
        beyond |= not shown["repeated"] and expected["visit_events"] > 64
        assert (shown["truncated"], shown["late"]) == (beyond, False), number


@examples(20)
@given(events=in_order(kept=12), sizes=SIZES)
def test_a_visit_that_comes_back_in_order_costs_no_other_and_says_so(
    shared_standard: Runner, events: list[FlatEvent], sizes: list[int]
) -> None:
    """Of 12 visits in turn 8 are kept; none is counted twice, and all but those are exact."""
    shared_standard.clear()
    latest: dict[str, int] = {}
    forgotten: set[str] = set()
    profiles = shared_standard.profiles(events, sizes)
    for number, (event, shown) in enumerate(zip(events, profiles, strict=True)):
        visit = event.fields[VISIT]
        is_back = visit in latest and sum(at > latest[visit] for at in latest.values()) >= 8
        forgotten |= {visit} if is_back else set()
        expected = counted(events[: number + 1], event)
        assert shown["visitor_visits"] == expected["visitor_visits"], number
        if visit in forgotten:
            assert (shown["truncated"], shown["new_visit"]) == (True, False), number
            assert (shown["visit_number"], shown["visit_first_page"]) == (None, None), number
        else:
            own = [name for name in expected if name.startswith("visit_")]
            assert {name: shown[name] for name in own} == {n: expected[n] for n in own}, number
        if not shown["repeated"]:
            latest[visit] = number


@examples(40)
@given(data=st.data(), events=distinct("ABCDEFGHIJKL"), sizes=SIZES)
def test_what_is_not_exact_beyond_eight_visits_is_flagged(
    shared_standard: Runner, data: st.DataObject, events: list[FlatEvent], sizes: list[int]
) -> None:
    assert_exact_or_flagged(shared_standard, data.draw(delivered(events)), sizes)


@examples(40)
@given(data=st.data(), events=distinct("ABC"), sizes=SIZES)
def test_what_is_not_exact_beyond_the_remembered_events_is_flagged(
    shared_tight: Runner, data: st.DataObject, events: list[FlatEvent], sizes: list[int]
) -> None:
    assert_exact_or_flagged(shared_tight, data.draw(delivered(events)), sizes)


def assert_exact_or_flagged(runner: Runner, arrivals: list[FlatEvent], sizes: list[int]) -> None:
    runner.clear()
    flagged = set()
    profiles = runner.profiles(arrivals, sizes)
    for number, (event, shown) in enumerate(zip(arrivals, profiles, strict=True)):
        visitor = event.fields[VISITOR]
        if shown["late"] or shown["truncated"]:
            flagged.add(visitor)
        so_far = [e for e in arrivals[: number + 1] if e.fields[VISITOR] == visitor]
        expected = counted(so_far, event)
        is_exact = {name: shown[name] for name in expected} == expected
        assert is_exact or visitor in flagged, number


def counted(events: list[FlatEvent], event: FlatEvent) -> Fields:
    """Count one visitor's events with nothing forgotten; `event` says whose visit is shown."""
    apart = list({each.fields[EVENT_ID]: each for each in events}.values())
    visit = event.fields[VISIT]
    own = [each for each in apart if each.fields[VISIT] == visit]
    profile = {"visitor_visits": len({each.fields[VISIT] for each in apart} - {""})}
    profile |= {"visitor_" + name: value for name, value in summary(apart).items()}
    profile["visitor_first_seen"] = profile.pop("visitor_start")
    profile["visitor_last_seen"] = profile.pop("visitor_end")
    if visit:
        profile |= {"visit_" + name: value for name, value in summary(own).items()}
    return profile


def summary(events: list[FlatEvent]) -> Fields:
    all_views = [e for e in events if e.fields[EVENT_TYPE] == "Pageview"]
    views = sorted((e for e in all_views if e.fields[PAGE]), key=place)
    return {
        "first_page": views[0].fields[PAGE] if views else None,
        "last_page": views[-1].fields[PAGE] if views else None,
        "start": min(map(at, events)),
        "end": max(map(at, events)),
        "pageviews": len(all_views),
        "events": len(events),
    }
