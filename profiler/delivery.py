"""The last part of a batch's way: its outputs are produced, in a thread of its own."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import structlog

from profiler.dead_letters import SMALL_BYTES, is_reference, reference_to, size_of
from profiler.errors import RecordTooLargeError
from profiler.kafka.transport import Sink
from profiler.pipeline import Result
from profiler.records import OutputRecord

_LOG = structlog.get_logger("profiler.worker")


class Batch(NamedTuple):
    """What was read together, as far as it concerns the commit and the log."""

    records: int
    #: First and last offset by topic and partition.
    offsets: Mapping[tuple[str, int], tuple[int, int]]
    #: See `Source.assignment_epoch`.
    assignment_epoch: int
    #: By the monotonic clock.
    polled_at: float

    @property
    def next_offsets(self) -> dict[tuple[str, int], int]:
        """The offsets to commit, once everything is acknowledged."""
        return {partition: last + 1 for partition, (_, last) in self.offsets.items()}


class Delivery(NamedTuple):
    """A batch whose outputs are being produced."""

    batch: Batch
    rejected: int
    #: With the number of dead letters that are references.
    done: Future[int]


class Deliverer:
    """Produces batches, one at a time.

    Args:
        sink: where outputs go; used by the deliverer's thread alone.
        rejected_topic: that of the dead letters.
    """

    def __init__(self, sink: Sink, rejected_topic: str) -> None:
        self._sink = sink
        self._rejected_topic = rejected_topic
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="produce")

    def start(self, batch: Batch, results: Sequence[Result]) -> Delivery:
        """Begin to produce a batch's outputs; the one before must have ended."""
        outputs = [output for result in results for output in result.outputs]
        rejected = sum(result.rejected is not None for result in results)
        done = self._thread.submit(self._send, outputs, check_sizes=rejected > 0)
        return Delivery(batch, rejected, done)

    def close(self, *, wait: bool) -> None:
        """End the thread; `wait` for what it is at."""
        self._thread.shutdown(wait=wait)

    def _send(self, outputs: Sequence[OutputRecord], *, check_sizes: bool) -> int:
        if not check_sizes:
            self._sink.send(outputs)
            return 0
        references = 0
        for some, is_large in self._in_turn(outputs):
            if is_large:
                references += self._send_large(*some)
            else:
                self._sink.send(some)
                references += sum(map(is_reference, some))
        return references

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
            self._sink.send([dead])
        except RecordTooLargeError:
            _LOG.warning(
                "the topic takes no dead letter of this size, its reference goes instead",
                topic=dead.topic,
                bytes=size_of(dead),
                remedy="set the topic's max.message.bytes to the setting dead_letters.max_bytes",
            )
            self._sink.send([reference_to(dead)])
            return 1
        return 0
