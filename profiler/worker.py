"""The loop: poll, process, produce, commit; at least once.

Offsets are committed only after every output of the batch was acknowledged. Until then any fault
has one answer: nothing is committed, and the same records are worked on again. The watermark in
each profile keeps a second time from counting twice.
"""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import structlog

from profiler.errors import StoreUnavailableError, TransportError
from profiler.kafka.transport import Sink, Source
from profiler.pipeline import Pipeline, Result
from profiler.records import Record
from profiler.settings import BatchSettings

_LOG = structlog.get_logger("profiler.worker")

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_SUMMARY_EVERY_S = 10.0
_COMMIT_WITHIN_MS = 20


class _Delivery(NamedTuple):
    """A batch whose outputs are being produced."""

    done: Future[None]
    next_offsets: dict[tuple[str, int], int]
    assignment_epoch: int


class Worker:
    """One member of the consumer group.

    While one batch's outputs wait for their acknowledgement, the next batch is read, decoded and
    in Redis; two threads, so that the one's waiting is the other's time.

    Args:
        source: where records come from; used by the thread that calls `run`.
        sink: where outputs go; used by a thread of the worker's own.
        pipeline: what happens in between.
        batch: how much is read at a time.
        stop: set from a signal handler; what is under way is finished and committed first.
    """

    def __init__(
        self,
        source: Source,
        sink: Sink,
        pipeline: Pipeline,
        batch: BatchSettings,
        stop: threading.Event,
    ) -> None:
        self._source = source
        self._sink = sink
        self._pipeline = pipeline
        self._batch = batch
        self._stop = stop
        self._producing = ThreadPoolExecutor(1, thread_name_prefix="produce")
        self._delivery: _Delivery | None = None
        #: The records polled last came to nothing: they must be read again.
        self._void = False
        self._owned = 0
        self._summarised_at = time.monotonic()

    def run(self) -> None:
        """Work until `stop` is set.

        Raises:
            ScriptContractError: script and caller disagree; nothing of the batch is committed.
        """
        pause_s = _FIRST_PAUSE_S
        try:
            while not self._stop.is_set():
                try:
                    self._turn()
                    pause_s = _FIRST_PAUSE_S
                except TransportError as error:
                    _LOG.warning("kafka is unwell, trying again", error=str(error), pause_s=pause_s)
                    self._void = True
                    self._stop.wait(pause_s)
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        finally:
            self._settle_if_possible()
            self._producing.shutdown()
            _LOG.info("stopped", **self._pipeline.counts)

    def _turn(self) -> None:
        if self._void:
            # Without this the next commit would skip the batch that came to nothing.
            self._settle()
            self._source.rewind()
            self._source.resume()
            self._void = False
        # A batch under way must not wait long for its commit when no more records come.
        timeout_ms = self._batch.poll_timeout_ms
        if self._delivery is not None:
            timeout_ms = min(timeout_ms, _COMMIT_WITHIN_MS)
        records = self._source.poll(timeout_ms=timeout_ms, max_records=self._batch.max_records)
        assignment_epoch = self._source.assignment_epoch
        self._report()
        if not records:
            self._settle()
            return
        results = self._process(records)
        self._settle()
        if results is None:
            self._void = True
            return
        outputs = [output for result in results for output in result.outputs]
        done = self._producing.submit(self._sink.send, outputs)
        self._delivery = _Delivery(done, _next_offsets(records), assignment_epoch)

    def _settle(self) -> None:
        """Wait for the batch under way, and commit it. Raises what its delivery raised.

        After a rebalance its partitions may be another member's, who goes on from the committed
        offsets: then its outputs come twice, and the watermark keeps the counts.
        """
        delivery, self._delivery = self._delivery, None
        if delivery is None:
            return
        delivery.done.result()
        if delivery.assignment_epoch == self._source.assignment_epoch:
            self._source.commit(delivery.next_offsets)
        else:
            _LOG.info("rebalanced, a batch will be read again")

    def _settle_if_possible(self) -> None:
        try:
            self._settle()
        except TransportError as error:
            _LOG.warning("a batch is not committed and will be read again", error=str(error))

    def _process(self, records: Sequence[Record]) -> list[Result] | None:
        """The batch's results; None where it must be dropped because it is no longer ours."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                results = self._pipeline.process(records)
            except StoreUnavailableError as error:
                _LOG.warning("redis is unwell, trying again", error=str(error), pause_s=pause_s)
            else:
                if pause_s > _FIRST_PAUSE_S:
                    self._source.resume()
                    _LOG.info("redis is well again")
                return results
            # Polling goes on with everything paused, so that the group keeps its member.
            until = time.monotonic() + pause_s
            while (left := until - time.monotonic()) > 0:
                if self._stop.is_set() or not self._source.keep_alive(timeout_ms=int(left * 1000)):
                    return None
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _report(self) -> None:
        if (owned := len(self._source.assignment)) != self._owned:
            _LOG.info("assigned", partitions=owned, before=self._owned)
            self._owned = owned
        now = time.monotonic()
        if now - self._summarised_at >= _SUMMARY_EVERY_S:
            self._summarised_at = now
            _LOG.info("summary", lag=self._source.lag(), **self._pipeline.counts)


def _next_offsets(records: Sequence[Record]) -> dict[tuple[str, int], int]:
    # Records of a partition come in offset order, so the last one of each wins.
    return {(record.topic, record.partition): record.offset + 1 for record in records}
