"""What a worker tells whoever watches it: of batches, never of records, so that it costs nothing.

The worker knows this class only. `profiler.service` has one that counts.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

Place = tuple[str, int]

#: What a thread does: the loop's polls, commits, is idle, or is held up; and one of each stage.
Phase = Literal["poll", "decode", "redis", "produce", "commit", "idle", "back-pressure"]


class CommittedBatch(NamedTuple):
    """What is to be counted of a batch.

    Attributes:
        records: how many were read.
        counts: by name, as the log sums them up.
        codes: its dead letters, by error code.
        written: its outputs, by topic; empty where nobody counts.
        timestamps: its records'; empty likewise, and where they were delivered before.
        triggers: how many were fired or retracted, by name and state.
    """

    records: int
    counts: Counter[str]
    codes: Counter[str]
    written: Counter[str]
    timestamps: Sequence[int]
    triggers: Counter[tuple[str, str]]


class LoopState(NamedTuple):
    """How the loop is, at one turn.

    Attributes:
        owned: the worker's partitions.
        generation: the consumer's.
        is_paused: whether reading is paused.
        under_way: records that are read and not committed.
    """

    owned: frozenset[Place]
    generation: int
    is_paused: bool
    under_way: int


class Observer:
    """Forgets all that it is told. Any thread may tell; nothing here blocks or raises.

    Args:
        stopwatch: seconds.

    Attributes:
        counts: whether it counts: else nobody looks at a batch's records and outputs for it.
    """

    counts = False

    def __init__(self, stopwatch: Callable[[], float] = time.perf_counter) -> None:
        self._stopwatch = stopwatch
        self._nested = threading.local()

    @contextmanager
    def during(self, phase: Phase) -> Iterator[None]:
        """Take the time of a block; what is a phase of its own inside it, counts there alone."""
        started = self._stopwatch()
        outer = getattr(self._nested, "seconds", 0.0)
        self._nested.seconds = 0.0
        try:
            yield
        finally:
            seconds = self._stopwatch() - started
            self.spent(phase, seconds - self._nested.seconds)
            self._nested.seconds = outer + seconds

    def spent(self, phase: Phase, seconds: float) -> None:
        """A thread did this for so long."""

    def turned(self, state: LoopState) -> None:
        """The loop takes another turn."""

    def committed(self, batch: CommittedBatch) -> None:
        """A batch is committed: the one time that it counts."""

    def transacted(self, seconds: float) -> None:
        """A transaction was open for so long, and is committed."""

    def paused(self, reason: str) -> None:
        """Reading is paused; the reason is the log's."""

    def redis_failed(self, kind: str) -> None:
        """Redis did not do as it was asked; the kind is one of few words."""

    def retried(self, server: Literal["redis", "kafka"]) -> None:
        """What this server did not do is tried again."""


#: For a worker that nobody watches.
UNOBSERVED = Observer()
