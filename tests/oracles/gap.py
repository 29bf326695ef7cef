"""Visits without ids, by the method of a warehouse: sort all events by time, and split at gaps.

After every event all events so far are sorted and split anew, and `StandardFold` folds them with
the parts as visits. Nothing is joined, so no rule has to say how.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.oracles.article import VISIT, VISITOR, id_of, text_of
from tests.oracles.events import EVENT_ID, EVENT_TIME, digits, identity_of, raw_of, read_event
from tests.oracles.shape import DAY_MS
from tests.oracles.standard import FLAGS as FOLD_FLAGS
from tests.oracles.standard import StandardFold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.oracles.shape import Shape

FLAGS = (*FOLD_FLAGS, "visit_merged")

Fields = dict[str, Any]


@dataclass(frozen=True)
class Gap:
    """What divides visits.

    Attributes:
        gap_ms: events further apart are of two visits.
        ahead_ms: how far midnight's clock is ahead of UTC at a time; None: there is no midnight.
    """

    gap_ms: int
    ahead_ms: Callable[[int], int] | None = None

    def split(self, times: Iterable[int]) -> list[list[int]]:
        """Divide times, sorted."""
        parts: list[list[int]] = []
        for time in sorted(set(times)):
            if parts and not self._divides(parts[-1][-1], time):
                parts[-1].append(time)
            else:
                parts.append([time])
        return parts

    def _divides(self, before: int, after: int) -> bool:
        is_far = after - before > self.gap_ms
        return is_far or (self.ahead_ms is not None and self._day(before) != self._day(after))

    def _day(self, time: int) -> int:
        return (time + (self.ahead_ms(time) if self.ahead_ms else 0)) // DAY_MS


class Arrived(NamedTuple):
    """An event that was applied, or asks for what there is."""

    flat: Fields
    time: int | None
    received: int | None
    stream: str
    offset: int


@dataclass
class History:
    """A visitor: all that arrived, and the visits by their times, each with its id."""

    events: list[Arrived] = field(default_factory=list)
    visits: list[tuple[str, list[int]]] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=dict)

    def visit_of(self, time: int | None, gap: Gap) -> str | None:
        """The id of the visit that a time is in, or would be in."""
        for id_, times in self.visits:
            if time is not None and any(len(gap.split([time, other])) == 1 for other in times):
                return id_
        return None


class GapFold:
    """The fold over the events of any number of visitors, in order of arrival."""

    def __init__(self, shape: Shape, gap: Gap) -> None:
        self.shape, self.gap = shape, gap
        self.visitors: dict[str, History] = {}

    def fold(
        self, flat: Fields, *, received: int | None, stream: str = "", offset: int = -1
    ) -> Fields | None:
        """Apply an event, and return all fields and flags, as `StandardFold.fold`."""
        visitor = id_of(flat, VISITOR)
        if visitor is None:
            return None
        history = self.visitors.setdefault(visitor, History())
        time = read_event(flat, received, self.shape).time
        # Without an id the content stands for it, and that has no visit in it.
        when = text_of(flat, EVENT_TIME) or ""
        six = identity_of(flat, when if digits(when) is not None else received, self.shape)
        if six is not None:
            flat = flat | {EVENT_ID: six.decode(errors="surrogateescape")}
        event = Arrived(flat, time, received, stream, offset)
        is_replayed = bool(stream) and offset <= history.marks.get(stream, -1)
        merged = False
        if not is_replayed:
            history.marks[stream] = offset
            history.events.append(event)
            if time is not None:
                opened = f"{time}-{_digest(visitor, six or b'')}"
                merged = self._divide(history, time, opened)
        fold, result = self._folded(history)
        if is_replayed:
            flat, more = _call(event, history.visit_of(time, self.gap))
            result = fold.fold(flat, **more)
        if result is None:
            return None
        result["truncated"] |= merged and self._is_too_much(history, event)
        none = {"visit_id": None} if result["late"] else {}
        return result | none | {"visit_merged": merged}

    def latest(self, visitor: str, now: int | None = None) -> Fields:
        """Return what is known of the visitor as of now, with the fields of its latest visit."""
        return self._folded(self.visitors.get(visitor, History()))[0].latest(visitor, now)

    def plain(self, visitor: str) -> dict[str, str]:
        """Return what the hash must show by plain names."""
        return self._folded(self.visitors.get(visitor, History()))[0].plain(visitor)

    def _divide(self, history: History, time: int, opened: str) -> bool:
        """Split all times anew, give the parts their ids, and say whether visits became one."""
        before, history.visits = history.visits, []
        merged = False
        for part in self.gap.split([time, *(t for _, times in before for t in times)]):
            joined = [(times[0], id_) for id_, times in before if times[0] in part]
            merged |= len(joined) > 1
            history.visits.append((min(joined)[1] if joined else opened, part))
        return merged

    def _is_too_much(self, history: History, event: Arrived) -> bool:
        """Whether the visits that became one knew more events than one may."""
        part = next(times for _, times in history.visits if event.time in times)
        ids = {each.flat[EVENT_ID] for each in history.events[:-1] if each.time in part}
        return len(ids) > self.shape.event_ids

    def _folded(self, history: History) -> tuple[StandardFold, Fields | None]:
        fold, result = StandardFold(self.shape), None
        visits = {time: id_ for id_, times in history.visits for time in times}
        for event in history.events:
            flat, more = _call(event, visits.get(event.time or -1))
            result = fold.fold(flat, **more)
        return fold, result


def _call(event: Arrived, visit: str | None) -> tuple[Fields, dict[str, Any]]:
    flat = event.flat if visit is None else event.flat | {VISIT: visit}
    return flat, {"received": event.received, "stream": event.stream, "offset": event.offset}


def _digest(visitor: str, six: bytes) -> str:
    return hashlib.sha1(raw_of(visitor) + six, usedforsecurity=False).hexdigest()[:12]
