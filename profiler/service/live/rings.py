"""Lists of the latest. A reader gets what it has not seen yet."""

from collections import Counter, deque
from itertools import takewhile

#: Names beyond this many are counted as one: a topic may hold anything.
_MOST_NAMES = 30
OTHERS = "(others)"


class Ring:
    """The latest items, as JSON, each with a number that grows; the oldest goes first."""

    def __init__(self, most: int) -> None:
        self._items: deque[tuple[int, bytes]] = deque(maxlen=most)

    def add(self, number: int, item: bytes) -> None:
        """Add the newest."""
        self._items.append((number, item))

    def after(self, number: int) -> list[bytes]:
        """What came after a number, newest first."""
        return [item for _, item in takewhile(lambda each: each[0] > number, reversed(self._items))]


class Tally:
    """Counts by name, of a bounded number of names."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, name: str) -> None:
        """Count one."""
        known = name in self._counts or len(self._counts) < _MOST_NAMES
        self._counts[name if known else OTHERS] += 1

    @property
    def total(self) -> int:
        """All together."""
        return self._counts.total()

    def items(self) -> list[tuple[str, int]]:
        """Names and counts, the most frequent first."""
        return self._counts.most_common()
