"""The oracle of `standard` against expectations written by hand from the design, before any run."""

from __future__ import annotations

import pytest

from tests.oracles.events import EVENT_ID, read_event
from tests.oracles.standard import StandardFold
from tests.unit.oracle_events import T0, Feed, flags, part, ping, view


def test_standard_shows_everything_about_a_first_page_view(feed: Feed) -> None:
    assert feed(view("A", "home"), 5) == {
        "visitor_id": "v",
        "visitor_first_page": "home",
        "visitor_last_page": "home",
        "visitor_first_seen": T0 + 5,
        "visitor_last_seen": T0 + 5,
        "visitor_visits": 1,
        "visitor_pageviews": 1,
        "visitor_events": 1,
        "visit_id": "A",
        "visit_number": 1,
        "visit_first_page": "home",
        "visit_last_page": "home",
        "visit_start": T0 + 5,
        "visit_end": T0 + 5,
        "visit_pageviews": 1,
        "visit_events": 1,
        "visit_bounce": True,
        "new_visitor": True,
        "new_visit": True,
        "repeated": False,
        "corrected": False,
        "late": False,
        "replayed": False,
        "truncated": False,
        "time_corrected": False,
    }


def test_standard_gives_each_event_its_own_visit_when_visits_interleave(feed: Feed) -> None:
    profiles = [
        feed(view("A", "a1"), 0),
        feed(view("A", "a2"), 1),
        feed(view("B", "b1"), 2),
        feed(view("A", "a3"), 3),
        feed(view("B", "b2"), 4),
    ]
    names = ("visit_id", "visit_number", "visit_first_page", "visit_last_page", "visit_pageviews")
    assert [part(p, *names) for p in profiles] == [
        ["A", 1, "a1", "a1", 1],
        ["A", 1, "a1", "a2", 2],
        ["B", 2, "b1", "b1", 1],
        ["A", 1, "a1", "a3", 3],
        ["B", 2, "b1", "b2", 2],
    ]
    assert [p["visit_bounce"] for p in profiles] == [True, False, True, False, False]
    assert [p["visitor_visits"] for p in profiles] == [1, 1, 2, 2, 2]
    assert [flags(p) for p in profiles] == [
        {"new_visitor", "new_visit"},
        set(),
        {"new_visit"},
        set(),
        set(),
    ]
    assert part(profiles[-1], "visit_start", "visit_end") == [T0 + 2, T0 + 4]
    assert part(profiles[-1], "visitor_first_page", "visitor_last_page") == ["a1", "b2"]
    assert feed.fold.latest("v") == {
        "visitor_id": "v",
        "visitor_first_page": "a1",
        "visitor_last_page": "b2",
        "visitor_first_seen": T0,
        "visitor_last_seen": T0 + 4,
        "visitor_visits": 2,
        "visitor_pageviews": 5,
        "visitor_events": 5,
        "visit_id": "B",
        "visit_number": 2,
        "visit_first_page": "b1",
        "visit_last_page": "b2",
        "visit_start": T0 + 2,
        "visit_end": T0 + 4,
        "visit_pageviews": 2,
        "visit_events": 2,
        "visit_bounce": False,
    }


def test_standard_learns_the_entry_page_from_the_first_page_view(feed: Feed) -> None:
    feed(view("A", "a1"), 0)
    before = feed(ping("B"), 1)
    after = feed(view("B", "b1"), 2)
    names = ("visit_first_page", "visit_last_page", "visit_pageviews", "visit_bounce")
    assert part(before, *names) == [None, None, 0, True]
    assert part(after, *names) == ["b1", "b1", 1, True]
    assert flags(after) == set()
    assert after["visit_start"] == T0 + 1


def test_standard_keeps_unknown_fields_out_of_the_hash(feed: Feed) -> None:
    feed(ping("A"), 0)
    stored = feed.fold.latest("v")
    assert "visit_first_page" not in stored
    assert "visitor_last_page" not in stored
    assert (stored["visit_pageviews"], stored["visit_bounce"]) == (0, True)
    assert feed.fold.final_profile() == {"v": stored}
    assert feed.fold.latest("nobody") == {}


def test_standard_counts_a_repeat_once_and_merges_its_time(feed: Feed) -> None:
    feed(view("A", "a1", id="a"), 10)
    feed(view("A", "a2", id="b"), 20)
    repeat = feed(view("A", "a1", id="a"), 30)
    assert flags(repeat) == {"repeated"}
    assert part(repeat, "visitor_events", "visitor_pageviews", "visit_events") == [2, 2, 2]
    assert part(repeat, "visit_first_page", "visit_last_page") == ["a1", "a1"]
    assert part(repeat, "visit_start", "visit_end") == [T0 + 10, T0 + 30]


def test_standard_counts_one_event_id_in_two_visits_twice(feed: Feed) -> None:
    feed(view("A", "a1", id="a"), 0)
    other = feed(view("B", "b1", id="a"), 1)
    assert flags(other) == {"new_visit"}
    assert other["visitor_events"] == 2


