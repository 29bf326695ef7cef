"""Pauses between attempts; see docs/adr/0027."""

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


class Backoff:
    """Pauses that double from 0.1 s to 5 s, until a success."""

    def __init__(self) -> None:
        self._next_s = _FIRST_PAUSE_S

    def next_pause_s(self) -> float:
        """The pause before the next attempt, in seconds."""
        pause_s = self._next_s
        self._next_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        return pause_s

    def reset(self) -> bool:
        """Begin anew after a success; returns whether there was a failure before it."""
        had_failed = self._next_s > _FIRST_PAUSE_S
        self._next_s = _FIRST_PAUSE_S
        return had_failed
