"""Whether a worker is alive and ready, by what it told last."""

from collections.abc import Callable

from profiler.worker.observer import LoopState

#: No single call of the loop to Kafka takes so long, and no outage that heals by itself is told
#: as one.
STUCK_AFTER_S = 60.0

_NOTHING_YET = LoopState(frozenset(), 0, is_paused=False, under_way=0)


class Health:
    """Told by the worker's threads, asked by the server's.

    Args:
        clock: seconds, monotonic.
        stuck_after_s: without a turn the worker is not alive, without a commit it is not ready.
    """

    def __init__(self, clock: Callable[[], float], stuck_after_s: float = STUCK_AFTER_S) -> None:
        self._clock = clock
        self._stuck_after_s = stuck_after_s
        self.state = _NOTHING_YET
        self._turned_at = clock()
        self._has_turned = False
        #: When there was a commit, or nothing to commit.
        self._well_at = clock()

    @property
    def loop_age_s(self) -> float:
        """Since the loop's last turn."""
        return self._clock() - self._turned_at

    def turned(self, state: LoopState) -> None:
        """The loop takes another turn."""
        if not self._has_turned or not self.state.owned:
            self._well_at = self._clock()
        self.state = state
        self._turned_at = self._clock()
        self._has_turned = True

    def idle(self) -> None:
        """A poll brought nothing."""
        if not self.state.under_way and not self.state.is_paused:
            self._well_at = self._clock()

    def committed(self) -> None:
        """A batch is committed."""
        self._well_at = self._clock()

    def not_alive(self) -> str:
        """Why the process should be started anew; empty while the loop turns."""
        if self.loop_age_s <= self._stuck_after_s:
            return ""
        return f"the loop has not turned for {self.loop_age_s:.0f} s"

    def not_ready(self) -> str:
        """Why the worker does no work; empty while it does, or has none."""
        if reason := self.not_alive():
            return reason
        if not self._has_turned:
            return "starting: the script is not registered yet, or the group is not joined"
        if not self.state.owned:
            return "no partition is assigned"
        seconds = self._clock() - self._well_at
        if seconds > self._stuck_after_s:
            return f"no commit for {seconds:.0f} s, {self.state.under_way} records are under way"
        return ""
