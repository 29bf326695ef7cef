"""What log and observer are told of the worker's progress: names, counts, positions; no content."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from profiler.kafka import Consumer
from profiler.worker.in_flight import Flight
from profiler.worker.observer import UNOBSERVED, CommittedBatch, LoopState, Observer, Place

_LOG = structlog.get_logger("profiler.worker")

_SUMMARY_EVERY_S = 10.0
#: What it takes grows with the partitions.
_LAG_EVERY_S = 2.0
#: Told even when there were none; references are dead letters without their value.
_ALWAYS_TOLD = (
    *("read", "profiled", "anonymous", "rejected", "references"),
    *("late", "repeated", "replayed", "repaired"),
)


class UnderWay(Protocol):
    """What was polled and is not committed; see `profiler.worker.in_flight.InFlight`."""

    @property
    def records(self) -> int:
        """How many."""
        ...

    def offsets(self) -> Counter[Place]:
        """How many offsets of each partition."""
        ...


class Progress:
    """Tells of rebalances when they happen, of batches at debug, and of all together every 10 s.

    Args:
        consumer: asked for its assignment and lag.
        clock: seconds.
        observer: told the same.
    """

    def __init__(
        self,
        consumer: Consumer,
        clock: Callable[[], float] = time.monotonic,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self._clock = clock
        self._consumer = consumer
        self._counts: Counter[str] = Counter()
        self._owned: frozenset[tuple[str, int]] = frozenset()
        self._observer = observer
        self._summarised_at = clock()
        self._looked_at = clock() - _LAG_EVERY_S
        self._read = 0

    @property
    def totals(self) -> dict[str, int]:
        """Everything that was committed since the start."""
        return dict.fromkeys(_ALWAYS_TOLD, 0) | dict(self._counts)

    def report(self, in_flight: UnderWay, *, is_paused: bool) -> None:
        """Say what changed, and sum up when it is time.

        Args:
            in_flight: records that were polled and are not committed; they count as lag.
            is_paused: whether reading is paused.
        """
        if (owned := self._consumer.assignment) != self._owned:
            before, self._owned = self._owned, owned
            if lost := before - owned:
                _LOG.info("revoked", partitions=len(lost), names=_names(lost))
            _LOG.info("assigned", partitions=len(owned), before=len(before), names=_names(owned))
        generation, records = self._consumer.generation, in_flight.records
        self._observer.turned(LoopState(len(owned), generation, is_paused, records))
        now = self._clock()
        if now - self._looked_at >= _LAG_EVERY_S:
            self._looked_at = now
            self._observer.lagging(self._lag(in_flight))
        if (seconds := now - self._summarised_at) >= _SUMMARY_EVERY_S:
            totals = self.totals
            rate = round((totals["read"] - self._read) / seconds, 1)
            self._summarised_at, self._read = now, totals["read"]
            _LOG.info("summary", per_second=rate, lag=sum(self._lag(in_flight).values()), **totals)

    def count(self, flight: Flight) -> None:
        """Count a batch that is committed: a batch that is worked on again counts once."""
        counts, codes, written = flight.produced.result()
        self._counts.update(counts)
        timestamps = () if flight.is_repair else flight.timestamps
        batch = CommittedBatch(flight.records, counts, codes, written, timestamps)
        self._observer.committed(batch)
        if not _LOG.isEnabledFor(logging.DEBUG):
            return
        _LOG.debug(
            "batch",
            records=flight.records,
            rejected=counts["rejected"],
            ms=round((time.monotonic() - flight.polled_at) * 1_000, 1),
            partitions=len(flight.offsets),
            offsets=named_offsets(flight.offsets),
        )

    def _lag(self, in_flight: UnderWay) -> dict[Place, int]:
        """Records that are not committed, by partition; offsets stand for them."""
        under_way = in_flight.offsets()
        return {place: lag + under_way[place] for place, lag in self._consumer.lag().items()}


def named_offsets(offsets: Mapping[tuple[str, int], object]) -> dict[str, object]:
    """Offsets by the partition's name, e.g. ``tracking_processed-0``."""
    return {f"{topic}-{number}": offset for (topic, number), offset in offsets.items()}


def _names(partitions: frozenset[tuple[str, int]]) -> list[str]:
    return [f"{topic}-{number}" for topic, number in sorted(partitions)]
