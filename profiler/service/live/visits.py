"""The visits of the last half hour, and what they have in common.

The top lists are exact over the visits in the window: a visit that leaves it is taken out of
them. So they need no more room than the window, and no list of all pages that ever were.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, NamedTuple

WINDOW_S = 1_800
#: More visits than this: the one whose latest event is oldest goes first.
MOST_VISITS = 5_000
_TOP = 8


class _Visit(NamedTuple):
    seen_at: float
    facts: tuple[str | None, ...]


class VisitWindow:
    """Visits by the time of their latest event.

    Args:
        facts: names of the profile's fields that the top lists are about; an empty one is about
            nothing.
        most: visits that are kept.
        clock: seconds, ever growing.
    """

    def __init__(
        self,
        facts: Sequence[str],
        *,
        most: int = MOST_VISITS,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._names = facts
        self._most = most
        self._clock = clock
        #: The visit is None for events without one: they make their visitor seen.
        self._visits: OrderedDict[tuple[str, str | None], _Visit] = OrderedDict()
        self._visitors: Counter[str] = Counter()
        self._tops: list[Counter[str]] = [Counter() for _ in facts]
        self._without = 0
        self.is_full = False

    def add(self, visitor: str, visit: str | None, profile: dict[str, Any]) -> bool:
        """Note an event of a visit; returns whether the visit is new in the window."""
        key = (visitor, visit)
        before = self._remove(key)
        facts: tuple[str | None, ...] = ()
        if visit is not None:
            facts = tuple(_text(profile.get(name)) for name in self._names)
        self._visits[key] = _Visit(self._clock(), facts)
        self._count(key, facts, 1)
        if len(self._visits) > self._most:
            self.is_full = True
            self._remove(next(iter(self._visits)))
        return before is None

    def counts(self) -> tuple[int, int]:
        """How many visitors and visits there are."""
        self._expire()
        return len(self._visitors), len(self._visits) - self._without

    def tops(self) -> list[list[tuple[str, int]]]:
        """For each fact the most frequent values, and in how many visits."""
        self._expire()
        return [top.most_common(_TOP) for top in self._tops]

    def _expire(self) -> None:
        oldest = self._clock() - WINDOW_S
        while self._visits:
            key, visit = next(iter(self._visits.items()))
            if visit.seen_at > oldest:
                break
            self.is_full = False
            self._remove(key)

    def _remove(self, key: tuple[str, str | None]) -> _Visit | None:
        visit = self._visits.pop(key, None)
        if visit is not None:
            self._count(key, visit.facts, -1)
        return visit

    def _count(self, key: tuple[str, str | None], facts: Sequence[str | None], by: int) -> None:
        self._without += by * (key[1] is None)
        for counter, value in [(self._visitors, key[0]), *zip(self._tops, facts, strict=False)]:
            if value is not None:
                counter[value] += by
                if not counter[value]:
                    del counter[value]


def _text(value: object) -> str | None:
    return value[:200] if isinstance(value, str) and value else None
