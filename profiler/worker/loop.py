"""The loop: poll, send on its way, commit what has its outputs.

Offsets are committed only after every output of their records was acknowledged. Until then any
fault has one answer: nothing is committed, and the same records are worked on again.

Over 250 lines: the turns of one thread, in which the order of the steps is what matters.
"""

import time
from collections.abc import Mapping
from concurrent.futures import Future, wait
from typing import Any

import structlog

from profiler.config.settings import BatchSettings
from profiler.errors import ProfilerError, TransportError, VoidBatchError
from profiler.kafka import CommittedOffset, Consumer, Polled
from profiler.worker.backoff import Backoff
from profiler.worker.commit import CommitStage
from profiler.worker.delivery import Checkpoint, Delivery
from profiler.worker.in_flight import InFlight
from profiler.worker.observer import UNOBSERVED, Observer
from profiler.worker.progress import Progress, named_offsets
from profiler.worker.reading import FindBeginning, Reading
from profiler.worker.shutdown import StopRequest
from profiler.worker.streams import Streams

_LOG = structlog.get_logger("profiler.worker")

_COMMIT_WITHIN_MS = 20
_WATCH_MS = 100
_COMMIT_S = 30.0
#: Shorter than a member may go without a poll.
_RECOVER_S = 10.0
#: Between two looks at a Redis that is not used meanwhile.
_SETTLE_EVERY_S = 1.0
_LAST_MARKS_S = 1.0
#: Kept free for leaving the group and disconnecting.
_CLOSE_S = 2.0


