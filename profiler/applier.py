"""The middle part of a batch's way: Redis has it, in attempt after attempt until one succeeds."""

import structlog

from profiler.dead_letter_limit import DeadLetterLimit
from profiler.errors import StoreUnavailableError, VoidBatchError
from profiler.pipeline import Pipeline, Prepared, Result
from profiler.stop import StopRequest

_LOG = structlog.get_logger("profiler.worker")

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


class Applier:
    """Completes batches; used by one thread, which it blocks for as long as Redis is unwell.

    Args:
        pipeline: `Pipeline.complete` is what is tried.
        limit: looks at the results, so that nothing is written of a batch that reaches it.
        stop: after the request nothing is tried again.
    """

    def __init__(self, pipeline: Pipeline, limit: DeadLetterLimit, stop: StopRequest) -> None:
        self._pipeline = pipeline
        self._limit = limit
        self._stop = stop
        self._is_cut = False
        #: Why the batch in hand is tried again; empty while all is well. Read by any thread.
        self.trouble = ""

    def apply(self, drafts: Prepared) -> list[Result]:
        """The batch's results.

        Raises:
            VoidBatchError: given up, by `cut` or by the request to stop.
            ScriptContractError: script and caller disagree.
            DeadLetterLimitError: too many records are bad.
        """
        pause_s = _FIRST_PAUSE_S
        try:
            while not self._is_cut:
                try:
                    results = self._pipeline.complete(drafts)
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
                self._limit.check(results)
                return results
        finally:
            self.trouble = ""
        raise VoidBatchError("not applied")

    def cut(self) -> None:
        """Give up the batch in hand at its next failure, and begin no other; any thread may."""
        self._is_cut = True

    def start_over(self) -> None:
        """Begin anew, after a `cut`, when nothing is in hand."""
        self._is_cut = False
        self._limit.forget()
