"""Devices whose clocks are wrong: which time their events are given, and in which order."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.worker.door import DAY, NOW, Door, Json, dated, door, page_view

__all__ = ["door"]

HOUR = 3_600_000
YEAR = 365 * DAY


def sent(created: int, page: str, at: int, **more: object) -> Json:
    """A page view with its own time, sent at another one, both by the same clock."""
    return dated(created, page, dvce_sent_tstamp=at, **more)


def iso(ms: int) -> str:
    """As text: by its size a number of 1970 would be one of seconds."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    return moment.isoformat(timespec="milliseconds")


def order_of(outputs: list[Json]) -> tuple[str, str]:
    """First and last page after the last event."""
    return outputs[-1]["visit_first_page"], outputs[-1]["visit_last_page"]


# --- without a time of sending --------------------------------------------------------------------


@pytest.mark.field(
    kind="times",
    meets="a device's clock is about an hour ahead, as much as is allowed",
    happens="events keep their order where they are further apart than their delays differ",
)
def test_a_clock_about_an_hour_ahead_keeps_its_order(door: Door) -> None:
    """The delay of the network puts each event on another side of the allowed skew."""
    pages = ["Start", "List", "Cart", "Order"]
    delays = [450, 40, 330, 60]
    events = [dated(NOW + HOUR + 150 + 500 * n, page) for n, page in enumerate(pages)]
    received = [NOW + 500 * n + delay for n, delay in enumerate(delays)]
    outputs = door.take(*events, timestamps=received)
    assert order_of(outputs) == ("Start", "Order")
    assert [output["corrected"] for output in outputs] == 4 * [False]
    assert [output["time_corrected"] for output in outputs] == [False, True, False, True]


@pytest.mark.field(
    kind="times",
    meets="a queue of a wrong clock arrives at once",
    happens="its events keep their order; `profile_time_corrected` says that the times are others",
)
def test_a_queue_of_a_wrong_clock_keeps_its_order(door: Door) -> None:
    """All of it arrives at once, and the clock is two hours ahead."""
    pages = ["Start", "List", "Cart", "Details", "Order", "Thanks"]
    events = [dated(NOW + 2 * HOUR + 100 * n, page) for n, page in enumerate(pages)]
    outputs = door.take(*events, timestamps=6 * [NOW + 900])
    assert order_of(outputs) == ("Start", "Thanks")
    assert (outputs[-1]["visit_start"], outputs[-1]["visit_end"]) == 2 * (NOW + 900 + HOUR,)
    assert all(output["time_corrected"] for output in outputs)


@pytest.mark.parametrize("shuffled", [[3, 0, 2, 1], [1, 2, 3, 0]])
def test_a_queue_of_a_wrong_clock_may_arrive_in_any_order(door: Door, shuffled: list[int]) -> None:
    events = [dated(NOW - 90 * DAY + 100 * n, page) for n, page in enumerate("ABCD")]
    outputs = door.take(*(events[n] for n in shuffled), timestamps=4 * [NOW])
    assert order_of(outputs) == ("A", "D")
    assert outputs[-1]["visit_start"] == NOW - 30 * DAY


@pytest.mark.field(
    kind="times",
    meets="a device's clock jumps in mid-visit, and nothing says when its events were sent",
    happens="the event is taken to be at most an hour ahead, and `profile_time_corrected` says so",
)
def test_a_clock_that_jumps_in_mid_visit_is_clamped_and_said(door: Door) -> None:
    """By a day, for one event."""
    events = [dated(NOW, "Start"), dated(NOW + DAY, "List"), dated(NOW + 20, "Cart")]
    outputs = door.take(*events, timestamps=[NOW + 3, NOW + 13, NOW + 23])
    assert [output["time_corrected"] for output in outputs] == [False, True, False]
    assert outputs[-1]["visit_end"] == NOW + 13 + HOUR
    assert outputs[-1]["visit_pageviews"] == 3


# --- with a time of sending -----------------------------------------------------------------------


