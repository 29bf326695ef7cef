"""What visits by a gap come to at the end: all events sorted, split at gaps, each part added up."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

GAP_MS = 30 * 60_000

Fields = dict[str, Any]


class Taken(NamedTuple):
    """An event as these fields see it.

    Attributes:
        visitor: its visitor's id.
        ms: its time.
        text: a page or a path; empty where there is none.
        number: whole units, None where there is none.
        identity: what is the same of a repeat, and of no other event.
    """

    visitor: str
    ms: int
    text: str
    number: int | None
    identity: object


def visits_of(events: Iterable[Taken]) -> dict[tuple[str, int], Fields]:
    """The visits by visitor and time of each event; fields are called as in no rules file."""
    of_visitor = defaultdict[str, dict[object, Taken]](dict)
    for event in events:
        of_visitor[event.visitor][event.identity] = event
    found: dict[tuple[str, int], Fields] = {}
    for visitor, known in of_visitor.items():
        ordered = sorted(known.values(), key=lambda event: event.ms)
        cuts = [n for n, (a, b) in enumerate(pairwise(ordered), 1) if b.ms - a.ms > GAP_MS]
        parts = [ordered[a:b] for a, b in pairwise([0, *cuts, len(ordered)])]
        for part in parts:
            summary = _summary(part) | {"visits": len(parts), "visitor_events": len(ordered)}
            found |= {(visitor, event.ms): summary for event in part}
    return found


def _summary(part: list[Taken]) -> Fields:
    texts = sorted((event.ms, event.text.encode()) for event in part if event.text)
    numbers = [event.number for event in part if event.number is not None]
    return {
        "start": part[0].ms,
        "end": part[-1].ms,
        "events": len(part),
        "first": texts[0][1].decode() if texts else None,
        "last": texts[-1][1].decode() if texts else None,
        "sum": sum(numbers),
        "unique": len({text for _, text in texts}),
        "bounce": len(part) == 1,
    }
