"""Which events are in a field's window: the oracle's buckets of event time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.oracles.events import Event
    from tests.oracles.shape import Field

LARGEST = 2**48  # in one bucket; so many units are too many


def of_buckets(each: Field, events: list[Event]) -> list[Event]:
    """Return the events that a field takes, whose times are the numbers of their buckets."""
    _, ms = each.window or (1, 1)
    giving = [event for event in events if each.name in event.gives and event.time is not None]
    placed = [replace(event, time=(event.time or 0) // ms, created=0) for event in giving]
    return placed if each.decimals is None else sums(each, placed)[0]


def sums(each: Field, placed: list[Event]) -> tuple[list[Event], bool]:
    """Return the events whose numbers a bucket could take, and whether the last is among them."""
    number, _ = each.window or (1, 1)
    taken: list[Event] = []
    totals = defaultdict[int, int](int)
    took, latest = True, -1
    for event in placed:
        place, total = event.time or 0, event.gives[each.name]
        if place > latest - number:
            total += totals[place]
        took = abs(total) < LARGEST
        if took:
            taken.append(event)
            totals[place] = total
        latest = max(latest, place)
    return taken, took


def took_last(each: Field, events: list[Event]) -> bool:
    """Whether a bucket could take the last event's number."""
    last = events[-1]
    _, ms = each.window or (1, 1)
    if each.name not in last.gives or last.time is None:
        return True
    giving = [event for event in events if each.name in event.gives and event.time is not None]
    return sums(each, [replace(event, time=(event.time or 0) // ms) for event in giving])[1]


def in_window(each: Field, placed: list[Event], now: int | None) -> list[Event]:
    """Return those that are in the window as of now, or as of the latest."""
    number, ms = each.window or (1, 1)
    places = [event.time or 0 for event in placed]
    latest = max(places + ([] if now is None else [now // ms]), default=0)
    return [event for event in placed if (event.time or 0) > latest - number]
