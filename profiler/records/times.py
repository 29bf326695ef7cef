"""Times as people send them: read by their size or as ISO 8601, into ms since the epoch.

Nothing here looks at a clock: a reader's clock comes in as an argument.
"""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

#: The time now, in ms since the epoch.
Clock = Callable[[], int]

#: 1 January 1973. An earlier time is a wrong clock, or a number that counts something else.
EARLIEST_MS = 94_694_400_000

#: A clock may be so far ahead of the reader's: a wrong time zone, and no more.
_AHEAD_MS = 86_400_000

#: Sizes of whole numbers, below which they are s, ms, µs and ns. Each unit has its own range, since
#: all times from March 1973 to the year 5138 have the same number of digits.
_SECONDS, _MILLISECONDS, _MICROSECONDS, _NANOSECONDS = 10**11, 10**14, 10**17, 10**20
_LONGEST_NUMBER = 20

#: Bounded, since the number may come from anybody.
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:[.,][0-9]{1,40})?(?:[eE][+-]?[0-9]{1,2})?")

_ISO_8601 = re.compile(
    r"""
    (?P<year>[0-9]{4}) (?P<dash>-?) (?P<month>[0-9]{2}) (?P=dash) (?P<day>[0-9]{2})
    (?:
        [Tt\ ]
        (?P<hour>[0-9]{2})
        (?: (?P<colon>:?) (?P<minute>[0-9]{2})
            (?: (?P=colon) (?P<second>[0-9]{2}) (?:[.,](?P<fraction>[0-9]{1,9}))? )?
        )?
        (?: \ ?(?:[Zz]|UTC|GMT)
          | \ ?(?P<sign>[+-]) (?P<hours>[0-9]{2}) (?: :?(?P<minutes>[0-9]{2}) )?
        )?
    )?
    """,
    re.VERBOSE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_LEAP_SECOND = 60


def is_plausible(ms: int, now_ms: int) -> bool:
    """Whether an event that is read now can have this time.

    Args:
        ms: the time.
        now_ms: the reader's clock.
    """
    return EARLIEST_MS <= ms <= now_ms + _AHEAD_MS


def read_time(value: object) -> int | None:
    """Read a time.

    Args:
        value: a number of s, ms, µs or ns since the epoch, told apart by its size; the same as
            text, with a point or a comma before its decimals; or ISO 8601 text, in UTC where it
            names no zone. A date without a time is its midnight. Blanks around are passed over.

    Returns:
        Whole ms since the epoch, rounded down; negative before 1970. None for everything else:
        week dates, days of a year, times that no calendar has, what is no number and no text.
    """
    if type(value) is int:
        return value if _SECONDS <= value < _MILLISECONDS else _by_size(value)
    if type(value) is str:
        text = value
    elif type(value) is float:
        text = repr(value)
    else:
        return None
    # Most times that are texts, so without the patterns. A longer number is no time.
    if len(text) <= _LONGEST_NUMBER and text.isdecimal() and text.isascii():
        number = int(text)
        return number if _SECONDS <= number < _MILLISECONDS else _by_size(number)
    text = text.strip(" \t\r\n")
    if _NUMBER.fullmatch(text):
        return _by_size(Decimal(text.replace(",", ".")))
    if parts := _ISO_8601.fullmatch(text):
        return _on_calendar(parts.groupdict(""))
    return None


def _by_size(number: int | Decimal) -> int | None:
    size = number if number >= 0 else -number
    if size < _SECONDS:
        return math.floor(number * 1_000)
    if size >= _NANOSECONDS:
        return None
    a_ms = 1 if size < _MILLISECONDS else 1_000 if size < _MICROSECONDS else 1_000_000
    # Decimals are not divided by "//", which rounds to zero.
    return number // a_ms if isinstance(number, int) else math.floor(number / a_ms)


def _on_calendar(parts: dict[str, str]) -> int | None:
    if parts["hour"] and bool(parts["dash"]) != bool(parts["colon"]) and parts["minute"]:
        return None  # half in the short form, half in the long one
    if not parts["hour"] and not parts["dash"]:
        return None  # eight digits are a number
    hour, minute, second = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
    # A leap second is the first one of the next minute, as on a computer's clock. A day may end
    # at 24:00.
    later = timedelta()
    if second == _LEAP_SECOND:
        second, later = 59, timedelta(seconds=1)
    if (hour, minute, second) == (24, 0, 0):
        hour, later = 0, timedelta(days=1)
    hours, minutes = int(parts["hours"] or 0), int(parts["minutes"] or 0)
    if hours > 23 or minutes > 59:  # noqa: PLR2004 - a day's hours, an hour's minutes
        return None
    ahead = timedelta(hours=hours, minutes=minutes) * (-1 if parts["sign"] == "-" else 1)
    date = (int(parts["year"]), int(parts["month"]), int(parts["day"]))
    try:
        moment = datetime(*date, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    milliseconds = int(parts["fraction"][:3].ljust(3, "0"))
    return (moment - _EPOCH + later - ahead) // _MS + milliseconds


class ReadingTimes:
    """The times at which records are read, strictly increasing, whatever the clock does.

    Args:
        clock: the reader's.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._latest = 0

    def next(self) -> int:
        """The time now, or 1 ms after the latest one that was given."""
        self._latest = max(self._clock(), self._latest + 1)
        return self._latest
