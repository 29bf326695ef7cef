"""Times and sizes in the words of Kafka's settings, for people."""

import re

_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_WORDS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}

#: Kafka's word for "never".
FOREVER = -1


def duration_of(ms: int) -> str:
    """Milliseconds as a person says them, e.g. ``7 days``; negative ones are for ever."""
    if ms < 0:
        return "for ever"
    for unit in ("d", "h", "m", "s"):
        if ms >= 2 * _MS[unit] and ms % _MS[unit] == 0:
            return f"{ms // _MS[unit]:,} {_WORDS[unit]}"
    return f"{ms:,} ms"


def milliseconds_of(text: str) -> int:
    """A duration such as ``36h``, ``30d`` or ``forever`` in ms.

    Raises:
        ValueError: it is none.
    """
    if text == "forever":
        return FOREVER
    found = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", text)
    if found is None:
        raise ValueError("expected a number with s, m, h or d, e.g. 30d, or forever")
    return int(found[1]) * _MS[found[2]]


def count_of(number: int, one: str, many: str = "") -> str:
    """A number of things, e.g. ``1 copy`` or ``3 copies``; `many` is `one` with an s by default."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
