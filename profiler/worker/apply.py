"""The second stage: Redis has the batch, in attempt after attempt until one succeeds."""

from threading import Event
from typing import NamedTuple

import structlog

from profiler.engine import Batch
from profiler.errors import StoreUnavailableError, VoidBatchError
from profiler.profiles.script import ProfileScript
from profiler.worker.backoff import Backoff
from profiler.worker.shutdown import StopRequest
from profiler.worker.stage import Stage

_LOG = structlog.get_logger("profiler.worker")


class Applied(NamedTuple):
    """A batch whose events are in Redis.

    Attributes:
        batch: to be finished.
        connections: how many connections to Redis had been opened by then. Where the number
            grows, a server may have lost what it had acknowledged.
    """

    batch: Batch
    connections: int


class ApplyStage(Stage[Batch, Applied]):
    """Folds batches in Redis; blocks for as long as Redis is unwell.

    Args:
        script: makes the calls; None in mode ``flatten``, which needs no Redis.
        stop: after the request nothing is tried again.
    """

    verb = "apply"

    def __init__(self, script: ProfileScript | None, stop: StopRequest) -> None:
        super().__init__()
        self._script = script
        self._stop = stop
        self._backoff = Backoff()
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Why the batch in hand is tried again; empty while all is well. Any thread may ask."""
        return self._trouble

    def work(self, taken: Batch, void: Event) -> Applied:
        """See `Stage.work`.

        Raises:
            VoidBatchError: given up, by `void` or by the request to stop.
            ScriptContractError: script and caller disagree.
        """
        if self._script is None:
            return Applied(taken, 0)
        try:
            while not void.is_set():
                try:
                    self._script.execute(taken)
                except StoreUnavailableError as error:
                    if self._pause(str(error)):
                        break
                    continue
                if self._backoff.reset():
                    _LOG.info("redis is well again")
                return Applied(taken, self._script.connections)
        finally:
            self._trouble = ""
        self._backoff.reset()
        raise VoidBatchError("not applied")

    def _pause(self, error: str) -> bool:
        """Wait before the next attempt; returns whether the request to stop came."""
        pause_s = self._backoff.next_pause_s()
        self._trouble = error
        _LOG.warning("redis is unwell, trying again", error=error, pause_s=pause_s)
        return self._stop.wait(pause_s)
