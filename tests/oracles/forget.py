"""Which events are from before their visitor was forgotten."""

from __future__ import annotations

from tests.oracles.events import EARLIEST_MS, digits


def is_forgotten(received: str, created: str, till: int) -> bool:
    """Whether an event was received or made before `till`, or nothing says when it was.

    Args:
        received: ms as its caller wrote them, or nothing.
        created: likewise by its device, whose clock is taken as it is.
        till: ms.
    """
    made = digits(created)
    known = [digits(received), made if made is not None and made >= EARLIEST_MS else None]
    times = [time for time in known if time is not None]
    return not times or min(times) < till
