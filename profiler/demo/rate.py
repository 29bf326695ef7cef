"""Records per second, now and over the last while."""

from collections import deque
from collections.abc import Callable
from time import monotonic

_BIN_S = 0.5
_BINS = 60
_NOW_BINS = 4


class Rate:
    """Counts in bins of half a second.

    Args:
        clock: seconds, ever growing.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._bins: deque[int] = deque([0], maxlen=_BINS)
        self._bin_ends = clock() + _BIN_S

    def add(self, count: int) -> None:
        """Count records that arrived now."""
        self._advance()
        self._bins[-1] += count

    def per_second(self) -> float:
        """The rate over the last two seconds, the bin that is being filled left out."""
        done = self.history()[-_NOW_BINS:]
        return sum(done) / (len(done) * _BIN_S) if done else 0.0

    def history(self) -> list[int]:
        """The counts of the full bins, oldest first."""
        self._advance()
        return list(self._bins)[:-1]

    def _advance(self) -> None:
        now = self._clock()
        while now >= self._bin_ends:
            self._bins.append(0)
            self._bin_ends += _BIN_S
