"""The last stage: what is produced becomes a checkpoint, and only then it counts.

A consumer belongs to one thread, so this stage works in the thread that polls.
"""

from collections.abc import Sequence

from profiler.worker.delivery import Checkpoint, Delivery, merged
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

    def commit(self, flights: Sequence[Flight], *, timeout_s: float) -> Checkpoint | None:
        """Commit batches that are produced; blocks for `timeout_s` at most.

        Args:
            flights: at least one, in the order in which they were polled, of one generation.
            timeout_s: seconds.

        Returns:
            What is committed; None where all of them only repaired profiles.

        Raises:
            TransportError: nothing is known to be committed, and nothing is counted.
        """
        checkpoint = merged([flight.checkpoint for flight in flights if not flight.is_repair])
        if checkpoint is not None:
            self._delivery.commit(checkpoint, timeout_s=timeout_s)
        for flight in flights:
            self._progress.count(flight)
        return checkpoint
