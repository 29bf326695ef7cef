"""The last part of a batch's way: its outputs are made and produced."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import structlog

from profiler.engine.pipeline import Pipeline, Prepared
from profiler.errors import RecordTooLargeError
from profiler.kafka.protocol import Sink
from profiler.profiles.reply import Outcome
from profiler.records.dead_letter import SMALL_BYTES, is_reference, reference_to, size_of
from profiler.records.types import OutputRecord
from profiler.worker.dead_letter_limit import DeadLetterLimit

_LOG = structlog.get_logger("profiler.worker")


class Delivered(NamedTuple):
    """A batch whose outputs are acknowledged."""

    rejected: int
    #: Dead letters that are references.
    references: int


class Deliverer:
    """Finishes and produces batches; used by one thread.

    Args:
        pipeline: `Pipeline.finish` makes the outputs.
        sink: where they go.
        limit: looks at a batch before anything of it is written.
        rejected_topic: that of the dead letters.
    """

    def __init__(
        self, pipeline: Pipeline, sink: Sink, limit: DeadLetterLimit, rejected_topic: str
    ) -> None:
        self._pipeline = pipeline
        self._sink = sink
        self._limit = limit
        self._rejected_topic = rejected_topic

    def deliver(self, prepared: Prepared, outcomes: Sequence[Outcome]) -> Delivered:
        """Produce a batch's outputs; blocks until all are acknowledged.

        Raises:
            DeadLetterLimitError: too many records are bad; nothing was written.
            TransportError: see `Sink.send`.
        """
        results = self._pipeline.finish(prepared, outcomes)
        self._limit.check(results)
        outputs = [output for result in results for output in result.outputs]
        rejected = sum(result.rejected is not None for result in results)
        if not rejected:
            self._sink.send(outputs)
            return Delivered(0, 0)
        references = 0
        for some, is_large in self._in_turn(outputs):
            if is_large:
                references += self._send_large(*some)
            else:
                self._sink.send(some)
                references += sum(map(is_reference, some))
        return Delivered(rejected, references)

    def start_over(self) -> None:
        """Count dead letters anew, when nothing is in hand: the same records come again."""
        self._limit.forget()

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
