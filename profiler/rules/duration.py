"""Lengths of time in a rules file, e.g. ``30 d``."""

import re
from typing import Annotated

from pydantic import AfterValidator

_UNITS = {"min": 60_000, "h": 3_600_000, "d": 86_400_000}
_FORM = re.compile(r"([1-9][0-9]{0,3}) (min|h|d)")


def ms_of(duration: str) -> int:
    """A length of time in ms.

    Raises:
        ValueError: it is not written as a number, a space and a unit.
    """
    found = _FORM.fullmatch(duration)
    if found is None:
        raise ValueError('expected a number, a space and a unit (min, h, d), e.g. "30 d"')
    return int(found[1]) * _UNITS[found[2]]


def _checked(duration: str) -> str:
    ms_of(duration)
    return duration


Duration = Annotated[str, AfterValidator(_checked)]