class Worker:
    """One member of the consumer group.

    This thread polls and commits; every stage between has a thread of its own, see `InFlight`.
    It never stops polling, so that the group keeps its member however long Redis and Kafka take.

    Args:
        consumer: where records come from; used by the thread that calls `run`.
        in_flight: the batches under way.
        delivery: commits, in this thread.
        progress: counts, and tells the log.
        streams: names the streams of what is read.
        find_beginning: says where to begin by what is committed and what Redis has.
        settings: how much is read at a time.
        stop: what is under way at the request is finished and committed first, if there is time.
        observer: told how long what takes, and what goes wrong.
    """

    def __init__(
        self,
        *,
        consumer: Consumer,
        in_flight: InFlight,
        delivery: Delivery,
        progress: Progress,
        streams: Streams,
        find_beginning: FindBeginning,
        settings: BatchSettings,
        stop: StopRequest,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self._observer = observer
        self._consumer = consumer
        self._in_flight = in_flight
        self._delivery = delivery
        self._commit = CommitStage(delivery, progress)
        self._progress = progress
        self._streams = streams
        self._reading = Reading(streams, find_beginning)
        self._settings = settings
        self._stop = stop
        #: What was read and is not committed came to nothing: it must be read again.
        self._is_void = False
        #: Where reading begins is not known: at the start, after a rebalance, and after Redis was
        #: reached by a new connection.
        self._is_unplaced = True
        #: The consumer's, for which that is known.
        self._generation = -1
        #: What is written to Redis while no batch is under way, and since when.
        self._settling: Future[None] | None = None
        self._settled_at = time.monotonic()
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
                    self._observer.retried("kafka")
                    self._give_up()
                    with self._observer.during("back-pressure"):
                        self._stop.wait(pause_s)
                    self._report()
        finally:
            self._finish()

    def _turn(self) -> None:
        in_flight = self._in_flight
        if self._is_void or self._is_unplaced:
            self._start_over()
        elif in_flight.back_pressure:
            self._await(in_flight.oldest.produced)
        elif bottleneck := in_flight.bottleneck:
            self._await(bottleneck)
        if self._stop.is_set():
            return
        self._settle()
        if self._is_void or self._is_unplaced:
            return
        self._resume()
        # What is under way must not wait long for its commit when no more records come.
        timeout_ms = self._settings.poll_timeout_ms
        if in_flight:
            timeout_ms = min(timeout_ms, _COMMIT_WITHIN_MS)
        started = time.perf_counter()
        polled = self._consumer.poll(timeout_ms=timeout_ms, max_records=self._settings.max_records)
        self._observer.spent("poll" if polled.records else "idle", time.perf_counter() - started)
        self._take(polled)
        self._report()

    def _report(self) -> None:
        self._progress.report(under_way=self._in_flight.records, is_paused=self._is_paused)

    def _take(self, polled: Polled) -> None:
        """Send records on their way, unless something else must come first."""
        if polled.generation != self._generation:
            self._rebalanced()
        elif self._streams.is_another_topic(self._consumer):
            # Committed offsets and what is under way are the old topic's.
            self._is_anew = True
            self._give_up()
        elif polled.records:
            self._add(polled)
        elif not self._in_flight:
            self._recovered()
            self._settle_redis()

    def _add(self, polled: Polled) -> None:
        repaired, new = self._reading.divided(polled.records)
        name, token = self._streams.name, self._streams.token
        if repaired:
            self._in_flight.add(polled._replace(records=repaired), stream=name, is_repair=True)
        if new:
            floors = self._reading.floors_of(new) if self._delivery.is_atomic else None
            polled = polled._replace(records=new)
            self._in_flight.add(polled, stream=name, token=token, floors=floors)

    def _settle_redis(self) -> None:
        """While no records come: write what is due, and see whether Redis is still the same."""
        if self._settling is not None and self._settling.done():
            self._settling.result()
            self._settling = None
            self._is_unplaced = self._in_flight.is_reconnected
        if self._settling is None and time.monotonic() - self._settled_at > _SETTLE_EVERY_S:
            self._settled_at = time.monotonic()
            self._settling = self._in_flight.settle()

    def _settle(self) -> Checkpoint | None:
        """Commit what is produced; raises what kept the next batch from it."""
        checkpoint = self._commit_produced()
        self._in_flight.check()
        return checkpoint

    def _commit_produced(self) -> Checkpoint | None:
        """Commit what is produced, unless it is void; what an atomic delivery made lasts anyway."""
        produced = self._in_flight.produced()
        if not produced or (self._is_void and not self._delivery.is_atomic):
            return None
        with self._observer.during("commit"):
            checkpoint = self._commit.commit(produced, timeout_s=self._stop.limited(_COMMIT_S))
        self._in_flight.remove(produced)
        if checkpoint is not None:
            self._reading.committed(checkpoint.offsets)
        self._recovered()
        return checkpoint

    def _recovered(self) -> None:
        if self._backoff.reset():
            _LOG.info("kafka is well again")

    def _give_up(self) -> None:
        """Let nothing more be begun of what is under way: it is read again."""
        self._is_void = True
        self._in_flight.cancel()

    def _rebalanced(self) -> None:
        """Begin anew with the partitions that are ours now.

        One that was ours may be another member's, who goes on from the committed offsets.
        """
        self._is_unplaced = True
        if self._in_flight and not self._is_void:
            _LOG.info("rebalanced, a batch will be read again")
            self._is_void = True
        self._in_flight.cancel()  # also where nothing but the marks is asked for

    def _start_over(self) -> None:
        """Go where reading begins, as soon as nothing is under way any more.

        The order matters: a step of the delivery whose end was not told may still change the
        committed offsets, so it is ended before they are read.
        """
        in_flight = self._in_flight
        if in_flight and not self._await(in_flight.newest.produced):
            return
        self._commit_produced()
        in_flight.start_over()
        self._delivery.recover(timeout_s=self._stop.limited(_RECOVER_S))
        committed: dict[tuple[str, int], CommittedOffset] = {}
        # Without this the next commit would skip what came to nothing.
        if self._is_anew:
            self._consumer.begin_anew()
        else:
            committed = self._consumer.rewind()
        self._reading.begin(committed)
        self._generation = self._consumer.generation
        if self._streams.are_profiled and not self._repair(committed):
            return
        self._resume()
        self._is_void = self._is_unplaced = self._is_anew = False

    def _repair(self, committed: Mapping[tuple[str, int], CommittedOffset]) -> bool:
        """Begin earlier where Redis lost what is committed; returns whether that was found out.

        Raises:
            LostStateError: Redis has nothing of it.
            VoidBatchError: a rebalance came between.
        """
        streams = self._reading.streams_of(self._consumer.assignment)
        looked = self._in_flight.look(set(streams.values()))
        if not self._await(looked):
            return False
        marks = looked.result()
        found = {place: marks[stream] for place, stream in streams.items()}
        beginning = self._reading.compare(committed, found)
        self._consumer.seek(beginning.starts)
        if beginning.marks:
            marked = {streams[place]: offset for place, offset in beginning.marks.items()}
            self._in_flight.mark(marked)
        return True

    def _await(self, work: Future[Any]) -> bool:
        """Wait for a stage's work; polling goes on where that takes long.

        Returns:
            Whether it ended; it may not when there is no time left to stop in.
        """
        while not work.done() and self._stop.seconds_left > _CLOSE_S:
            with self._observer.during("back-pressure"):
                self._wait_a_moment(work)
        return work.done()

    def _wait_a_moment(self, work: Future[Any]) -> None:
        reason = self._in_flight.back_pressure
        if not reason:
            self._resume()
            wait([work], timeout=_WATCH_MS / 1_000)
            return
        self._pause(reason)
        self._consumer.keep_alive(timeout_ms=_WATCH_MS)
        if self._generation != self._consumer.generation:
            self._rebalanced()
        self._report()

    def _pause(self, reason: str) -> None:
        if not self._is_paused:
            self._observer.paused(reason)
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
            if not self.is_stuck:
                wait([in_flight.settle()], timeout=self._stop.limited(_LAST_MARKS_S))
        except TransportError as error:
            _LOG.warning("kafka is unwell", error=str(error))
        except ProfilerError:
            pass  # given up because of the request, or `run` raises it already
        if self.has_batch:
            _LOG.warning("a batch is not committed and will be read again")
        in_flight.close(wait=not self.is_stuck)
        _LOG.info("stopped", **self._progress.totals)
