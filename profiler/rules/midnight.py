"""Whose midnight ends a visit: ``+01:00``, hours and minutes that local time is ahead of UTC."""

import re
from typing import Annotated

from pydantic import AfterValidator

_FORM = re.compile(r"([+-])(0[0-9]|1[0-4]):([0-5][0-9])")


def ahead_ms(midnight: str) -> int:
    """How far local time is ahead of UTC, in ms.

    Raises:
        ValueError: it is not written as a sign, hours and minutes.
    """
    found = _FORM.fullmatch(midnight)
    if found is None:
        raise ValueError('expected the time ahead of UTC, e.g. "+01:00"')
    ms = (int(found[2]) * 60 + int(found[3])) * 60_000
    return -ms if found[1] == "-" else ms


def _checked(midnight: str) -> str:
    ahead_ms(midnight)
    return midnight


Midnight = Annotated[str, AfterValidator(_checked)]
