"""The loop: poll, prepare, commit what was applied and produced meanwhile; at least once.

Offsets are committed only after every output of the batch was acknowledged. Until then any fault
has one answer: nothing is committed, and the same records are worked on again. The watermark in
each profile keeps a second time from counting twice.
"""

from collections.abc import Sequence
from concurrent.futures import Future, wait
from typing import Any

import structlog

from profiler.config.settings import Settings
from profiler.engine.pipeline import Pipeline
from profiler.errors import ProfilerError, TransportError, VoidBatchError
from profiler.kafka.protocol import Sink, Source
from profiler.records.types import Record
from profiler.worker.apply import Applier
from profiler.worker.dead_letter_limit import DeadLetterLimit
from profiler.worker.in_flight import InFlight, next_offsets
from profiler.worker.produce import Deliverer
from profiler.worker.progress import Progress, named_offsets
from profiler.worker.shutdown import StopRequest

_LOG = structlog.get_logger("profiler.worker")

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_COMMIT_WITHIN_MS = 20
_WATCH_MS = 100
_COMMIT_S = 30.0
#: Kept free for leaving the group and disconnecting.
_CLOSE_S = 2.0


class Worker:
    """One member of the consumer group.

    This thread reads and prepares a batch while others have the ones before, see `InFlight`. It
    never stops polling, so that the group keeps its member however long Redis and Kafka take.

    Args:
        source: where records come from; used by the thread that calls `run`.
        sink: where outputs go; used by a thread of the worker's own.
        pipeline: what happens in between; each of its stages is used by a thread of its own.
        settings: how much is read at a time, and how many dead letters are too many.
        stop: what is under way at the request is finished and committed first, if there is time.
    """

    def __init__(
        self,
        source: Source,
        sink: Sink,
        pipeline: Pipeline,
        settings: Settings,
        stop: StopRequest,
    ) -> None:
        self._source = source
        self._pipeline = pipeline
        self._settings = settings.batch
        self._stop = stop
        limit = DeadLetterLimit(settings.dead_letters)
        self._in_flight = InFlight(
            Applier(pipeline, stop), Deliverer(pipeline, sink, limit, settings.topics.rejected)
        )
        self._progress = Progress(source, pipeline.counts)
        #: What was read and is not committed came to nothing: it must be read again.
        self._is_void = False
        self._is_held = False
        self._is_preparing = False
        #: Before the next attempt, when Kafka is unwell.
        self._pause_s = _FIRST_PAUSE_S
        #: Whether a thread was left at a call that did not return in time.
        self.is_stuck = False

    @property
    def has_batch(self) -> bool:
        """Whether a batch is read and not committed."""
        return self._is_preparing or self._is_void or len(self._in_flight) > 0

    def run(self) -> None:
        """Work until the request to stop.

        Raises:
            ScriptContractError: script and caller disagree; nothing of the batch is committed.
            DeadLetterLimitError: too many records are bad; likewise.
        """
        try:
            while not self._stop.is_set():
                try:
                    self._turn()
                except VoidBatchError:
                    self._give_up()
                except TransportError as error:
                    pause_s = self._pause_s
                    _LOG.warning("kafka is unwell, trying again", error=str(error), pause_s=pause_s)
                    self._give_up()
                    self._stop.wait(pause_s)
                    self._pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        finally:
            self._finish()

    def _turn(self) -> None:
        flow = self._in_flight
        if self._is_void:
            self._start_over()
        elif flow.trouble:
            self._await(flow.oldest.delivered)
        elif bottleneck := flow.bottleneck:
            self._await(bottleneck)
        if self._stop.is_set():
            return
        self._settle()
        if self._is_void:
            return
        self._release()
        # What is under way must not wait long for its commit when no more records come.
        timeout_ms = self._settings.poll_timeout_ms
        if flow:
            timeout_ms = min(timeout_ms, _COMMIT_WITHIN_MS)
        records = self._source.poll(timeout_ms=timeout_ms, max_records=self._settings.max_records)
        self._progress.look()
        if flow and flow.oldest.assignment_epoch != self._source.assignment_epoch:
            self._lose()
        elif records:
            self._begin(records)
        elif not flow:
            self._recover()

    def _begin(self, records: Sequence[Record]) -> None:
        self._is_preparing = True
        try:
            prepared = self._pipeline.prepare(records)
            self._in_flight.add(records, prepared, self._source.assignment_epoch)
        finally:
            self._is_preparing = False

    def _settle(self) -> dict[tuple[str, int], int]:
        """Commit what was delivered; raises what kept the next batch from it.

        Returns:
            What was committed.
        """
        offsets: dict[tuple[str, int], int] = {}
        delivered = self._in_flight.delivered()
        if delivered and not self._is_void:
            offsets = next_offsets(delivered)
            self._source.commit(offsets, timeout_s=self._stop.limited(_COMMIT_S))
            self._in_flight.remove(delivered)
            for batch in delivered:
                self._progress.tell(batch)
            self._recover()
        self._in_flight.check()
        return offsets

    def _recover(self) -> None:
        if self._pause_s > _FIRST_PAUSE_S:
            self._pause_s = _FIRST_PAUSE_S
            _LOG.info("kafka is well again")

    def _give_up(self) -> None:
        """Let nothing more be begun of what is under way: it is read again."""
        self._is_void = True
        self._in_flight.cut()

    def _lose(self) -> None:
        """The same after a rebalance.

        Partitions may be another member's, who goes on from the committed offsets: then outputs
        that are under way come twice, and the watermark keeps the counts.
        """
        if not self._is_void:
            _LOG.info("rebalanced, a batch will be read again")
        self._give_up()

    def _start_over(self) -> None:
        """Go back to the committed offsets, as soon as nothing is under way any more."""
        flow = self._in_flight
        if flow and not self._await(flow.newest.delivered):
            return
        flow.start_over()
        # Without this the next commit would skip what came to nothing.
        self._source.rewind()
        self._release()
        self._is_void = False

    def _await(self, work: Future[Any]) -> bool:
        """Wait for a thread's work; polling goes on where that takes long.

        Returns:
            Whether it ended; it may not when there is no time left to stop in.
        """
        while not work.done() and self._stop.seconds_left > _CLOSE_S:
            if reason := self._in_flight.trouble:
                self._hold(reason)
                if not self._source.keep_alive(timeout_ms=_WATCH_MS):
                    self._lose()
                self._progress.look()
            else:
                self._release()
                wait([work], timeout=_WATCH_MS / 1_000)
        return work.done()

    def _hold(self, reason: str) -> None:
        if not self._is_held:
            self._is_held = True
            self._source.pause()
            _LOG.info("paused", reason=reason)

    def _release(self) -> None:
        if self._is_held:
            self._is_held = False
            self._source.resume()
            _LOG.info("resumed")

    def _finish(self) -> None:
        """Commit what can be committed, say what cannot, and let the threads go."""
        flow = self._in_flight
        try:
            self.is_stuck = bool(flow) and not self._await(flow.newest.delivered)
            if offsets := self._settle():
                _LOG.info("committed", offsets=named_offsets(offsets))
        except TransportError as error:
            _LOG.warning("kafka is unwell", error=str(error))
        except ProfilerError:
            pass  # given up because of the request, or `run` raises it already
        if self.has_batch:
            _LOG.warning("a batch is not committed and will be read again")
        flow.close(wait=not self.is_stuck)
        _LOG.info("stopped", **self._progress.totals)
