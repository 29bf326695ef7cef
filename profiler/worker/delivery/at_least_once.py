"""At least once: offsets are committed when every output of their records is acknowledged.

A crash between the two makes records come again, and their outputs are written twice.
"""

from collections import Counter

from profiler.engine import Finished
from profiler.errors import RecordTooLargeError, TimestampRefusedError
from profiler.kafka import Consumer, Producer
from profiler.worker.delivery.limits import OutputLimits
from profiler.worker.delivery.protocol import Checkpoint


class AtLeastOnce:
    """A `Delivery`.

    Args:
        consumer: takes the commits; belongs to the thread that polls.
        producer: takes the outputs; belongs to the stage that produces.
        limits: makes outputs that their topics take.
    """

    is_atomic = False

    def __init__(self, consumer: Consumer, producer: Producer, limits: OutputLimits) -> None:
        self._consumer = consumer
        self._producer = producer
        self._limits = limits

    def recover(self, *, timeout_s: float) -> None:
        """See `Delivery.recover`. A send that failed is over; what it wrote stays."""

    def produce(self, finished: Finished, checkpoint: Checkpoint) -> Counter[str]:  # noqa: ARG002 - `commit` has it
        """See `Delivery.produce`."""
        outputs = self._limits.fitted(finished.outputs, dead_letters=bool(finished.rejections))
        try:
            self._producer.send(outputs)
        except (RecordTooLargeError, TimestampRefusedError) as error:
            outputs = self._limits.refitted(outputs, finished, error)
            self._producer.send(outputs)
        return self._limits.tell(finished, outputs)

    def commit(self, checkpoint: Checkpoint, *, timeout_s: float) -> None:
        """See `Delivery.commit`."""
        self._consumer.commit(
            checkpoint.offsets,
            generation=checkpoint.generation,
            metadata=checkpoint.metadata,
            timeout_s=timeout_s,
        )
