"""What a field of the oracle makes of its events where that is more than one of their values."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

from tests.oracles.events import LARGEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.oracles.events import Event
    from tests.oracles.shape import Field

Value: TypeAlias = "str | int | list[str | int] | None"

MEAN_DECIMALS = 4


def mean_of(each: Field, giving: list[Event]) -> tuple[str | None, bool]:
    """Compute a mean, and whether its sum could take the last event's number."""
    total = count = 0
    took = True
    for event in giving:
        took = abs(total + event.gives[each.name]) <= LARGEST
        total += took * event.gives[each.name]
        count += took
    if not count:
        return None, took
    exact = Fraction(abs(total) * 10**MEAN_DECIMALS, count * 10 ** (each.decimals or 0))
    rounded = int(exact + Fraction(1, 2))
    return decimal(-rounded if total < 0 else rounded, MEAN_DECIMALS), took


OF_MANY: dict[str, Callable[[Field, list[Event]], Value]] = {
    "mean": lambda each, giving: mean_of(each, giving)[0],
}


def decimal(number: int, decimals: int) -> str:
    """Write a scaled number without zeros behind it."""
    whole = str(abs(number)).rjust(decimals + 1, "0")
    text = f"{whole[:-decimals]}.{whole[-decimals:]}".rstrip("0").rstrip(".")
    return f"-{text}" if number < 0 else text
