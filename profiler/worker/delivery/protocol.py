"""What the worker needs of a delivery mode."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from profiler.engine import Finished


class Checkpoint(NamedTuple):
    """How far the worker has come: all records before these offsets have their outputs.

    Attributes:
        offsets: the next offset to read, by topic and partition.
        generation: the consumer's, in which the records were polled.
        group_metadata: see `Polled`; of the poll that brought the last of these records.
        metadata: the text that is committed with each offset, see `Streams.token`.
    """

    offsets: Mapping[tuple[str, int], int]
    generation: int
    group_metadata: Any
    metadata: str


def merged(checkpoints: Sequence[Checkpoint]) -> Checkpoint | None:
    """The checkpoint that holds when all of these hold, which are in order; None for none."""
    if not checkpoints:
        return None
    offsets = {
        partition: offset
        for checkpoint in checkpoints
        for partition, offset in checkpoint.offsets.items()
    }
    return checkpoints[-1]._replace(offsets=offsets)


class Delivery(Protocol):
    """Owns producing and committing.

    The stage that produces calls `produce`. The thread that polls calls `commit`, and `recover`
    while that stage is idle.
    """

    @property
    def is_atomic(self) -> bool:
        """Whether `produce` makes the checkpoint last too, so that `commit` has nothing to do."""
        ...

    def recover(self, *, timeout_s: float) -> None:
        """Make sure that nothing of an earlier step can become visible any more.

        To be called before the first step, and after any error, before the committed offsets are
        read: a step whose end was not told may still change them. Blocks for `timeout_s` at most.

        Raises:
            TransportError: try again.
            ConfigError: the brokers lack what this mode needs.
            ProfilerError: going on is of no use.
        """
        ...

    def produce(self, finished: Finished, checkpoint: Checkpoint) -> Counter[str]:
        """Produce the outputs of one batch: one step, however many sends it takes.

        Blocks until all are acknowledged.

        Args:
            finished: the batch.
            checkpoint: what is true when its outputs are there.

        Returns:
            What is to be counted: ``references``, the dead letters that went as references to
            their records; ``restamped``, the outputs that left with the time of writing.

        Raises:
            TransportError: the step failed; `recover` must follow.
            VoidBatchError: the records are another member's by now; likewise.
        """
        ...

    def commit(self, checkpoint: Checkpoint, *, timeout_s: float) -> None:
        """Make the checkpoint last, where `produce` did not; blocks for `timeout_s` at most.

        Raises:
            TransportError: nothing is known to be committed.
        """
        ...
