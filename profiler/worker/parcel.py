"""What goes from stage to stage: a batch, and what its delivery has to know of it."""

from typing import NamedTuple

from profiler.engine import Batch
from profiler.worker.delivery.protocol import Checkpoint


class Parcel(NamedTuple):
    """The records of one poll, or a part of them.

    Attributes:
        batch: the records on their way.
        checkpoint: what becomes true when they have their outputs.
        spans: the first offset of each stream, and the one behind the last.
        is_repair: whether they were delivered before, and are only applied once more, to a Redis
            that lost them: they have no outputs, and nothing is committed.
    """

    batch: Batch
    checkpoint: Checkpoint
    spans: dict[str, tuple[int, int]]
    is_repair: bool
