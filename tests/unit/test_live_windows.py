"""The live page's windows: bounded, and exact about what is in them."""

from typing import Any

import orjson
import pytest

from profiler.rules.model import load_rules
from profiler.rules.shown import names_of
from profiler.service.live.histories import EVENTS_EACH, Change, Changes, Histories
from profiler.service.live.rates import SECONDS, Rates
from profiler.service.live.rings import OTHERS, Ring, Tally
from profiler.service.live.visits import WINDOW_S, VisitWindow


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """Now."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_rates_are_of_full_seconds(clock: Clock) -> None:
    rates = Rates("a", "b", clock=clock)
    rates.add("a", 6)
    assert rates.per_second("a") == 0
    clock.now += 1
    assert rates.history() == {"a": [6], "b": [0]}
    assert rates.per_second("a") == 6
    clock.now += 2
    assert rates.per_second("a") == 2
    assert rates.per_second("b") == 0


def test_a_long_silence_leaves_a_window_of_zeros(clock: Clock) -> None:
    rates = Rates("a", clock=clock)
    rates.add("a", 6)
    clock.now += 1_000_000
    assert rates.history()["a"] == [0] * SECONDS


def test_top_lists_are_of_the_visits_in_the_window(clock: Clock) -> None:
    window = VisitWindow(["entry", "channel"], clock=clock)
    assert window.add("v", "1", {"entry": "Home", "channel": "Direct"})
    assert window.add("v", "2", {"entry": "Home"})
    assert window.add("w", "1", {"entry": "Sale", "channel": 7})
    assert window.counts() == (2, 3)
    assert window.tops() == [[("Home", 2), ("Sale", 1)], [("Direct", 1)]]

    clock.now += WINDOW_S - 1
    assert not window.add("w", "1", {"entry": "Sale"})
    clock.now += 1
    assert window.counts() == (1, 1)
    assert window.tops() == [[("Sale", 1)], []]


def test_a_corrected_entry_page_moves_its_visit(clock: Clock) -> None:
    window = VisitWindow(["entry"], clock=clock)
    window.add("v", "1", {"entry": None})
    assert window.tops() == [[]]
    window.add("v", "1", {"entry": "Sale"})
    window.add("v", "1", {"entry": "Home"})
    assert window.tops() == [[("Home", 1)]]


def test_the_visit_not_seen_for_longest_goes_first(clock: Clock) -> None:
    window = VisitWindow(["entry"], most=2, clock=clock)
    for visit in ("1", "2"):
        window.add("v", visit, {"entry": visit})
    window.add("v", "1", {"entry": "1"})
    assert not window.is_full
    window.add("v", "3", {"entry": "3"})
    assert window.is_full
    assert window.tops() == [[("1", 1), ("3", 1)]]


def test_an_event_without_a_visit_makes_its_visitor_seen(clock: Clock) -> None:
    window = VisitWindow(["entry"], clock=clock)
    window.add("v", None, {"entry": "Home"})
    assert window.counts() == (1, 0)
    assert window.tops() == [[]]


@pytest.fixture
def histories() -> Histories:
    return Histories(names_of(load_rules("standard")), most=2)


def profile(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - values of JSON
    return {"visitor_id": "v", "visit_id": "1", **fields}


def test_an_event_is_compared_with_the_one_before(histories: Histories) -> None:
    first = profile(new_visitor=True, new_visit=True, visitor_events=1, visit_first_page="Home")
    changes = histories.compare("v", "1", first)
    assert changes.is_whole
    assert Change("visitor_events", None, 1) in changes.fields
    assert Change("visit_first_page", None, "Home") in changes.fields

    second = profile(visitor_events=2, visit_first_page="Sale")
    assert histories.compare("v", "1", second) == (
        [Change("visitor_events", 1, 2), Change("visit_first_page", "Home", "Sale")],
        True,
    )


def test_a_visit_is_compared_with_itself(histories: Histories) -> None:
    histories.compare("v", "1", profile(new_visitor=True, new_visit=True, visit_events=1))
    histories.compare("v", "2", profile(visit_id="2", new_visit=True, visit_events=1))
    back = histories.compare("v", "1", profile(visit_events=2))
    assert back.fields == [Change("visit_events", 1, 2)]


def test_what_was_not_seen_is_not_guessed(histories: Histories) -> None:
    changes = histories.compare("v", "1", profile(visitor_events=7, new_visit=True, visit_events=1))
    assert not changes.is_whole
    assert [change.field for change in changes.fields] == ["visit_id", "visit_events"]


def test_long_values_are_kept_short_and_still_differ(histories: Histories) -> None:
    histories.compare("v", "1", profile(new_visitor=True, visitor_first_page="x" * 5_000 + "a"))
    changes = histories.compare("v", "1", profile(visitor_first_page="x" * 5_000 + "b"))
    [change] = [each for each in changes.fields if each.field == "visitor_first_page"]
    assert change.before != change.after
    assert len(change.before) < 200


def test_the_visitor_not_seen_for_longest_is_forgotten(histories: Histories) -> None:
    for number, visitor in enumerate(("a", "b", "a", "c")):
        changes = histories.compare(visitor, None, {"new_visitor": True})
        histories.note(visitor, {"n": number}, changes)
    kept = {visitor: numbers_of(histories, visitor) for visitor in "abc"}
    assert kept == {"a": [2, 0], "b": [], "c": [3]}


def numbers_of(histories: Histories, visitor: str) -> list[int]:
    return [orjson.loads(event)["n"] for event in histories.of(visitor)]


def test_so_many_events_of_a_visitor_are_kept(histories: Histories) -> None:
    for number in range(EVENTS_EACH + 5):
        histories.note("v", {"n": number}, histories.compare("v", None, {}))
    assert numbers_of(histories, "v") == list(range(EVENTS_EACH + 4, 4, -1))


def test_an_event_that_changed_much_is_kept_in_part(histories: Histories) -> None:
    changes = Changes(
        [Change(f"field_{number}", "a" * 200, "b" * 200) for number in range(50)], True
    )
    histories.compare("v", None, {})
    histories.note("v", {"n": 1}, changes)
    [event] = histories.of("v")
    assert len(event) < 5_000
    kept = orjson.loads(event)
    assert len(kept["changed"]) + kept["left_out"] == 50
    assert kept["changed"][0] == ["field_0", "a" * 200, "b" * 200]


def test_a_ring_gives_what_is_new() -> None:
    ring = Ring(2)
    for number in (1, 3, 4):
        ring.add(number, b"%d" % number)
    assert ring.after(0) == [b"4", b"3"]
    assert ring.after(3) == [b"4"]
    assert ring.after(4) == []


def test_a_tally_has_so_many_names() -> None:
    tally = Tally()
    for number in range(100):
        tally.add(str(number))
    assert tally.total == 100
    assert tally.items()[0] == (OTHERS, 70)
    assert len(tally.items()) == 31
