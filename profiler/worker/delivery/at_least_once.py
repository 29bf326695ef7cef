"""At least once: offsets are committed when every output of their records is acknowledged.

A crash between the two makes records come again, and their outputs are written twice.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import structlog

from profiler.engine import Finished
from profiler.errors import RecordTooLargeError, TimestampRefusedError
from profiler.kafka import Consumer, Producer
from profiler.records.dead_letter import SMALL_BYTES, is_reference, reference_to, size_of
from profiler.records.types import OutputRecord
from profiler.worker.delivery.protocol import Checkpoint
from profiler.worker.delivery.timestamps import Timestamps, tell, written_now

_LOG = structlog.get_logger("profiler.worker")


class AtLeastOnce:
    """A `Delivery`.

    Args:
        consumer: takes the commits; belongs to the thread that polls.
        producer: takes the outputs; belongs to the stage that produces.
        rejected_topic: the topic of the dead letters.
        timestamps: gives each output one that its topic takes.
    """

    def __init__(
        self, consumer: Consumer, producer: Producer, rejected_topic: str, timestamps: Timestamps
    ) -> None:
        self._consumer = consumer
        self._producer = producer
        self._rejected_topic = rejected_topic
        self._timestamps = timestamps
        self._connections = 0

    def produce(self, finished: Finished, *, connections: int) -> Counter[str]:
        """See `Delivery.produce`."""
        if self._connections and connections > self._connections:
            # A server that lost what it had acknowledged has lost counts; here that is only told.
            _LOG.info("connected to redis anew", connections=connections)
        self._connections = connections
        has_dead_letters = bool(finished.rejections)
        outputs = self._timestamps.mended(finished.outputs)
        try:
            references = self._send(outputs, has_dead_letters=has_dead_letters)
        except TimestampRefusedError:
            # The limits are others by now, or they are not known.
            self._timestamps.learn()
            mended = self._timestamps.mended(finished.outputs)
            outputs = [written_now(output) for output in outputs] if mended == outputs else mended
            references = self._send(outputs, has_dead_letters=has_dead_letters)
        restamped = tell(finished.outputs, outputs)
        return Counter(references=references, restamped=restamped)

    def _send(self, outputs: Sequence[OutputRecord], *, has_dead_letters: bool) -> int:
        """Send all; returns how many dead letters went as references."""
        if not has_dead_letters:
            self._producer.send(outputs)
            return 0
        references = 0
        for some, is_large in self._in_turn(outputs):
            if is_large:
                references += self._send_large(*some)
            else:
                self._producer.send(some)
                references += sum(map(is_reference, some))
        return references

    def abort(self) -> None:
        """See `Delivery.abort`. A producer's failed send is over; what went before it stays."""

    def commit(self, checkpoint: Checkpoint, *, timeout_s: float) -> None:
        """See `Delivery.commit`."""
        self._consumer.commit(
            checkpoint.offsets, generation=checkpoint.generation, timeout_s=timeout_s
        )

    def _in_turn(
        self, outputs: Sequence[OutputRecord]
    ) -> Iterator[tuple[Sequence[OutputRecord], bool]]:
        """Set large dead letters apart, so that a refusal can only mean them; in order."""
        some: list[OutputRecord] = []
        for output in outputs:
            if output.topic != self._rejected_topic or size_of(output) <= SMALL_BYTES:
                some.append(output)
                continue
            if some:
                yield some, False
                some = []
            yield [output], True
        if some:
            yield some, False

    def _send_large(self, dead: OutputRecord) -> int:
        try:
            self._producer.send([dead])
        except RecordTooLargeError:
            _LOG.warning(
                "the topic takes no dead letter of this size, its reference goes instead",
                topic=dead.topic,
                bytes=size_of(dead),
                remedy="set the topic's max.message.bytes to the setting dead_letters.max_bytes",
            )
            self._producer.send([reference_to(dead)])
            return 1
        return 0
