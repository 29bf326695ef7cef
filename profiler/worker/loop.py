"""The loop: poll, send on its way, commit what has its outputs.

Offsets are committed only after every output of their records was acknowledged. Until then any
fault has one answer: nothing is committed, and the same records are worked on again.
"""

from concurrent.futures import Future, wait
from typing import Any

import structlog

from profiler.config.settings import BatchSettings
from profiler.errors import ProfilerError, TransportError, VoidBatchError
from profiler.kafka import Consumer, Polled
from profiler.worker.backoff import Backoff
from profiler.worker.commit import CommitStage
from profiler.worker.delivery import Checkpoint
from profiler.worker.in_flight import InFlight
from profiler.worker.progress import Progress, named_offsets
from profiler.worker.shutdown import StopRequest
from profiler.worker.streams import Streams

_LOG = structlog.get_logger("profiler.worker")

_COMMIT_WITHIN_MS = 20
_WATCH_MS = 100
_COMMIT_S = 30.0
#: Kept free for leaving the group and disconnecting.
_CLOSE_S = 2.0


class Worker:
    """One member of the consumer group.

    This thread polls and commits; every stage between has a thread of its own, see `InFlight`.
    It never stops polling, so that the group keeps its member however long Redis and Kafka take.

    Args:
        consumer: where records come from; used by the thread that calls `run`.
        in_flight: the batches under way.
        commit: the last stage, in this thread.
        progress: counts, and tells the log.
        streams: names the streams of what is read.
        settings: how much is read at a time.
        stop: what is under way at the request is finished and committed first, if there is time.
    """

    def __init__(
        self,
        *,
        consumer: Consumer,
        in_flight: InFlight,
        commit: CommitStage,
        progress: Progress,
        streams: Streams,
        settings: BatchSettings,
        stop: StopRequest,
    ) -> None:
        self._consumer = consumer
        self._in_flight = in_flight
        self._commit = commit
        self._progress = progress
        self._streams = streams
        self._settings = settings
        self._stop = stop
        #: What was read and is not committed came to nothing: it must be read again.
        self._is_void = False
        #: The topic is another one of the same name: read it from its beginning.
        self._is_anew = False
        self._is_paused = False
        #: Before the next attempt, when Kafka is unwell.
        self._backoff = Backoff()
        #: Whether a thread was left at a call that did not return in time.
        self.is_stuck = False

    @property
    def has_batch(self) -> bool:
        """Whether a batch is read and not committed. Any thread may ask."""
        return self._is_void or len(self._in_flight) > 0

    def run(self) -> None:
        """Work until the request to stop.

        Raises:
            ScriptContractError: script and caller disagree; nothing of the batch is committed.
            DeadLetterLimitError: too many records are bad; likewise.
            ConfigError: the topic has more partitions by now than there may be streams.
        """
        try:
            while not self._stop.is_set():
                try:
                    self._turn()
                except VoidBatchError:
                    self._give_up()
                except TransportError as error:
                    pause_s = self._backoff.next_pause_s()
                    _LOG.warning("kafka is unwell, trying again", error=str(error), pause_s=pause_s)
                    self._give_up()
                    self._stop.wait(pause_s)
        finally:
            self._finish()

    def _turn(self) -> None:
        in_flight = self._in_flight
        if self._is_void:
            self._start_over()
        elif in_flight.back_pressure:
            self._await(in_flight.oldest.produced)
        elif bottleneck := in_flight.bottleneck:
            self._await(bottleneck)
        if self._stop.is_set():
            return
        self._settle()
        if self._is_void:
            return
        self._resume()
        # What is under way must not wait long for its commit when no more records come.
        timeout_ms = self._settings.poll_timeout_ms
        if in_flight:
            timeout_ms = min(timeout_ms, _COMMIT_WITHIN_MS)
        self._take(
            self._consumer.poll(timeout_ms=timeout_ms, max_records=self._settings.max_records)
        )
        self._progress.report(under_way=in_flight.records)

    def _take(self, polled: Polled) -> None:
        """Send records on their way, unless something else must come first."""
        in_flight = self._in_flight
        if in_flight and in_flight.oldest.generation != polled.generation:
            self._rebalanced()
        elif self._streams.is_another_topic(self._consumer):
            # Committed offsets and what is under way are the old topic's.
            self._is_anew = True
            self._give_up()
        elif polled.records:
            in_flight.add(polled, stream=self._streams.name)
        elif not in_flight:
            self._recovered()

    def _settle(self) -> Checkpoint | None:
        """Commit what is produced; raises what kept the next batch from it."""
        checkpoint = None
        produced = self._in_flight.produced()
        if produced and not self._is_void:
            checkpoint = self._commit.commit(produced, timeout_s=self._stop.limited(_COMMIT_S))
            self._in_flight.remove(produced)
            self._recovered()
        self._in_flight.check()
        return checkpoint

    def _recovered(self) -> None:
        if self._backoff.reset():
            _LOG.info("kafka is well again")

    def _give_up(self) -> None:
        """Let nothing more be begun of what is under way: it is read again."""
        self._is_void = True
        self._in_flight.cancel()

    def _rebalanced(self) -> None:
        """The same after a rebalance.

        Partitions may be another member's, who goes on from the committed offsets: then outputs
        that are under way come twice, and the watermark keeps the counts.
        """
        if not self._is_void:
            _LOG.info("rebalanced, a batch will be read again")
        self._give_up()

    def _start_over(self) -> None:
        """Go back to the committed offsets, as soon as nothing is under way any more."""
        in_flight = self._in_flight
        if in_flight and not self._await(in_flight.newest.produced):
            return
        in_flight.start_over()
        # Without this the next commit would skip what came to nothing.
        if self._is_anew:
            self._consumer.begin_anew()
            self._is_anew = False
        else:
            self._consumer.rewind()
        self._resume()
        self._is_void = False

    def _await(self, work: Future[Any]) -> bool:
        """Wait for a stage's work; polling goes on where that takes long.

        Returns:
            Whether it ended; it may not when there is no time left to stop in.
        """
        while not work.done() and self._stop.seconds_left > _CLOSE_S:
            if reason := self._in_flight.back_pressure:
                self._pause(reason)
                self._consumer.keep_alive(timeout_ms=_WATCH_MS)
                if self._in_flight.oldest.generation != self._consumer.generation:
                    self._rebalanced()
                self._progress.report(under_way=self._in_flight.records)
            else:
                self._resume()
                wait([work], timeout=_WATCH_MS / 1_000)
        return work.done()

    def _pause(self, reason: str) -> None:
        if not self._is_paused:
            self._is_paused = True
            self._consumer.pause()
            _LOG.info("paused", reason=reason)

    def _resume(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self._consumer.resume()
            _LOG.info("resumed")

    def _finish(self) -> None:
        """Commit what can be committed, say what cannot, and let the threads go."""
        in_flight = self._in_flight
        try:
            self.is_stuck = bool(in_flight) and not self._await(in_flight.newest.produced)
            if checkpoint := self._settle():
                _LOG.info("committed", offsets=named_offsets(checkpoint.offsets))
        except TransportError as error:
            _LOG.warning("kafka is unwell", error=str(error))
        except ProfilerError:
            pass  # given up because of the request, or `run` raises it already
        if self.has_batch:
            _LOG.warning("a batch is not committed and will be read again")
        in_flight.close(wait=not self.is_stuck)
        _LOG.info("stopped", **self._progress.totals)
