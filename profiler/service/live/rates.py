"""Counts by second, over the last two minutes."""

from collections import deque
from collections.abc import Callable
from time import monotonic

SECONDS = 120
#: The rate that is shown is over so many full seconds.
_NOW_SECONDS = 3


class Rates:
    """Several counters, in bins of a second.

    Args:
        names: of the counters.
        clock: seconds, ever growing.
    """

    def __init__(self, *names: str, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._second = int(clock())
        self._bins = {name: deque([0], maxlen=SECONDS + 1) for name in names}

    def add(self, name: str, count: int = 1) -> None:
        """Count what came now."""
        self._advance()
        self._bins[name][-1] += count

    def history(self) -> dict[str, list[int]]:
        """The counts of the full seconds, oldest first; shorter in the first two minutes."""
        self._advance()
        return {name: list(bins)[:-1] for name, bins in self._bins.items()}

    def per_second(self, name: str) -> float:
        """The rate over the last three full seconds."""
        recent = self.history()[name][-_NOW_SECONDS:]
        return sum(recent) / len(recent) if recent else 0.0

    def _advance(self) -> None:
        passed = int(self._clock()) - self._second
        self._second += passed
        for bins in self._bins.values():
            # After a long silence all bins are empty; no need to pass each second.
            bins.extend([0] * min(passed, SECONDS + 1))
