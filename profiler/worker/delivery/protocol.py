"""What the worker needs of a delivery mode."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from profiler.engine import Finished


class Checkpoint(NamedTuple):
    """How far the worker has come: all records before these offsets have their outputs.

    Attributes:
        offsets: the next offset to read, by topic and partition.
        generation: the consumer's, in which the records were polled.
        group_metadata: see `Polled`; of the poll that brought the last of these records.
    """

    offsets: Mapping[tuple[str, int], int]
    generation: int
    group_metadata: Any


class Delivery(Protocol):
    """Owns producing and committing.

    The stage that produces calls `produce` and `abort`; the thread that polls calls `commit`.
    """

    def produce(self, finished: Finished, *, connections: int) -> Counter[str]:
        """Produce the outputs of one batch: one step, however many sends it takes.

        Blocks until all are acknowledged.

        Args:
            finished: the batch.
            connections: see `profiler.worker.apply.Applied`.

        Returns:
            What is to be counted: ``references``, the dead letters that went as references to
            their records; ``restamped``, the outputs that left with the time of writing.

        Raises:
            TransportError: the step failed; `abort` must follow.
        """
        ...

    def abort(self) -> None:
        """Give up the step that failed: nothing of it is sent later."""
        ...

    def commit(self, checkpoint: Checkpoint, *, timeout_s: float) -> None:
        """Make the checkpoint last; blocks for `timeout_s` at most.

        Raises:
            TransportError: nothing is known to be committed.
        """
        ...