def test_standard_corrects_entry_pages_when_an_older_event_comes(feed: Feed) -> None:
    feed(view("A", "second"), 10)
    older = feed(view("A", "first"), 5)
    assert flags(older) == {"corrected"}
    names = ("visit_first_page", "visit_last_page", "visitor_first_page", "visitor_last_page")
    assert part(older, *names) == ["first", "second", "first", "second"]
    assert part(older, "visit_start", "visit_end") == [T0 + 5, T0 + 10]
    same_page = feed(view("A", "first"), 1)
    assert flags(same_page) == set()


def test_standard_corrects_the_visitors_entry_page_by_an_older_visit(feed: Feed) -> None:
    feed(view("B", "b1"), 10)
    older = feed(view("A", "a1"), 5)
    assert flags(older) == {"corrected", "new_visit"}
    assert part(older, "visit_number", "visitor_first_page") == [2, "a1"]
    assert feed.fold.latest("v")["visit_id"] == "B"


@pytest.mark.parametrize("arrival", ["aZé", "Zéa", "éaZ", "aéZ", "Zaé", "éZa"])
def test_standard_breaks_ties_by_the_bytes_of_the_page(feed: Feed, arrival: str) -> None:
    for page in arrival:
        last = feed(view("A", page), 0)
    assert part(last, "visit_first_page", "visit_last_page") == ["Z", "é"]


def test_standard_breaks_ties_by_the_devices_clock_first() -> None:
    """All are a day ahead or more, so all are taken to be an hour ahead."""
    fold = StandardFold()
    for ahead, page in [(3, "second"), (9, "a third"), (2, "z first")]:
        event = view("A", page, id=page, time=T0 + ahead * 86_400_000)
        shown = fold.apply(event, record_ms=T0)
    assert shown is not None
    assert part(shown, "visit_first_page", "visit_last_page") == ["z first", "a third"]
    assert part(shown, "visit_start", "visit_end") == [T0 + 3_600_000] * 2


def test_standard_knows_no_visit_without_a_visit_id(feed: Feed) -> None:
    feed(view("A", "a1"), 0)
    alone = feed(view(None, "x", id="a"), 1)
    repeat = feed(view(None, "x", id="a"), 1)
    assert [alone[name] for name in alone if name.startswith("visit_")] == [None] * 9
    assert part(alone, "visitor_visits", "visitor_events", "visitor_last_page") == [1, 2, "x"]
    assert flags(alone) == set()
    assert flags(repeat) == {"repeated"}
    assert repeat["visitor_events"] == 2
    assert feed.fold.latest("v")["visit_id"] == "A"


def test_standard_has_no_profile_for_an_anonymous_event() -> None:
    fold = StandardFold()
    assert fold.apply(view("A", "a1", visitor=None), record_ms=T0) is None
    assert fold.visitors == {}


def test_standard_counts_an_event_without_any_time(feed: Feed) -> None:
    feed(view("A", "a1"), 0)
    timeless = view("A", "a2", id="x")
    shown = feed.fold.fold(timeless, received=None)
    assert shown is not None
    assert flags(shown) == {"time_corrected", "no_time"}
    assert part(shown, "visit_last_page", "visit_end", "visit_events") == ["a1", T0, 2]
    opening = feed.fold.fold(view("B", "b1", id="y"), received=None)
    assert opening is not None
    assert part(opening, "visit_first_page", "visit_start", "visit_number") == [None, None, 2]
    assert feed.fold.latest("v")["visit_id"] == "A"
    # Without an id, nothing recognises it.
    for _ in range(2):
        shown = feed.fold.fold(view("A", "a2"), received=None)
    assert shown is not None
    assert part(shown, "repeated", "visit_events") == [False, 4]


def test_standard_recognises_a_visit_that_it_forgot(feed: Feed) -> None:
    for at, visit in enumerate("ABCDEFGHI"):
        shown = feed(view(visit, f"page {visit}"), at)
    assert part(shown, "visitor_visits", "truncated") == [9, True]
    back = feed(ping("A"), 20)
    assert flags(back) == {"truncated"}
    names = ("visitor_visits", "visit_number", "visit_first_page", "visit_start", "visit_events")
    assert part(back, *names) == [9, None, None, T0 + 20, 1]
    viewed = feed(view("A", "again"), 21)
    assert flags(viewed) == {"truncated"}
    assert part(viewed, "visit_first_page", "visit_last_page") == [None, "again"]
    assert feed.fold.latest("v").keys() & {"visit_number", "visit_first_page"} == set()
    late = feed(view("B", "too late"), 1)
    assert flags(late) == {"late"}
    assert late["visitor_visits"] == 9


def test_standard_remembers_64_forgotten_visits(feed: Feed) -> None:
    for at in range(8 + 65):
        feed(view(f"V{at}", "page"), at)
    assert flags(feed(ping("V0"), 100)) == {"truncated", "new_visit"}  # forgotten for good
    # V0 has pushed out V65, so that V1 is no longer among the 64 either.
    assert flags(feed(ping("V1"), 101)) == {"truncated", "new_visit"}
    assert flags(feed(ping("V3"), 102)) == {"truncated"}


def test_an_id_of_six_bytes_stands_for_itself() -> None:
    assert read_event({EVENT_ID: "abcdef"}, T0).identity == b"abcdef"
    assert read_event({EVENT_ID: "é" * 3}, T0).identity == ("é" * 3).encode()
