"""Batches between poll and commit: each stage has one, at the same time as the other stages."""

import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from itertools import takewhile
from threading import Event
from typing import Any, NamedTuple

from profiler.engine import Engine
from profiler.kafka import Polled
from profiler.profiles.marks import StreamMarks
from profiler.records.types import Record, stream_of
from profiler.worker.apply import ApplyStage
from profiler.worker.decode import DecodeStage
from profiler.worker.delivery import Checkpoint
from profiler.worker.parcel import Parcel
from profiler.worker.produce import Produced, ProduceStage
from profiler.worker.spans import spans_of
from profiler.worker.stage import has_succeeded

#: One in each stage: decoded, in Redis, being produced. Also the bound of the worker's memory.
_MOST = 3
#: Where nothing moves for so long, something does not answer.
_SLOW_S = 2.0


class Flight(NamedTuple):
    """A batch under way, as far as it concerns commit and log.

    Attributes:
        records: what was polled.
        offsets: first and last offset by topic and partition.
        checkpoint: what becomes true at its end.
        is_repair: see `Parcel`.
        polled_at: by the monotonic clock.
        decoded: what the first stage makes of it.
        applied: what the second stage makes of it.
        produced: what the third stage makes of it.
    """

    records: Sequence[Record]
    offsets: Mapping[tuple[str, int], tuple[int, int]]
    checkpoint: Checkpoint
    is_repair: bool
    polled_at: float
    decoded: Future[Parcel]
    applied: Future[Parcel]
    produced: Future[Produced]


class InFlight:
    """The batches under way, oldest first; used by the thread that polls.

    Args:
        engine: makes the batches.
        decode: the first stage.
        apply: the second stage.
        produce: the third stage.
    """

    def __init__(
        self, engine: Engine, decode: DecodeStage, apply: ApplyStage, produce: ProduceStage
    ) -> None:
        self._engine = engine
        self._decode = decode
        self._apply = apply
        self._produce = produce
        self._flights: deque[Flight] = deque()
        self._void = Event()
        #: When a batch last came in or left a stage, by the monotonic clock, and what was seen.
        self._moved_at = 0.0
        self._steps_seen = 0

    def __len__(self) -> int:
        return len(self._flights)

    @property
    def oldest(self) -> Flight:
        """The batch to be committed next; there must be one."""
        return self._flights[0]

    @property
    def newest(self) -> Flight:
        """The batch read last: when it is produced or has failed, every stage is idle."""
        return self._flights[-1]

    @property
    def bottleneck(self) -> Future[Any] | None:
        """What must end before another batch is read; None where there is room for one.

        One batch that waits for Redis is enough: what comes meanwhile makes the next one larger.
        """
        flights = self._flights
        if len(flights) >= _MOST:
            return self.oldest.produced
        if len(flights) > 1 and not flights[-2].applied.done():
            return flights[-2].applied
        return None

    @property
    def back_pressure(self) -> str:
        """What keeps the batches from moving; empty while they move."""
        if self._apply.trouble or not self._flights:
            return self._apply.trouble
        steps = sum(
            flight.decoded.done() + flight.applied.done() + flight.produced.done()
            for flight in self._flights
        )
        if steps != self._steps_seen:
            self._steps_seen, self._moved_at = steps, time.monotonic()
        if time.monotonic() - self._moved_at < _SLOW_S:
            return ""
        return "kafka is slow" if self.oldest.applied.done() else "redis is slow"

    @property
    def records(self) -> int:
        """How many records are under way."""
        return sum(len(flight.records) for flight in self._flights)

    def add(
        self,
        polled: Polled,
        *,
        stream: str,
        token: str = "",
        floors: Mapping[int, int] | None = None,
        is_repair: bool = False,
    ) -> Flight:
        """Send what a poll brought on its way.

        Args:
            polled: at least one record.
            stream: as in `Engine.batch`.
            token: is committed with the offsets, see `Streams.token`.
            floors: as in `Engine.batch`.
            is_repair: see `Parcel`.
        """
        records = polled.records
        spans = spans_of(records)
        checkpoint = Checkpoint(
            {place: last + 1 for place, (_, last) in spans.items()},
            polled.generation,
            polled.group_metadata,
            token,
        )
        parcel = Parcel(
            self._engine.batch(records, stream=stream, floors=floors),
            checkpoint,
            {
                stream_of(stream, place[1]): (first, last + 1)
                for place, (first, last) in spans.items()
            },
            is_repair,
        )
        before = self._flights[-1] if self._flights else None
        read: Future[Parcel] = Future()
        read.set_result(parcel)
        decoded = self._decode.enter(read, before and before.decoded, self._void)
        applied = self._apply.enter(decoded, before and before.applied, self._void)
        produced = self._produce.enter(applied, before and before.produced, self._void)
        flight = Flight(
            records,
            spans,
            checkpoint,
            is_repair,
            time.monotonic(),
            decoded,
            applied,
            produced,
        )
        self._moved_at = flight.polled_at
        self._flights.append(flight)
        return flight

    def look(self, streams: Collection[str]) -> Future[dict[str, StreamMarks]]:
        """Ask Redis what it has of streams, see `ApplyStage.look`; given up by `cancel`."""
        return self._apply.look(streams, self._void)

    def mark(self, offsets: Mapping[str, int]) -> Future[None]:
        """See `ApplyStage.mark`."""
        return self._apply.mark(offsets)

    @property
    def is_reconnected(self) -> bool:
        """See `ApplyStage.is_reconnected`."""
        return self._apply.is_reconnected

    def settle(self) -> Future[None]:
        """See `ApplyStage.settle`."""
        return self._apply.settle()

    def produced(self) -> list[Flight]:
        """From the oldest on, all batches whose outputs are acknowledged."""
        return list(takewhile(lambda flight: has_succeeded(flight.produced), self._flights))

    def remove(self, committed: Sequence[Flight]) -> None:
        """Forget the oldest ones, and what they stored for the case that they come again."""
        for flight in committed:
            self._flights.popleft()
            self._apply.trim(flight.applied.result().batch.stored())

    def check(self) -> None:
        """Raise what the oldest batch failed with."""
        if self._flights and self.oldest.produced.done():
            self.oldest.produced.result()

    def cancel(self) -> None:
        """Begin no stage any more: what is under way in one comes to its end, the rest fails."""
        self._void.set()

    def start_over(self) -> None:
        """Forget all batches; none may be under way any more."""
        self._flights.clear()
        self._void = Event()

    def close(self, *, wait: bool) -> None:
        """End the stages' threads; `wait` for what they are at."""
        for stage in (self._decode, self._apply, self._produce):
            stage.close(wait=wait)
