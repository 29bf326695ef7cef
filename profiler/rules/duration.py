"""Lengths of time in a rules file, e.g. ``30 d``."""

import re
from typing import Annotated, NamedTuple

from pydantic import AfterValidator

_UNITS = {"min": 60_000, "h": 3_600_000, "d": 86_400_000}
#: How a length of time is written.
FORM = re.compile(r"([1-9][0-9]{0,3}) (min|h|d)")


def ms_of(duration: str) -> int:
    """A length of time in ms.

    Raises:
        ValueError: it is not written as a number, a space and a unit.
    """
    found = FORM.fullmatch(duration)
    if found is None:
        raise ValueError('expected a number, a space and a unit (min, h, d), e.g. "30 d"')
    return int(found[1]) * _UNITS[found[2]]


#: A window has at most so many buckets.
_MOST_BUCKETS = 32


class Buckets(NamedTuple):
    """A window in equal parts that begin at 1970: how many, and the ms of one.

    A part is one of the unit that the window is written in, or several where there would be too
    many: ``30 d`` are 30 days, ``90 d`` are 30 times three days, ``24 h`` are 24 hours.
    """

    number: int
    ms: int

    @classmethod
    def of(cls, duration: str) -> "Buckets":
        """The parts of a window."""
        number, unit = duration.split(" ")
        size = -(-int(number) // _MOST_BUCKETS)
        return cls(-(-int(number) // size), size * _UNITS[unit])


def _checked(duration: str) -> str:
    ms_of(duration)
    return duration


Duration = Annotated[str, AfterValidator(_checked)]
