"""What the worker's log tells of its progress: names, counts, positions; no content."""

import logging
import time
from collections import Counter
from collections.abc import Mapping

import structlog

from profiler.kafka.protocol import Source
from profiler.worker.in_flight import Batch

_LOG = structlog.get_logger("profiler.worker")

_SUMMARY_EVERY_S = 10.0
#: Counted from the start of the program; these are told even when there were none.
_ALWAYS_TOLD = ("read", "profiled", "anonymous", "rejected", "late", "repeated", "replayed")


class Progress:
    """Tells of rebalances when they happen, of batches at debug, and of all together every 10 s.

    Args:
        source: asked for its assignment and lag.
        counts: the pipeline's.
    """

    def __init__(self, source: Source, counts: Counter[str]) -> None:
        self._source = source
        self._counts = counts
        self._owned: frozenset[tuple[str, int]] = frozenset()
        self._summarised_at = time.monotonic()
        self._read = 0
        #: Dead letters without their value.
        self.references = 0

    @property
    def totals(self) -> dict[str, int]:
        """Everything counted since the start."""
        told = dict.fromkeys(_ALWAYS_TOLD, 0) | dict(self._counts)
        return told | {"references": self.references}

    def look(self) -> None:
        """Say what changed, and sum up when it is time."""
        if (owned := self._source.assignment) != self._owned:
            before, self._owned = self._owned, owned
            if lost := before - owned:
                _LOG.info("revoked", partitions=len(lost), names=_names(lost))
            _LOG.info("assigned", partitions=len(owned), before=len(before), names=_names(owned))
        now = time.monotonic()
        if (seconds := now - self._summarised_at) >= _SUMMARY_EVERY_S:
            totals = self.totals
            rate = round((totals["read"] - self._read) / seconds, 1)
            self._summarised_at, self._read = now, totals["read"]
            _LOG.info("summary", per_second=rate, lag=self._source.lag(), **totals)

    def tell(self, batch: Batch) -> None:
        """Tell of a batch that was committed."""
        rejected, references = batch.delivered.result()
        self.references += references
        if not _LOG.isEnabledFor(logging.DEBUG):
            return
        _LOG.debug(
            "batch",
            records=batch.records,
            rejected=rejected,
            ms=round((time.monotonic() - batch.polled_at) * 1_000, 1),
            partitions=len(batch.offsets),
            offsets=named_offsets(batch.offsets),
        )


def named_offsets(offsets: Mapping[tuple[str, int], object]) -> dict[str, object]:
    """Offsets by the partition's name, e.g. ``tracking_processed-0``."""
    return {f"{topic}-{number}": offset for (topic, number), offset in offsets.items()}


def _names(partitions: frozenset[tuple[str, int]]) -> list[str]:
    return [f"{topic}-{number}" for topic, number in sorted(partitions)]
