"""The oracle of `standard` at its limits: kept visits, remembered events, long pages, streams."""

from __future__ import annotations

from tests.unit.oracle_events import T0, Feed, flags, part, ping, view


def eight_visits(feed: Feed) -> None:
    """Open V1 to V8 at 10, 20, ... 80."""
    for number in range(1, 9):
        feed(view(f"V{number}", f"page {number}"), 10 * number)


def test_standard_evicts_the_visit_whose_latest_event_is_oldest(feed: Feed) -> None:
    eight_visits(feed)
    feed(ping("V1"), 85)
    ninth = feed(view("V9", "page 9"), 90)  # V2 goes: V1 has a newer event
    assert flags(ninth) == {"new_visit", "truncated"}
    assert part(ninth, "visit_number", "visitor_visits", "visitor_events") == [9, 9, 10]
    assert flags(feed(ping("V1"), 91)) == set()

    back = feed(view("V2", "again"), 95)  # V3 goes
    assert flags(back) == {"truncated"}
    assert part(back, "visit_number", "visitor_visits", "visit_events") == [None, 9, 1]
    assert part(back, "visit_first_page", "visit_start") == [None, T0 + 95]
    assert part(back, "visitor_first_page", "visitor_first_seen") == ["page 1", T0 + 10]


def test_standard_moves_only_minimums_for_a_late_event(feed: Feed) -> None:
    eight_visits(feed)
    late = feed(view("V0", "page 0"), 5)
    assert flags(late) == {"late", "corrected"}
    assert part(late, "visitor_first_page", "visitor_first_seen") == ["page 0", T0 + 5]
    assert part(late, "visitor_last_page", "visitor_last_seen") == ["page 8", T0 + 80]
    assert part(late, "visitor_visits", "visitor_pageviews", "visitor_events") == [8, 8, 8]
    assert {n: late[n] for n in late if n.startswith("visit_") and late[n] is not None} == {
        "visit_id": "V0"
    }
    assert flags(feed(view("V0", "page 0"), 6)) == {"late"}
    assert feed(ping("V1"), 7)["visit_start"] == T0 + 7  # a kept visit is never late


def test_standard_decides_lateness_by_visit_id_at_equal_times(feed: Feed) -> None:
    eight_visits(feed)
    assert flags(feed(ping("V0"), 10)) == {"late"}
    assert flags(feed(ping("V1x"), 10)) == {"new_visit", "truncated"}


def test_standard_remembers_64_events_of_a_visit(feed: Feed) -> None:
    for number in range(64):
        assert "truncated" not in flags(feed(ping("A", id=f"e{number}"), number))
    assert flags(feed(ping("A", id="e0"), 64)) == {"repeated"}
    assert flags(feed(ping("A", id="e64"), 65)) == {"truncated"}  # e0 is forgotten
    assert flags(feed(ping("A", id="e1"), 66)) == {"repeated"}
    again = feed(ping("A", id="e0"), 67)
    assert flags(again) == {"truncated"}
    assert part(again, "visit_events", "visitor_events") == [66, 66]


def test_standard_cuts_a_page_between_characters(feed: Feed) -> None:
    fits = feed(view("A", "é" * 2048), 0)
    assert "truncated" not in flags(fits)
    too_long = feed(view("B", "x" + "é" * 2048), 1)
    assert "truncated" in flags(too_long)
    assert too_long["visit_first_page"] == "x" + "é" * 2047


def test_standard_applies_nothing_at_or_below_the_watermark(feed: Feed) -> None:
    feed(view("A", "a1"), 10, stream="s", offset=7)
    for offset in (7, 3):
        replayed = feed(view("A", "older"), 5, stream="s", offset=offset)
        assert flags(replayed) == {"replayed"}
        assert part(replayed, "visit_first_page", "visit_start") == ["a1", T0 + 10]
        assert part(replayed, "visitor_events", "visit_events") == [1, 1]
    unknown = feed(view("B", "b1"), 20, stream="s", offset=7)
    assert part(unknown, "visit_id", "visit_number", "visit_bounce") == ["B", None, None]
    assert flags(feed(ping("A"), 11, stream="other", offset=0)) == set()
    assert flags(feed(ping("A"), 12, stream="s", offset=8)) == set()
    assert flags(feed(ping("A"), 13)) == set()  # no stream, no watermark


def test_standard_forgets_the_stream_that_stood_still_the_longest(feed: Feed) -> None:
    for number in range(1_024):
        feed(ping("A"), number, stream=f"s{number}", offset=5)
    feed(ping("A"), 1_024, stream="s0", offset=6)
    feed(ping("A"), 1_025, stream="s1024", offset=5)  # s1 is forgotten
    assert flags(feed(ping("A"), 1_026, stream="s0", offset=6)) == {"replayed"}
    assert "replayed" not in flags(feed(ping("A"), 1_027, stream="s1", offset=5))
