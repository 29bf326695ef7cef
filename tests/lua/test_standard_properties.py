"""`standard` on a real server against its naive oracle and a naive count, by generated streams."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.profiles.reply import Applied
from profiler.records.types import FlatEvent
from tests.lua.runner import T0, TIGHT, Answer, Fields, Runner, answer_of, examples, flat_of
from tests.lua.streams import SIZES, arbitrary, delivered, distinct, in_order
from tests.oracles import events as oracle_events
from tests.oracles import standard as oracle
from tests.oracles.article import EVENT_TYPE, PAGE, VISIT, VISITOR, BadId, id_of
from tests.oracles.events import EVENT_ID, EVENT_TIME, digest_of, time_of
from tests.oracles.standard import FLAGS, StandardFold

#: Depend on the order of arrival by nature.
BY_ARRIVAL = {*FLAGS, "visit_number"}


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
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(oracle, "KEPT_VISITS", TIGHT["visits"])
        patch.setattr(oracle, "REMEMBERED_EVENTS", TIGHT["event_ids"])
        patch.setattr(oracle, "KEPT_STREAMS", TIGHT["streams"])
        patch.setattr(oracle_events, "MAX_PAGE_BYTES", TIGHT["value_bytes"])
        assert_agreement(shared_tight, stream, sizes)


def assert_agreement(runner: Runner, stream: list[FlatEvent], sizes: list[int]) -> None:
    """Every event's output, its flags, and at the end every hash, are what the oracle says."""
    runner.clear()
    fold = StandardFold()
    outcomes = runner.outcomes(stream, sizes)
    for number, (event, outcome) in enumerate(zip(stream, outcomes, strict=True)):
        expected = told(fold, event)
        assert answer_of(outcome) == expected, number
        if isinstance(outcome, Applied) and isinstance(expected, dict):
            assert outcome.flags == flags_of(expected), number
            assert outcome.profile["profile_rules_version"] == runner.rules.version
    for visitor in fold.visitors:
        assert runner.stored(visitor) == fold.latest(visitor)


def told(fold: StandardFold, event: FlatEvent) -> Answer:
    """Return what the oracle says, in the words of `answer_of`."""
    try:
        for name in (VISITOR, VISIT):
            id_of(event.fields, name)
    except BadId:
        return "bad_id"
    return fold.apply(
        event.fields, record_ms=event.timestamp, stream=event.stream, offset=event.offset
    )


def flags_of(expected: Fields) -> set[str]:
    """Return the oracle's flags, and those that are no fields of the output."""
    flags = {name for name in FLAGS if expected[name]}
    if "replayed" in flags:
        return flags
    if "time_corrected" in flags:
        flags = flags - {"time_corrected"} | {"time_replaced"}
    return flags if expected["visit_id"] is not None else flags | {"no_visit"}


# --- within the bounds: any order, any redelivery ------------------------------------------------


@examples(60)
@given(data=st.data(), events=distinct([*"ABCDEFGH", ""]), sizes=SIZES)
def test_any_order_and_any_redelivery_give_the_profile_of_the_oracle(
    shared_standard: Runner, data: st.DataObject, events: list[FlatEvent], sizes: list[int]
) -> None:
    shared_standard.clear()
    shared_standard.profiles(data.draw(delivered(events)), sizes)
    fold = StandardFold()
    for event in sorted(events, key=order):
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


def order(event: FlatEvent) -> tuple[int, str]:
    return time_of(str(event.fields[EVENT_TIME]), event.timestamp), digest_of(
        event.fields[EVENT_ID]
    )


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
    ordered = sorted(events, key=order)
    all_views = [e for e in ordered if e.fields[EVENT_TYPE] == "Pageview"]
    views = [e for e in all_views if e.fields[PAGE]]
    return {
        "first_page": views[0].fields[PAGE] if views else None,
        "last_page": views[-1].fields[PAGE] if views else None,
        "start": order(ordered[0])[0],
        "end": order(ordered[-1])[0],
        "pageviews": len(all_views),
        "events": len(events),
    }
