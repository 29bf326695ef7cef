"""Batches between poll and commit: the next is read while Redis has one, and one more is produced.

Redis and the sink have a thread each, and each thread one batch at a time. A batch enters a stage
only when the one before it has left that stage well. So batches are applied and produced in the
order in which they were read, and one that fails takes with it all that follow.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import takewhile
from typing import Any, NamedTuple

from profiler.engine.pipeline import Prepared
from profiler.errors import VoidBatchError
from profiler.profiles.reply import Outcome
from profiler.records.types import Record
from profiler.worker.apply import Applier
from profiler.worker.produce import Delivered, Deliverer

#: One in each stage: prepared, in Redis, being produced. Also the bound of the worker's memory.
_MOST = 3
#: Where nothing moves for so long, something does not answer.
_SLOW_S = 2.0


class Batch(NamedTuple):
    """What was read together, as far as it concerns the commit and the log."""

    records: int
    #: First and last offset by topic and partition.
    offsets: Mapping[tuple[str, int], tuple[int, int]]
    #: See `Source.assignment_epoch`.
    assignment_epoch: int
    #: By the monotonic clock.
    polled_at: float
    applied: Future[list[Outcome]]
    delivered: Future[Delivered]


class InFlight:
    """The batches under way, oldest first; used by the thread that polls.

    Args:
        applier: what the thread of Redis does.
        deliverer: what the thread of the sink does.
    """

    def __init__(self, applier: Applier, deliverer: Deliverer) -> None:
        self._applier = applier
        self._deliverer = deliverer
        self._applying = ThreadPoolExecutor(1, thread_name_prefix="apply")
        self._producing = ThreadPoolExecutor(1, thread_name_prefix="produce")
        self._batches: deque[Batch] = deque()
        self._is_cut = False
        #: When a batch last came in or left a stage, by the monotonic clock.
        self._moved_at = 0.0

    def __len__(self) -> int:
        return len(self._batches)

    @property
    def oldest(self) -> Batch:
        """The one to be committed next; there must be one."""
        return self._batches[0]

    @property
    def newest(self) -> Batch:
        """The one read last: when it is delivered or has failed, both threads are idle."""
        return self._batches[-1]

    @property
    def bottleneck(self) -> Future[Any] | None:
        """What must end before another batch is read; None where there is room for one.

        One that waits for Redis is enough: what comes meanwhile makes the next batch larger.
        """
        batches = self._batches
        if len(batches) >= _MOST:
            return self.oldest.delivered
        if len(batches) > 1 and not batches[-2].applied.done():
            return batches[-2].applied
        return None

    @property
    def trouble(self) -> str:
        """What keeps the batches from moving; empty while they move."""
        if self._applier.trouble or not self._batches:
            return self._applier.trouble
        if time.monotonic() - self._moved_at < _SLOW_S:
            return ""
        return "kafka is slow" if self.oldest.applied.done() else "redis is slow"

    def add(self, records: Sequence[Record], prepared: Prepared, assignment_epoch: int) -> Batch:
        """Send a batch on its way; `records` in offset order inside each partition."""
        polled_at = self._moved_at = time.monotonic()
        before = self._batches[-1] if self._batches else None
        applied = self._applying.submit(self._apply, prepared, before and before.applied)
        delivered = self._producing.submit(
            self._deliver, prepared, applied, before and before.delivered
        )
        last = {(record.topic, record.partition): record.offset for record in records}
        first = {(record.topic, record.partition): record.offset for record in reversed(records)}
        offsets = {partition: (first[partition], last[partition]) for partition in last}
        batch = Batch(len(records), offsets, assignment_epoch, polled_at, applied, delivered)
        self._batches.append(batch)
        return batch

    def delivered(self) -> list[Batch]:
        """From the oldest on, those whose outputs are all acknowledged."""
        return list(takewhile(lambda batch: _has_succeeded(batch.delivered), self._batches))

    def remove(self, committed: Sequence[Batch]) -> None:
        """Forget the oldest ones."""
        for _ in committed:
            self._batches.popleft()

    def check(self) -> None:
        """Raise what the oldest batch failed with."""
        if self._batches and self.oldest.delivered.done():
            self.oldest.delivered.result()

    def cut(self) -> None:
        """Begin no stage any more: what is under way in one comes to its end, the rest fails."""
        self._is_cut = True
        self._applier.cut()

    def start_over(self) -> None:
        """Forget all batches, of which none may be under way, and be ready for others."""
        self._batches.clear()
        self._is_cut = False
        self._applier.start_over()
        self._deliverer.start_over()

    def close(self, *, wait: bool) -> None:
        """End both threads; `wait` for what they are at."""
        self._applying.shutdown(wait=wait)
        self._producing.shutdown(wait=wait)

    def _apply(self, prepared: Prepared, before: Future[list[Outcome]] | None) -> list[Outcome]:
        if before is not None:
            before.result()
        try:
            return self._applier.apply(prepared)
        finally:
            self._moved_at = time.monotonic()

    def _deliver(
        self,
        prepared: Prepared,
        applied: Future[list[Outcome]],
        before: Future[Delivered] | None,
    ) -> Delivered:
        outcomes = applied.result()
        if before is not None:
            before.result()
        if self._is_cut:
            raise VoidBatchError("not produced")
        try:
            return self._deliverer.deliver(prepared, outcomes)
        finally:
            self._moved_at = time.monotonic()


def _has_succeeded(work: Future[Any]) -> bool:
    return work.done() and work.exception() is None


def next_offsets(batches: Sequence[Batch]) -> dict[tuple[str, int], int]:
    """The offsets to commit, by topic and partition, once all of the batches are delivered."""
    return {
        partition: last + 1 for batch in batches for partition, (_, last) in batch.offsets.items()
    }
