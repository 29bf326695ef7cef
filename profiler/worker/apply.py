"""The middle part of a batch's way: Redis has it, in attempt after attempt until one succeeds."""

import structlog

from profiler.engine.pipeline import Pipeline, Prepared
from profiler.errors import StoreUnavailableError, VoidBatchError
from profiler.profiles.reply import Outcome
from profiler.worker.shutdown import StopRequest

_LOG = structlog.get_logger("profiler.worker")

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


class Applier:
    """Applies batches; used by one thread, which it blocks for as long as Redis is unwell.

    Args:
        pipeline: `Pipeline.apply` is what is tried.
        stop: after the request nothing is tried again.
    """

    def __init__(self, pipeline: Pipeline, stop: StopRequest) -> None:
        self._pipeline = pipeline
        self._stop = stop
        self._is_cut = False
        #: Why the batch in hand is tried again; empty while all is well. Read by any thread.
        self.trouble = ""

    def apply(self, prepared: Prepared) -> list[Outcome]:
        """The batch's outcomes.

        Raises:
            VoidBatchError: given up, by `cut` or by the request to stop.
            ScriptContractError: script and caller disagree.
        """
        pause_s = _FIRST_PAUSE_S
        try:
            while not self._is_cut:
                try:
                    outcomes = self._pipeline.apply(prepared)
                except StoreUnavailableError as error:
                    self.trouble = str(error)
                    _LOG.warning(
                        "redis is unwell, trying again", error=self.trouble, pause_s=pause_s
                    )
                    if self._stop.wait(pause_s):
                        break
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                    continue
                if self.trouble:
                    _LOG.info("redis is well again")
                return outcomes
        finally:
            self.trouble = ""
        raise VoidBatchError("not applied")

    def cut(self) -> None:
        """Give up the batch in hand at its next failure, and begin no other; any thread may."""
        self._is_cut = True

    def start_over(self) -> None:
        """Begin anew, after a `cut`, when nothing is in hand."""
        self._is_cut = False
