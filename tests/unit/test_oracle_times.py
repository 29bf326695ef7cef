"""The oracle's event times against expectations written by hand from the design, before any run."""

from __future__ import annotations

import pytest

from tests.oracles.events import EVENT_TIME, SENT, read_event
from tests.oracles.standard import StandardFold
from tests.unit.oracle_events import T0, part, view

ARABIC_DIGITS = {ord("0") + digit: 0x0660 + digit for digit in range(10)}
QUARTER = 900_000


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (T0 - 7, T0 - 7),
        (str(T0 + 3_600_000), T0 + 3_600_000),
        (str(T0 + 3_600_001), T0 + 3_600_000),
        (str(T0 - 2_592_000_000), T0 - 2_592_000_000),
        (str(T0 - 2_592_000_001), T0 - 2_592_000_000),
        ("0" * 2 + str(T0 - 7), T0 - 7),  # 15 digits
        ("0" * 3 + str(T0 - 7), T0 - 7),  # 16 digits
        ("", T0),
        (f"-{T0}", T0),
        (f"{T0 - 7} ", T0 - 7),
        ("2027-01-15T08:00:00.007Z", T0 + 7),
        ((T0 - 7) * 1_000, T0 - 7),
        ("soon", T0),
        (str(T0 - 7).translate(ARABIC_DIGITS), T0),
        (float(T0 - 7), T0 - 7),
        (None, T0),
    ],
)
def test_standard_believes_an_event_time_within_bounds(given: object, used: int) -> None:
    profile = StandardFold().apply(view("A", "a1", id="a", time=given), record_ms=T0)
    assert profile is not None
    assert part(profile, "visit_start", "visitor_last_seen") == [used, used]


@pytest.mark.parametrize(
    ("received_after_sent", "shift"),
    [
        *((0, 0), (40, 0), (-40, 0), (3 * QUARTER - 1, 0), (1 - 3 * QUARTER, 0)),
        *((3 * QUARTER, 3 * QUARTER), (-3 * QUARTER, -3 * QUARTER)),
        # Half a quarter hour goes up, on both sides of zero.
        *((3 * QUARTER + 449_999, 3 * QUARTER), (3 * QUARTER + 450_000, 4 * QUARTER)),
        *((-4 * QUARTER + 449_999, -4 * QUARTER), (-4 * QUARTER + 450_000, -3 * QUARTER)),
        (-2 * 3_600_000 + 350, -2 * 3_600_000),
    ],
)
def test_standard_corrects_a_clock_by_the_time_of_sending(
    received_after_sent: int, shift: int
) -> None:
    event = view("A", "a1", time=T0 - 500) | {SENT: T0 - received_after_sent}
    shown = StandardFold().apply(event, record_ms=T0)
    assert shown is not None
    assert shown["visit_start"] == T0 - 500 + shift
    assert shown["time_corrected"] is (shift != 0)


@pytest.mark.parametrize(
    ("created", "sent", "used"),
    [
        # Still ahead of what is allowed; and corrected into 1970: each is clamped.
        (T0 + 9_000_000, T0, T0 + 3_600_000),
        (5, 2 * T0, T0 - 2_592_000_000),
        # An offline queue of a good clock keeps its time, however old.
        (T0 - 200 * 86_400_000, T0 - 40, T0 - 200 * 86_400_000),
    ],
)
def test_standard_clamps_what_sending_does_not_put_right(
    created: int, sent: int, used: int
) -> None:
    received = read_event({EVENT_TIME: str(created), SENT: str(sent)}, T0)
    assert received.time == used
    assert received.is_time_corrected is (used != created)


@pytest.mark.parametrize(
    ("created", "received", "time"),
    [
        ("94694400000", None, 94_694_400_000),
        ("94694399999", None, None),
        ("?", None, None),
        ("", None, None),
        ("?", T0, T0),
        ("", T0, T0),
    ],
)
def test_standard_takes_what_there_is(created: str, received: int | None, time: int | None) -> None:
    event = read_event({EVENT_TIME: created} if created else {}, received)
    assert event.time == time
    assert event.is_time_corrected is (time is None or created == "?")