@pytest.mark.field(
    kind="times",
    meets="the network takes a different time for each event",
    happens="delays of up to 45 minutes change no time and no order",
)
def test_transit_jitter_moves_no_event(door: Door) -> None:
    """Each is sent at once, and under way for between 20 ms and 44 minutes."""
    minute, pages = 60_000, ["Start", "List", "Cart", "Order", "Thanks"]
    delays = [44 * minute, 20, 31 * minute, 300, 9 * minute]
    events = [sent(NOW + 700 * n, page, NOW + 700 * n + 3) for n, page in enumerate(pages)]
    received = [NOW + 700 * n + 3 + delay for n, delay in enumerate(delays)]
    arrivals = sorted(zip(received, events, strict=True), key=lambda arrival: arrival[0])
    outputs = door.take(*(e for _, e in arrivals), timestamps=[at for at, _ in arrivals])
    assert order_of(outputs) == ("Start", "Thanks")
    assert (outputs[-1]["visit_start"], outputs[-1]["visit_end"]) == (NOW, NOW + 2_800)
    assert not any(output["time_corrected"] for output in outputs)


@pytest.mark.field(
    kind="times",
    meets="an offline queue of a device in the wrong time zone",
    happens="its clock is put right by when it sent them, in quarter hours; the order stays",
)
def test_an_offline_queue_of_a_wrong_zone_is_put_right(door: Door) -> None:
    """Nepal is 5:45 ahead. The queue waited for two days, and is sent event by event."""
    zone, pages = 5 * HOUR + 45 * 60_000, ["Start", "List", "Cart", "Thanks"]
    made = NOW - 2 * DAY
    events = [
        sent(made + zone + 5_000 * n, page, NOW + zone + 40 * n) for n, page in enumerate(pages)
    ]
    outputs = door.take(*reversed(events), timestamps=[NOW + 900, NOW + 300, NOW + 800, NOW + 90])
    assert order_of(outputs) == ("Start", "Thanks")
    assert (outputs[-1]["visit_start"], outputs[-1]["visit_end"]) == (made, made + 15_000)
    assert all(output["time_corrected"] for output in outputs)


@pytest.mark.field(
    kind="times",
    meets="an offline queue of a good clock, older than 30 days",
    happens="its events keep their own times",
)
def test_an_old_offline_queue_of_a_good_clock_keeps_its_times(door: Door) -> None:
    events = [sent(NOW - 90 * DAY + 100 * n, page, NOW) for n, page in enumerate("AB")]
    outputs = door.take(*events, timestamps=[NOW + 80, NOW + 90])
    assert (outputs[-1]["visit_start"], outputs[-1]["visit_end"]) == (
        NOW - 90 * DAY,
        NOW - 90 * DAY + 100,
    )
    assert not any(output["time_corrected"] for output in outputs)


@pytest.mark.field(
    kind="times",
    meets="a tracker sends an event again a day later",
    happens="it is a repeat, and the visit does not grow by a day, also where the clock is wrong",
)
@pytest.mark.parametrize("ahead", [0, 3 * HOUR, -2 * DAY], ids=["right", "ahead", "behind"])
def test_a_copy_that_is_sent_again_a_day_later_moves_nothing(door: Door, ahead: int) -> None:
    first, second = NOW + ahead, NOW + ahead + 9_000
    arrivals = [
        (sent(first, "Start", first + 20), NOW + 110),
        (sent(second, "Cart", second + 20), NOW + 9_400),
        (sent(first, "Start", first + DAY), NOW + DAY + 260),
    ]
    door.now = NOW + DAY
    outputs = door.take(*(e for e, _ in arrivals), timestamps=[at for _, at in arrivals])
    *_, again = outputs
    assert [output["repeated"] for output in outputs] == [False, False, True]
    assert (again["visit_start"], again["visit_end"]) == (NOW, NOW + 9_000)
    assert (again["visit_pageviews"], again["visit_last_page"]) == (2, "Cart")


