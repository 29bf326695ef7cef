"""What a field of the oracle makes of its events where that is more than one of their values."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from tests.oracles.events import LARGEST, raw_of
from tests.oracles.windows import in_window, of_buckets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.oracles.events import Event
    from tests.oracles.shape import Field

Value: TypeAlias = "str | int | Sequence[str | int | None] | None"

MEAN_DECIMALS = 4
HEARTBEAT_MS, FIRST_HEARTBEAT_MS = 10_000, 5_000


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


def unique_count(each: Field, giving: list[Event]) -> int:
    """Count different texts, up to the limit."""
    return min(len({event.gives[each.name] for event in giving}), each.limit)


def listed(each: Field, giving: list[Event], *, is_earliest: bool = False) -> Value:
    """List the texts of the first or the last events, those with one place being one."""
    places = {event.place(event.gives[each.name]): event.gives[each.name] for event in giving}
    order = sorted(places, reverse=not is_earliest)
    return [places[place] for place in order[: each.limit]] or None


def unique_list(each: Field, giving: list[Event]) -> Value:
    """List different texts by the latest events that gave them."""
    places: dict[str, tuple[int, int, bytes]] = {}
    for event in giving:
        text = event.gives[each.name]
        places[text] = max(event.place(text), places.get(text, event.place(text)))
    order = sorted(places, key=lambda text: places[text], reverse=True)
    return [*order[: each.limit]] or None


def tallied(each: Field, giving: list[Event]) -> dict[str, tuple[tuple[int, bytes], int]]:
    """Count events by their texts, with the latest; what has to go is the text seen longest ago."""
    found: dict[str, tuple[tuple[int, bytes], int]] = {}
    for event in giving:
        text = event.gives[each.name]
        time, _, raw = event.place(text)
        latest, count = found.get(text, ((time, raw), 0))
        found[text] = max(latest, (time, raw)), count + 1
        if len(found) > each.limit:
            del found[min(found, key=lambda text: found[text][0])]
    return dict(sorted(found.items(), key=lambda item: item[1][0], reverse=True))


def counts(each: Field, giving: list[Event]) -> Value:
    """List texts and their counts in turn, the latest first."""
    pairs = tallied(each, giving).items()
    return [part for text, (_, count) in pairs for part in (text, count)] or None


def most_frequent(each: Field, giving: list[Event]) -> Value:
    """Find the text of most events, of equal ones the latest."""
    found = tallied(each, giving)
    return max(found, key=lambda text: (found[text][1], found[text][0]), default=None)


def heartbeats(each: Field, giving: list[Event]) -> set[tuple[bytes, int]]:
    """Return the different heartbeats: the page view, and which ten seconds."""
    return {
        (
            hashlib.sha1(raw_of(event.gives[each.name]), usedforsecurity=False).digest()[:4],
            (event.time or 0) // HEARTBEAT_MS % 2**16,
        )
        for event in giving
    }


def engaged_time(each: Field, giving: list[Event]) -> int:
    """Compute it as Snowplow does: so much for a heartbeat, and less for a page view's first."""
    kept = sorted(heartbeats(each, giving))[: each.limit]
    views = {view for view, _ in kept}
    return HEARTBEAT_MS * (len(kept) - len(views)) + FIRST_HEARTBEAT_MS * len(views)


#: What says for ever that it met its limit; lists of the first or the last are lists of so many.
FLAGGED = {"unique_count", "unique_list", "counts", "most_frequent"}


def is_incomplete(each: Field, events: list[Event], now: int | None = None) -> bool:
    """Whether there were more values than a field can tell apart."""
    giving = [event for event in events if each.name in event.gives]
    if each.window:
        giving = in_window(each, of_buckets(each, events), now)
    if each.operation == "engaged_time":
        return len(heartbeats(each, giving)) > each.limit
    values = {event.gives[each.name] for event in giving}
    return each.operation in FLAGGED and len(values) > each.limit


OF_MANY: dict[str, Callable[[Field, list[Event]], Value]] = {
    "mean": lambda each, giving: mean_of(each, giving)[0],
    "unique_count": unique_count,
    "unique_list": unique_list,
    "first_n": partial(listed, is_earliest=True),
    "last_n": listed,
    "counts": counts,
    "engaged_time": engaged_time,
    "most_frequent": most_frequent,
}


def decimal(number: int, decimals: int) -> str:
    """Write a scaled number without zeros behind it."""
    whole = str(abs(number)).rjust(decimals + 1, "0")
    text = f"{whole[:-decimals]}.{whole[-decimals:]}".rstrip("0").rstrip(".")
    return f"-{text}" if number < 0 else text
