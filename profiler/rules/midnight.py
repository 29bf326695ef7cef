"""Whose midnight ends a visit: a fixed time ahead of UTC, or a zone with a rule of summer time.

A zone's name stands for the rule that its file ends with, a POSIX ``TZ`` text: from then on the
rules say it by themselves, and do not change with the machine's time zones.
"""

import re
import zoneinfo
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, tzinfo
from importlib.resources import files
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import AfterValidator

_DAY_MS, _QUARTER_MS = 86_400_000, 900_000

#: Summer time is known of so many years; before and after there is none.
YEARS = range(1973, 2100)

_NAME = r"(?:[A-Za-z]+|<[A-Za-z0-9+-]+>)"
_OFFSET = r"[+-]?[0-9]{1,2}(?::[0-9]{2})?"
_CHANGE = r"M([0-9]{1,2})\.([1-5])\.([0-6])(?:/(-?[0-9]{1,3}(?::[0-9]{2})?))?"
_RULE = re.compile(rf"{_NAME}({_OFFSET})(?:{_NAME}({_OFFSET})?,{_CHANGE},{_CHANGE})?")
_FIXED = re.compile(r"([+-])((?:0[0-9]|1[0-4]):[0-5][0-9])")
_ZONE = re.compile(r"[A-Za-z]+(?:[_+/-][A-Za-z0-9]+)*")
_EXPECTED = 'expected a time ahead of UTC ("+01:00"), a zone ("Europe/Paris") or its POSIX TZ rule'


class Clock(NamedTuple):
    """How far local time is ahead of UTC.

    Attributes:
        ahead_ms: before the first change, and after every second one.
        other_ms: after the first change, and after every second one from there.
        changes: ms since the epoch, two in each of `YEARS`; none without summer time.
    """

    ahead_ms: int
    other_ms: int = 0
    changes: tuple[int, ...] = ()

    @property
    def quarters(self) -> bytes:
        """The changes as the script has them: whole quarter hours, of 3 bytes each."""
        return b"".join((change // _QUARTER_MS).to_bytes(3, "big") for change in self.changes)


def clock_of(midnight: str) -> Clock:
    """What a text says of local time: ``+01:00``, or a POSIX rule.

    Raises:
        ValueError: it is neither, or days would come again after a change.
    """
    if fixed := _FIXED.fullmatch(midnight):
        ahead = _ms_of(fixed[2])
        return Clock(-ahead if fixed[1] == "-" else ahead)
    rule = _RULE.fullmatch(midnight)
    if rule is None:
        raise ValueError(_EXPECTED)
    standard = -_ms_of(rule[1])  # POSIX counts to the west
    if rule[3] is None:
        return Clock(standard)
    summer = -_ms_of(rule[2]) if rule[2] else standard + 4 * _QUARTER_MS
    changes = sorted(
        change
        for year in YEARS
        for change in (
            _change(year, *rule.group(3, 4, 5, 6), ahead=standard),
            _change(year, *rule.group(7, 8, 9, 10), ahead=summer),
        )
    )
    is_northern = changes[0] == _change(YEARS[0], *rule.group(3, 4, 5, 6), ahead=standard)
    clock = Clock(*((standard, summer) if is_northern else (summer, standard)), tuple(changes))
    _require_days_in_order(clock)
    return clock


def _require_days_in_order(clock: Clock) -> None:
    for number, change in enumerate(clock.changes):
        if change % _QUARTER_MS:
            raise ValueError("its clock changes at no quarter hour")
        before, after = clock.ahead_ms, clock.other_ms
        if number % 2:
            before, after = after, before
        if (change - 1 + before) // _DAY_MS > (change + after) // _DAY_MS:
            raise ValueError("its clock goes back over midnight, so a day would come again")


def _ms_of(text: str) -> int:
    """Hours, and minutes behind a colon, with a sign."""
    hours, _, minutes = text.lstrip("+-").partition(":")
    ms = (int(hours) * 60 + int(minutes or 0)) * 60_000
    return -ms if text.startswith("-") else ms


def _change(year: int, month: str, week: str, weekday: str, time: str | None, *, ahead: int) -> int:
    """When the clock changes in a year, ms: on that weekday of the month (0: Sunday; 5: last)."""
    first = date(year, int(month), 1)
    days = (int(weekday) - first.isoweekday()) % 7 + 7 * (int(week) - 1)
    if days >= monthrange(year, int(month))[1]:
        days -= 7
    midnight = datetime(year, int(month), 1, tzinfo=UTC) + timedelta(days=days)
    return int(midnight.timestamp()) * 1000 + _ms_of(time or "2") - ahead


def _written(midnight: str) -> str:
    """The text by which the rules go on: of a zone its rule."""
    if _ZONE.fullmatch(midnight):
        midnight = _rule_of(midnight)
    clock_of(midnight)
    return midnight


def _rule_of(zone: str) -> str:
    try:
        known = zoneinfo.ZoneInfo(zone)
        rule = _file_of(zone).rstrip(b"\n").rpartition(b"\n")[2].decode("ascii")
        clock = clock_of(rule)
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError, ModuleNotFoundError) as error:
        raise ValueError(f"this machine knows no usable zone {zone}; {_EXPECTED}") from error
    if not _agree(clock, known):
        raise ValueError(f"{zone} changes its clock by no rule, so say a time ahead of UTC")
    return rule


def _file_of(zone: str) -> bytes:
    for folder in zoneinfo.TZPATH:
        if (path := Path(folder, zone)).is_file():
            return path.read_bytes()
    return files("tzdata").joinpath("zoneinfo", *zone.split("/")).read_bytes()


def _agree(clock: Clock, zone: tzinfo) -> bool:
    """Whether the rule says what the zone's file says, day by day for the next years."""
    begin = datetime.now(UTC).replace(month=1, day=1)
    times = (begin + timedelta(days=day) for day in range(0, 5 * 366, 5))
    return all(ahead_ms(clock, time) == _utc_offset(zone, time) for time in times)


def _utc_offset(zone: tzinfo, time: datetime) -> int:
    ahead = time.astimezone(zone).utcoffset()
    return round(ahead.total_seconds() * 1000) if ahead is not None else 0


def ahead_ms(clock: Clock, time: datetime) -> int:
    """How far local time is ahead of UTC at a time."""
    ms = int(time.timestamp() * 1000)
    passed = sum(change <= ms for change in clock.changes)
    return clock.other_ms if passed % 2 else clock.ahead_ms


Midnight = Annotated[str, AfterValidator(_written)]
