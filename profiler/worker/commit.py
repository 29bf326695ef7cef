"""The last stage: what is produced becomes a checkpoint, and only then it counts.

A consumer belongs to one thread, so this stage works in the thread that polls.
"""

from collections.abc import Iterable, Sequence

from profiler.worker.delivery import Checkpoint, Delivery
from profiler.worker.in_flight import Flight
from profiler.worker.progress import Progress


class CommitStage:
    """Commits batches; used by the thread that polls.

    Args:
        delivery: makes the checkpoint last.
        progress: counts what is committed.
    """

    def __init__(self, delivery: Delivery, progress: Progress) -> None:
        self._delivery = delivery
        self._progress = progress

    def commit(self, flights: Sequence[Flight], *, timeout_s: float) -> Checkpoint:
        """Commit batches that are produced; blocks for `timeout_s` at most.

        Args:
            flights: at least one, in the order in which they were polled, of one generation.
            timeout_s: seconds.

        Raises:
            TransportError: nothing is known to be committed, and nothing is counted.
        """
        last = flights[-1]
        checkpoint = Checkpoint(next_offsets(flights), last.generation, last.group_metadata)
        self._delivery.commit(checkpoint, timeout_s=timeout_s)
        for flight in flights:
            self._progress.count(flight)
        return checkpoint


def next_offsets(flights: Iterable[Flight]) -> dict[tuple[str, int], int]:
    """Return the offset behind the last record of each partition, over batches in order."""
    return {
        partition: last + 1 for flight in flights for partition, (_, last) in flight.offsets.items()
    }
