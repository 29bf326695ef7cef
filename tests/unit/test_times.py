"""Times as trackers, collectors and exports write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.records.times import EARLIEST_MS, ReadingTimes, is_plausible, read_time

#: 14 November 2023, 22:13:20.
MS = 1_700_000_000_000
DAY = 86_400_000


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        (1_700_000_000, MS),
        (MS + 7, MS + 7),
        (1_700_000_000_123_456, MS + 123),
        (1_700_000_000_123_456_789, MS + 123),
        (1_700_000_000.123, MS + 123),
        (1_700_000_000_000.9, MS),
        (1.7e18, MS),
        ("1700000000", MS),
        ("1700000000007", MS + 7),
        ("1700000000.1239", MS + 123),
        ("1700000000,123", MS + 123),
        ("1.7e12", MS),
        ("1.7E+9", MS),
        (" 1700000000007\t", MS + 7),
        ("+1700000000", MS),
        ("0001700000000007", MS + 7),
        (99_999_999_999, 99_999_999_999_000),
        (100_000_000_000, 100_000_000_000),
        (0, 0),
        (-1, -1_000),
        (-MS, -MS),
        (-0.0005, -1),
        ("-1.5", -1_500),
    ],
    ids=repr,
)
@pytest.mark.field(
    kind="times",
    meets="times in s, ms, µs, ns, or with decimals",
    happens="read by their size",
)
def test_numbers_are_read_by_their_size(value: float | str, ms: int) -> None:
    assert read_time(value) == ms


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2023-11-14T22:13:20Z", MS),
        ("2023-11-14t22:13:20z", MS),
        ("2023-11-14 22:13:20", MS),
        ("2023-11-14 22:13:20 UTC", MS),
        ("2023-11-14T22:13:20", MS),
        ("2023-11-15T03:43:20+05:30", MS),
        ("2023-11-15T03:43:20+0530", MS),
        ("2023-11-14T14:13:20-08", MS),
        ("2023-11-14T22:13:20+00:00", MS),
        ("2023-11-14T22:13:20-00:00", MS),
        ("20231114T221320Z", MS),
        ("20231114T221320.5+0000", MS + 500),
        ("2023-11-14T22:13Z", MS - 20_000),
        ("2023-11-14T22Z", MS - 13 * 60_000 - 20_000),
        ("2023-11-14", MS - (22 * 3600 + 13 * 60 + 20) * 1_000),
        ("2023-11-13T24:00:00Z", MS - (22 * 3600 + 13 * 60 + 20) * 1_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ("2016-12-31T23:59:60.25Z", 1_483_228_800_250),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ("1969-12-31T23:59:59.999Z", -1),
        (" 2023-11-14T22:13:20Z\n", MS),
    ],
)
@pytest.mark.field(
    kind="times",
    meets="times as ISO 8601 text, with or without a zone",
    happens="read; UTC without a zone",
)
def test_iso_8601_is_read_and_is_utc_where_no_zone_is_named(text: str, ms: int) -> None:
    assert read_time(text) == ms


@pytest.mark.parametrize("digits", range(1, 10))
@pytest.mark.parametrize("mark", [".", ","])
def test_a_second_has_up_to_nine_decimals(digits: int, mark: str) -> None:
    fraction = "123456789"[:digits]
    expected = MS + int(fraction[:3].ljust(3, "0"))
    assert read_time(f"2023-11-14T22:13:20{mark}{fraction}Z") == expected


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", "soon", "NaN", "inf", "-inf", "0x18BCFE56800", "1e400", "1_700_000_000"),
        *("1 700 000 000", "17000000,00,000", "1700000000.", ".5", "--1", "١٧٠٠٠٠٠٠٠٠٠٠٠"),  # noqa: RUF001 - on purpose
        *("2023-W46-2", "2023W462", "2023-318", "2023-318T00:00:00Z", "2023-11", "2023"[:3] + "x"),
        *("2023-11-31", "2023-02-29", "2023-13-01", "2023-00-10", "0000-01-01"),
        *("2023-11-14T25:00:00Z", "2023-11-14T24:00:01Z", "2023-11-14T22:60:00Z"),
        *("2023-11-14T22:13:61Z", "2023-11-14T22:13:20.1234567890Z", "2023-11-14T22:13:20."),
        *("2023-11-14T22:13:20+24:00", "2023-11-14T22:13:20+05:60", "2023-11-14T22:13:20 PST"),
        *("2023-1114T22:13:20Z", "20231114T22:13:20Z", "2023-11-14T221320Z", "2023-11-14T22:1320"),
        *("14.11.2023", "11/14/2023 22:13:20", "2023/11/14", "Tue Nov 14 22:13:20 2023"),
        *(10**20, -(10**20), 1e300, float("inf"), "9" * 1_000, "1" * 100_000),
        "2023-11-14T22:13:20Z\x00",
    ],
    ids=lambda value: repr(value)[:40],
)
def test_everything_else_is_no_time(value: float | str) -> None:
    assert read_time(value) is None


@given(st.integers(10**11, 10**14 - 1), st.integers(0, 999_999))
def test_a_time_is_the_same_in_every_unit(ms: int, below: int) -> None:
    for value in (
        ms,
        str(ms),
        f"{ms // 1000}.{ms % 1000:03}{below:06}",
        ms * 1_000 + below // 1_000,
    ):
        assert read_time(value) == ms
    assert read_time(ms * 1_000_000 + below) == ms


@given(st.datetimes(), st.integers(-23 * 60 - 59, 23 * 60 + 59))
def test_every_moment_is_read_in_every_zone(moment: datetime, zone_minutes: int) -> None:
    there = moment.replace(tzinfo=timezone(timedelta(minutes=zone_minutes)))
    since = there - datetime(1970, 1, 1, tzinfo=UTC)
    assert read_time(there.isoformat()) == since // timedelta(milliseconds=1)


@given(st.text() | st.floats() | st.integers())
def test_nothing_is_an_error(value: float | str) -> None:
    assert read_time(value) is None or isinstance(read_time(value), int)


@pytest.mark.parametrize(
    ("ms", "plausible"),
    [
        *((-1, False), (0, False), (1_700_000_000, False), (EARLIEST_MS - 1, False)),
        *((EARLIEST_MS, True), (MS, True), (MS + DAY, True), (MS + DAY + 1, False)),
        (MS * 1_000, False),
    ],
)
def test_a_time_before_1973_or_a_day_ahead_is_implausible(ms: int, *, plausible: bool) -> None:
    assert is_plausible(ms, MS) is plausible


def test_reading_times_increase_whatever_the_clock_does() -> None:
    ticks = iter([MS, MS, MS, MS + 10, MS - DAY, MS + 12, MS + 13])
    times = ReadingTimes(lambda: next(ticks))
    given_times = [times.next() for _ in range(7)]
    assert given_times == [MS, MS + 1, MS + 2, MS + 10, MS + 11, MS + 12, MS + 13]
