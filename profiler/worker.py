"""The loop: poll, process, produce, commit; at least once.

Offsets are committed only after every output of the batch was acknowledged. Until then any fault
has one answer: nothing is committed, and the same records are worked on again. The watermark in
each profile keeps a second time from counting twice.
"""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import structlog

from profiler.dead_letter_limit import DeadLetterLimit
from profiler.delivery import Batch, Deliverer, Delivery
from profiler.errors import StoreUnavailableError, TransportError
from profiler.kafka.transport import Sink, Source
from profiler.pipeline import Pipeline, Result
from profiler.progress import Progress, named_offsets
from profiler.records import Record
from profiler.settings import Settings
from profiler.stop import StopRequest

_LOG = structlog.get_logger("profiler.worker")

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_COMMIT_WITHIN_MS = 20
#: A thread that works longer than this is watched while polling goes on.
_SLOW_S = 2.0
_WATCH_MS = 100
_COMMIT_S = 30.0
#: Kept free for leaving the group and disconnecting.
_CLOSE_S = 2.0


class Worker:
    """One member of the consumer group.

    While one batch's outputs wait for their acknowledgement, the next batch is read, decoded and
    in Redis. Redis and the sink have a thread each; this one waits for both and never stops
    polling, so that the group keeps its member however long they take.

    Args:
        source: where records come from; used by the thread that calls `run`.
        sink: where outputs go; used by a thread of the worker's own.
        pipeline: what happens in between; used by another one.
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
        self._deliverer = Deliverer(sink, settings.topics.rejected)
        self._applying = ThreadPoolExecutor(1, thread_name_prefix="apply")
        self._limit = DeadLetterLimit(settings.dead_letters)
        self._progress = Progress(source, pipeline.counts)
        self._delivery: Delivery | None = None
        #: The records polled last came to nothing: they must be read again.
        self._void = False
        self._held = False
        self._working = False
        #: Whether a thread was left at a call that did not return in time.
        self.is_stuck = False

    @property
    def has_batch(self) -> bool:
        """Whether a batch is read and not committed."""
        return self._working or self._void or self._delivery is not None

    def run(self) -> None:
        """Work until the request to stop.

        Raises:
            ScriptContractError: script and caller disagree; nothing of the batch is committed.
            DeadLetterLimitError: too many records are bad; likewise.
        """
        pause_s = _FIRST_PAUSE_S
        try:
            while not self._stop.is_set():
                try:
                    self._turn()
                except TransportError as error:
                    _LOG.warning("kafka is unwell, trying again", error=str(error), pause_s=pause_s)
                    self._void = True
                    self._stop.wait(pause_s)
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                    continue
                if pause_s > _FIRST_PAUSE_S:
                    _LOG.info("kafka is well again")
                    pause_s = _FIRST_PAUSE_S
        finally:
            self._finish()

    def _turn(self) -> None:
        if self._void:
            # Without this the next commit would skip the batch that came to nothing.
            self._settle()
            self._source.rewind()
            self._release()
            self._limit.forget()
            self._void = False
        # A batch under way must not wait long for its commit when no more records come.
        timeout_ms = self._settings.poll_timeout_ms
        if self._delivery is not None:
            timeout_ms = min(timeout_ms, _COMMIT_WITHIN_MS)
        records = self._source.poll(timeout_ms=timeout_ms, max_records=self._settings.max_records)
        self._progress.look()
        if not records:
            self._settle()
            return
        self._working = True
        batch = _batch_of(records, self._source.assignment_epoch)
        try:
            results = self._process(records)
            self._settle()
            if results is None:
                self._void = True
                return
            self._limit.check(results)
            self._delivery = self._deliverer.start(batch, results)
        finally:
            self._working = False

    def _settle(self) -> bool:
        """Wait for the batch under way, and commit it. Raises what its delivery raised.

        After a rebalance its partitions may be another member's, who goes on from the committed
        offsets: then its outputs come twice, and the watermark keeps the counts.

        Returns:
            Whether something was committed.
        """
        if self._delivery is None:
            return False
        try:
            return self._commit(self._delivery)
        finally:
            self._delivery = None

    def _commit(self, delivery: Delivery) -> bool:
        self._watch(delivery.done, "kafka is slow")
        if not delivery.done.done():
            self.is_stuck = True
            raise TransportError("produce: no acknowledgement in the time left to stop in")
        self._progress.references += delivery.done.result()
        self._release()
        if delivery.batch.assignment_epoch != self._source.assignment_epoch:
            _LOG.info("rebalanced, a batch will be read again")
            self._limit.forget()
            return False
        timeout_s = self._stop.limited(_COMMIT_S)
        self._source.commit(delivery.batch.next_offsets, timeout_s=timeout_s)
        self._progress.tell(delivery)
        return True

    def _process(self, records: Sequence[Record]) -> list[Result] | None:
        """The batch's results; None where it must be dropped because it is no longer ours."""
        pause_s = _FIRST_PAUSE_S
        while True:
            attempt = self._applying.submit(self._pipeline.process, records)
            is_ours = self._watch(attempt, "redis is slow")
            if not attempt.done():
                self.is_stuck = True
                return None
            try:
                results = attempt.result()
            except StoreUnavailableError as error:
                _LOG.warning("redis is unwell, trying again", error=str(error), pause_s=pause_s)
                self._hold(str(error))
            else:
                if pause_s > _FIRST_PAUSE_S:
                    _LOG.info("redis is well again")
                if is_ours:
                    self._release()
                return results if is_ours else None
            # Polling goes on with everything paused, so that the group keeps its member.
            until = time.monotonic() + pause_s
            while (left := until - time.monotonic()) > 0:
                if self._stop.is_set() or not self._keep_alive(int(left * 1_000)):
                    return None
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _watch(self, work: Future[Any], reason: str) -> bool:
        """Wait for a thread's work; polling goes on where that takes long.

        Returns early only when there is no time left to stop in.

        Returns:
            Whether the assignment is still the one of the last poll.
        """
        wait([work], timeout=_SLOW_S)
        is_ours = True
        while not work.done() and self._stop.seconds_left > _CLOSE_S:
            self._hold(reason)
            is_ours = self._keep_alive(_WATCH_MS) and is_ours
        return is_ours

    def _keep_alive(self, timeout_ms: int) -> bool:
        is_ours = self._source.keep_alive(timeout_ms=timeout_ms)
        self._progress.look()
        return is_ours

    def _hold(self, reason: str) -> None:
        if not self._held:
            self._held = True
            self._source.pause()
            _LOG.info("paused", reason=reason)

    def _release(self) -> None:
        if self._held:
            self._held = False
            self._source.resume()
            _LOG.info("resumed")

    def _finish(self) -> None:
        """Commit what can be committed, say what cannot, and let the threads go."""
        delivery = self._delivery
        try:
            if self._settle() and delivery is not None:
                _LOG.info("committed", offsets=named_offsets(delivery.batch.next_offsets))
        except TransportError as error:
            self._void = True
            _LOG.warning("kafka is unwell", error=str(error))
        if self._void:
            _LOG.warning("a batch is not committed and will be read again")
        self._applying.shutdown(wait=not self.is_stuck)
        self._deliverer.close(wait=not self.is_stuck)
        _LOG.info("stopped", **self._progress.totals)


def _batch_of(records: Sequence[Record], assignment_epoch: int) -> Batch:
    # Records of a partition come in offset order.
    last = {(record.topic, record.partition): record.offset for record in records}
    first = {(record.topic, record.partition): record.offset for record in reversed(records)}
    offsets = {partition: (first[partition], last[partition]) for partition in last}
    return Batch(len(records), offsets, assignment_epoch, time.monotonic())
