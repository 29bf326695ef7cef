"""What log and observer are told of the worker's progress: names, counts, positions; no content."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping

import structlog

from profiler.kafka import Consumer
from profiler.worker.in_flight import Flight
from profiler.worker.observer import UNOBSERVED, CommittedBatch, LoopState, Observer

_LOG = structlog.get_logger("profiler.worker")
#: Says whether a level is written at a hundredth of what the other one takes.
_LEVELS = logging.getLogger("profiler.worker")

_SUMMARY_EVERY_S = 10.0
#: Told even when there were none; references are dead letters without their value.
_ALWAYS_TOLD = (
    *("read", "profiled", "anonymous", "rejected", "references"),
    *("late", "repeated", "replayed", "repaired"),
)


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
        self._read = 0

    @property
    def totals(self) -> dict[str, int]:
        """Everything that was committed since the start."""
        return dict.fromkeys(_ALWAYS_TOLD, 0) | dict(self._counts)

    def report(self, *, under_way: int, is_paused: bool) -> None:
        """Say what changed, and sum up when it is time.

        Args:
            under_way: records that were polled and are not committed; they count as lag.
            is_paused: whether reading is paused.
        """
        if (owned := self._consumer.assignment) != self._owned:
            before, self._owned = self._owned, owned
            if lost := before - owned:
                _LOG.info("revoked", partitions=len(lost), names=_names(lost))
            _LOG.info("assigned", partitions=len(owned), before=len(before), names=_names(owned))
        self._observer.turned(LoopState(owned, self._consumer.generation, is_paused, under_way))
        now = self._clock()
        if (seconds := now - self._summarised_at) >= _SUMMARY_EVERY_S:
            totals = self.totals
            rate = round((totals["read"] - self._read) / seconds, 1)
            self._summarised_at, self._read = now, totals["read"]
            _LOG.info("summary", per_second=rate, lag=self._consumer.lag() + under_way, **totals)

    def count(self, flight: Flight) -> None:
        """Count a batch that is committed: a batch that is worked on again counts once."""
        counts, codes, written, triggers = flight.produced.result()
        self._counts.update(counts)
        records = len(flight.records)
        is_told = self._observer.counts and not flight.is_repair
        timestamps = [record.timestamp for record in flight.records] if is_told else []
        batch = CommittedBatch(records, counts, codes, written, timestamps, triggers)
        self._observer.committed(batch)
        if not _LEVELS.isEnabledFor(logging.DEBUG):
            return
        _LOG.debug(
            "batch",
            records=records,
            rejected=counts["rejected"],
            ms=round((time.monotonic() - flight.polled_at) * 1_000, 1),
            partitions=len(flight.offsets),
            offsets=named_offsets(flight.offsets),
        )


def named_offsets(offsets: Mapping[tuple[str, int], object]) -> dict[str, object]:
    """Offsets by the partition's name, e.g. ``tracking_processed-0``."""
    return {f"{topic}-{number}": offset for (topic, number), offset in offsets.items()}


def _names(partitions: frozenset[tuple[str, int]]) -> list[str]:
    return [f"{topic}-{number}" for topic, number in sorted(partitions)]