@pytest.mark.field(
    kind="times",
    meets="a device's clock says 2099, or 1970",
    happens="it is put right by when it sent its events; they stand beside other devices' events",
)
@pytest.mark.parametrize("wrong", [NOW + 76 * YEAR, 90_000], ids=["2099", "1970"])
def test_a_clock_of_another_century_is_put_right(door: Door, wrong: int) -> None:
    """The visitor's telephone and desktop are used in turn."""
    arrivals = [
        (dated(NOW, "Desktop 1", domain_sessionid="B"), NOW + 40),
        (dated(iso(wrong), "Phone 1", dvce_sent_tstamp=iso(wrong + 10)), NOW + 5_090),
        (dated(iso(wrong + 1_000), "Phone 2", dvce_sent_tstamp=iso(wrong + 1_010)), NOW + 6_020),
        (dated(NOW + 60 * 60_000, "Desktop 2", domain_sessionid="B"), NOW + 60 * 60_000 + 40),
    ]
    door.now = NOW + HOUR
    outputs = door.take(*(e for e, _ in arrivals), timestamps=[at for _, at in arrivals])
    assert order_of(outputs[:3]) == ("Phone 1", "Phone 2")
    last = outputs[-1]
    assert (last["visitor_first_page"], last["visitor_last_page"]) == ("Desktop 1", "Desktop 2")
    # To the quarter hour.
    assert abs(outputs[2]["visit_end"] - (NOW + 6_000)) <= 15 * 60_000 // 2
    assert [output["time_corrected"] for output in outputs] == [False, True, True, False]


@pytest.mark.field(
    kind="times",
    meets="a device's clock jumps in mid-visit, and its events say when they were sent",
    happens="the event is put where it belongs, and `profile_time_corrected` says so",
)
def test_a_clock_that_jumps_in_mid_visit_is_put_right_and_said(door: Door) -> None:
    events = [
        sent(NOW, "Start", NOW + 1),
        sent(NOW + DAY + 10, "List", NOW + DAY + 11),
        sent(NOW + 20, "Cart", NOW + 21),
    ]
    outputs = door.take(*events, timestamps=[NOW + 3, NOW + 13, NOW + 23])
    assert [output["visit_last_page"] for output in outputs] == ["Start", "List", "Cart"]
    assert [output["time_corrected"] for output in outputs] == [False, True, False]
    assert outputs[-1]["visit_end"] == NOW + 20


@pytest.mark.parametrize("nothing", ["soon", "", True], ids=str)
def test_a_sent_time_that_is_none_is_as_if_it_were_absent(door: Door, nothing: object) -> None:
    event = dated(NOW + 2 * HOUR, "Start", dvce_sent_tstamp=nothing)
    (output,) = door.take(event, timestamps=[NOW])
    assert output["visit_start"] == NOW + HOUR


# --- visits that come back ------------------------------------------------------------------------


@pytest.mark.field(
    kind="times",
    meets="a visit comes back after more others than are kept, as with a tab for each visit",
    happens="no new visit; its entry page and number are null, and each output says `truncated`",
)
def test_a_visit_that_comes_back_after_it_was_forgotten_is_no_new_one(door: Door) -> None:
    visits = [*"ABCDEFGHI", "A", "A", "I"]
    outputs = door.take(
        *(
            page_view(
                domain_sessionid=visit,
                page_title=f"page {n}",
                event_id=str(n),
                dvce_created_tstamp=NOW + n,
            )
            for n, visit in enumerate(visits)
        ),
        timestamps=[NOW + n for n in range(len(visits))],
    )
    assert [output["visitor_visits"] for output in outputs] == [1, 2, 3, 4, 5, 6, 7, 8, *4 * [9]]
    for number, output in enumerate(outputs[9:11], 1):
        assert (output["visit_number"], output["visit_first_page"]) == (None, None)
        assert (output["visit_last_page"], output["visit_pageviews"]) == (
            f"page {8 + number}",
            number,
        )
        assert (output["truncated"], output["new_visit"]) == (True, False)
    # The others are as they were.
    assert (outputs[11]["visit_number"], outputs[11]["visit_first_page"]) == (9, "page 8")
    assert not outputs[11]["truncated"]
