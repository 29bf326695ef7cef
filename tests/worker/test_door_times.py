"""Times at the door: what of a record can be an event's time, and what happens without one."""

import pytest

from tests.worker.door import DAY, NOW, Door, Json, dated, door, page_view

__all__ = ["door"]


@pytest.mark.parametrize(
    "timestamp",
    [-1, 0, 1, NOW // 1_000, NOW * 1_000, NOW * 1_000_000, 94_694_399_999, NOW + DAY + 1, 2**63],
)
@pytest.mark.field(
    kind="times",
    meets="a record's time is in seconds, 0, negative, before 1973 or a day ahead",
    happens="it counts as none, and the event's own time stands",
)
def test_an_implausible_record_time_is_none_and_the_own_time_stands(
    door: Door, timestamp: int
) -> None:
    outputs = door.take(
        *(dated(NOW + 200 * n, page) for n, page in enumerate(["Start", "List", "Cart"])),
        timestamps=3 * [timestamp],
    )
    last = outputs[-1]
    assert (last["visit_start"], last["visit_end"]) == (NOW, NOW + 400)
    assert (last["visit_first_page"], last["visit_last_page"]) == ("Start", "Cart")
    assert [output["time_corrected"] for output in outputs] == 3 * [False]


@pytest.mark.parametrize("timestamp", [-1, 0, NOW // 1_000, NOW * 1_000])
@pytest.mark.parametrize("own", [None, "", 0, -1, "soon", NOW + 2 * DAY, "1970-01-01"])
@pytest.mark.field(
    kind="times",
    meets="neither the event nor its record has a time that can be",
    happens="the time of reading, and `profile_time_corrected`",
)
def test_without_any_time_that_can_be_the_reading_time_is_taken_and_said(
    door: Door, timestamp: int, own: object
) -> None:
    """Not 1970, which would be the visitor's first day for ever."""
    (output,) = door.take(dated(own, "Start"), timestamps=[timestamp])
    assert output["visitor_first_seen"] == output["visit_end"] == NOW
    assert output["time_corrected"]


@pytest.mark.parametrize("own", [True, False, [NOW], {"ms": NOW}, None, ""])
def test_what_is_no_time_by_its_type_is_absent(door: Door, own: object) -> None:
    (output,) = door.take(dated(own, "Start"), timestamps=[NOW - 5])
    assert output["visit_start"] == NOW - 5
    assert not output["time_corrected"]


@pytest.mark.parametrize(
    "own",
    [
        *((NOW + 123) * 10**power for power in (0, 3, 6)),
        *(NOW / 1_000 + 0.123, f"{NOW // 1_000}.123", f"{NOW // 1_000},123", f" {NOW + 123} "),
        *("2023-11-14T22:13:20.123Z", "2023-11-14 22:13:20,123456789", "20231114T221320.123Z"),
        *("2023-11-15T03:43:20.123+05:30", "2023-11-14t14:13:20.123-0800"),
    ],
)
def test_an_own_time_is_read_in_every_form(door: Door, own: object) -> None:
    (output,) = door.take(dated(own, "Start"), timestamps=[NOW + 900])
    assert output["visit_start"] == NOW + 123
    assert not output["time_corrected"]


@pytest.mark.parametrize("own", ["2023-W46-2", "2023-11-31T00:00:00Z", "11/14/2023", "٣", "0x18B"])
def test_a_text_that_is_no_time_is_replaced_and_said(door: Door, own: str) -> None:
    (output,) = door.take(dated(own, "Start"), timestamps=[NOW + 900])
    assert output["visit_start"] == NOW + 900
    assert output["time_corrected"]


@pytest.mark.field(
    kind="times",
    meets="an archive without record times",
    happens="its events keep their own times",
)
def test_an_archive_without_record_times_keeps_its_own(door: Door) -> None:
    """Some of it is read in another order, years later."""
    year = 365 * DAY
    pages = {"Order": 2 * DAY + 5, "Start": 0, "Thanks": 9, "Return": 2 * DAY}
    outputs = door.take(
        *(
            dated(NOW - 3 * year + at, page, domain_sessionid=f"visit {at // DAY}")
            for page, at in pages.items()
        )
    )
    last = outputs[-1]
    assert last["visitor_first_seen"] == NOW - 3 * year
    assert last["visitor_last_page"] == "Order"
    assert (last["visit_start"], last["visit_first_page"]) == (NOW - 3 * year + 2 * DAY, "Return")
    assert not any(output["time_corrected"] for output in outputs)


@pytest.mark.field(
    kind="times",
    meets="lines without any time",
    happens="they come one after the other, and are no repeats",
)
def test_events_without_any_time_come_one_after_the_other(door: Door) -> None:
    pages = ["Start", "List", "Cart", "List", "Order", "Order"]
    outputs = door.take(*(page_view(page_title=page) for page in pages))
    assert [output["visit_last_page"] for output in outputs] == pages
    assert [output["visit_end"] for output in outputs] == [*range(NOW, NOW + 6)]
    assert outputs[-1]["visit_pageviews"] == 6
    assert not any(output["repeated"] for output in outputs)


def test_a_reader_s_clock_that_goes_back_reorders_nothing(door: Door) -> None:
    pages = ["Start", "List", "Cart", "Order"]
    for page, shift in zip(pages, (0, -DAY, 5, -9), strict=True):
        door.now = NOW + shift
        (output,) = door.take(page_view(page_title=page))
        assert (output["visit_first_page"], output["visit_last_page"]) == ("Start", page)
    assert output["visit_end"] == NOW + 6


def test_a_file_that_is_read_again_is_no_repeat_where_it_has_no_times(door: Door) -> None:
    (first,) = door.take(page_view(page_title="Start"))
    door.now += 1_000
    (again,) = door.take(page_view(page_title="Start"))
    assert (first["visit_pageviews"], again["visit_pageviews"]) == (1, 2)


def test_events_at_different_offsets_are_no_repeats_where_they_have_no_times(door: Door) -> None:
    outputs = door.take(*3 * [page_view(page_title="Start")], watermarks=True)
    assert [output["visit_pageviews"] for output in outputs] == [1, 2, 3]
    assert not any(output["repeated"] for output in outputs)


def test_two_readers_at_one_moment_make_no_repeats(door: Door) -> None:
    (first,) = door.take(page_view(page_title="Start"), watermarks=True)
    door.restart()
    (second,) = door.take(page_view(page_title="Start"), watermarks=True)
    assert first["visit_end"] is second["visit_end"] is None
    assert (second["repeated"], second["visit_pageviews"]) == (False, 2)


@pytest.mark.parametrize("timestamp", [-1, NOW // 1_000])
@pytest.mark.parametrize("own", [None, "soon", NOW + 2 * DAY])
@pytest.mark.field(
    kind="times",
    meets="nothing says when an event of Kafka happened",
    happens="it counts and moves no first or last, and `profile_time_corrected` says so",
)
def test_an_event_of_a_stream_without_any_time_counts_and_moves_nothing(
    door: Door, timestamp: int, own: object
) -> None:
    """The time of reading would change with every redelivery."""
    dated_view = dated(NOW, "Start", domain_sessionid="B")
    door.take(dated_view, timestamps=[NOW], watermarks=True)
    (output,) = door.take(dated(own, "List"), timestamps=[timestamp], watermarks=True)
    assert output["time_corrected"]
    assert output["visitor_last_page"] == "Start"
    assert (output["visit_first_page"], output["visit_start"]) == (None, None)
    assert (output["visit_pageviews"], output["visitor_pageviews"]) == (1, 2)


# --- the field that says when an event was received -----------------------------------------------


def received(at: object, page: str, **more: object) -> Json:
    """A page view without a time of its own, of which a collector says when it came."""
    return page_view(page_title=page, event_id=f"id of {page}", **more) | {
        "kafka_raw-timestamp": at
    }


@pytest.mark.parametrize(
    "at", [NOW - 5, str(NOW - 5), (NOW - 5) * 1_000, "2023-11-14T22:13:19.995Z"]
)
@pytest.mark.field(
    kind="times",
    meets="a record that was copied from topic to topic, long after its event came",
    happens="the field that the rules name says when it was received; else the record's time",
)
def test_the_field_of_the_rules_says_when_an_event_was_received(door: Door, at: object) -> None:
    (output,) = door.take(received(at, "Start"), timestamps=[NOW], mode="profile")
    assert output["visit_start"] == NOW - 5
    assert not output["time_corrected"]


@pytest.mark.parametrize("at", [None, "", 0, "soon", NOW + DAY + 1, True])
def test_where_the_field_is_implausible_the_record_s_time_stands(door: Door, at: object) -> None:
    (output,) = door.take(received(at, "Start"), timestamps=[NOW - 7])
    assert output["visit_start"] == NOW - 7


def test_a_replayed_event_says_nothing_of_its_time(door: Door) -> None:
    taken = dated("soon", "Start")
    (first,) = door.take(taken, timestamps=[NOW], watermarks=True)
    door.offset -= 1
    (again,) = door.take(taken, timestamps=[NOW], watermarks=True)
    assert (first["replayed"], first["time_corrected"]) == (False, True)
    assert (again["replayed"], again["time_corrected"]) == (True, False)
