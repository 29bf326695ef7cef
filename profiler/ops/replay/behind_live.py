"""A consumer that stays behind the live mode's group: what that has not committed is not read.

So the new profiles never know more than the old ones, and a worker that is switched to them goes on
at its own committed offsets.
"""

import time
from collections.abc import Callable, Iterable, Mapping

import structlog

from profiler.kafka import CommittedOffset, Consumer, Polled
from profiler.kafka.admin.tail import Span
from profiler.records.types import Record

_LOG = structlog.get_logger("profiler.replay")

Place = tuple[str, int]


_LOOK_EVERY_S = 1.0
_TELL_EVERY_S = 10.0
_WAIT_S = 0.1
#: Where nothing comes for so long, and the consumer is at its end, there is nothing more.
_QUIET_S = 5.0


class BehindLive:
    """A `profiler.kafka.protocol.Consumer`.

    Args:
        consumer: of a group of its own; reads the live mode's topic.
        live: asks what there is to replay, by partition: from the first record that is there to
            what the live mode has committed; raises `TransportError`.
        on_ready: called whenever all of it was polled.
        clock: seconds.
    """

    def __init__(
        self,
        consumer: Consumer,
        live: Callable[[], Mapping[int, Span]],
        *,
        on_ready: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._consumer = consumer
        self._live = live
        self._on_ready = on_ready
        self._clock = clock
        self._spans: Mapping[int, Span] = {}
        self._looked_at = -_LOOK_EVERY_S
        #: The next offset, by partition, where that is known.
        self._next: dict[Place, int] = {}
        self._polled = 0
        self._brought_at = clock()
        self._told_at, self._told = clock(), 0
        self._is_ready = self._is_told = False

    @property
    def assignment(self) -> frozenset[Place]:
        """See `Consumer.assignment`."""
        return self._consumer.assignment

    @property
    def generation(self) -> int:
        """See `Consumer.generation`."""
        return self._consumer.generation

    @property
    def gaps(self) -> int:
        """See `Consumer.gaps`."""
        return self._consumer.gaps

    def poll(self, *, timeout_ms: int, max_records: int) -> Polled:
        """See `Consumer.poll`. Returns no record that the live mode has not committed."""
        if self._clock() - self._looked_at >= _LOOK_EVERY_S:
            self._spans = self._live()
            self._tell_what_is_gone()
            self._looked_at = self._clock()
        polled = self._consumer.poll(timeout_ms=timeout_ms, max_records=max_records)
        records = self._behind(polled.records)
        if polled.records or not self.assignment:
            self._brought_at = self._clock()
        self._polled += len(records)
        if polled.records and not records:
            time.sleep(min(timeout_ms / 1_000, _WAIT_S))  # until the live mode has come further
        self._tell(at_once=not records)
        return polled._replace(records=records)

    def lag(self) -> int:
        """Committed records of the owned partitions that were not polled yet."""
        left = sum(
            max(0, span.end - max(span.first, self._next.get(place, 0)))
            for place in self.assignment
            if (span := self._spans.get(place[1])) is not None
        )
        # The ends of transactions take offsets too, and no record comes of them.
        is_quiet = self._clock() - self._brought_at > _QUIET_S
        return 0 if is_quiet and not self._consumer.lag() else left

    def reached(self) -> dict[Place, int]:
        """What the live mode has committed, of the owned partitions, where all of it was polled."""
        if self.lag():
            return {}
        return {
            place: span.end
            for place in self.assignment
            if (span := self._spans.get(place[1])) is not None
        }

    def rewind(self) -> dict[Place, CommittedOffset]:
        """See `Consumer.rewind`."""
        found = self._consumer.rewind()
        self._next = {place: committed.offset for place, committed in found.items()}
        return found

    def seek(self, starts: Mapping[Place, int]) -> None:
        """See `Consumer.seek`."""
        self._consumer.seek(starts)
        self._next.update(starts)

    def begin_anew(self) -> None:
        """See `Consumer.begin_anew`."""
        self._consumer.begin_anew()
        self._next = {}

    def commit(
        self,
        offsets: Mapping[Place, int],
        *,
        generation: int,
        metadata: str = "",
        timeout_s: float = 30,
    ) -> None:
        """See `Consumer.commit`."""
        self._consumer.commit(
            offsets, generation=generation, metadata=metadata, timeout_s=timeout_s
        )

    def pause(self) -> None:
        """See `Consumer.pause`."""
        self._consumer.pause()

    def resume(self) -> None:
        """See `Consumer.resume`."""
        self._consumer.resume()

    def keep_alive(self, *, timeout_ms: int = 100) -> None:
        """See `Consumer.keep_alive`."""
        self._consumer.keep_alive(timeout_ms=timeout_ms)

    def close(self, *, timeout_s: float = 10) -> None:
        """See `Consumer.close`."""
        self._consumer.close(timeout_s=timeout_s)

    def _behind(self, records: Iterable[Record]) -> list[Record]:
        behind: list[Record] = []
        ahead: dict[Place, int] = {}
        for record in records:
            place, span = (record.topic, record.partition), self._spans.get(record.partition)
            if span is not None and record.offset < span.end:
                behind.append(record)
                self._next[place] = record.offset + 1
            else:
                ahead.setdefault(place, record.offset)
        if ahead:
            self._next.update(ahead)
            self._consumer.seek(ahead)
        return behind

    def _tell_what_is_gone(self) -> None:
        """Say once which partitions no longer have the records that they began with."""
        if self._is_told:
            return
        self._is_told = True
        gone = {number: span.first for number, span in self._spans.items() if span.first}
        if gone:
            _LOG.warning(
                "the topic does not begin at its first record: older events are not replayed",
                first_offsets=gone,
                remedy="bring older history in before, see Rebuild profiles in docs/operations.md",
            )

    def _tell(self, *, at_once: bool) -> None:
        lag = self.lag() if self.assignment else -1
        if lag == 0 and at_once:
            if not self._is_ready:
                _LOG.info("READY", lag=0, polled=self._polled)
            self._is_ready = True
            self._on_ready()
        elif lag > 0:
            self._is_ready = False
        now = self._clock()
        if (seconds := now - self._told_at) < _TELL_EVERY_S:
            return
        rate = (self._polled - self._told) / seconds
        self._told_at, self._told = now, self._polled
        if lag > 0:
            done = 100 * self._polled / (self._polled + lag)
            _LOG.info(
                "replaying",
                percent=round(done, 1),
                polled=self._polled,
                lag=lag,
                per_second=round(rate, 1),
                seconds_left=round(lag / rate) if rate else None,
            )
