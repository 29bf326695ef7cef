"""Outputs that their topic would refuse leave otherwise: with another timestamp, or as a reference.

A broker refuses a whole batch for one such record, in every attempt, and a transaction with it. So
the records are found before they are sent, by the limits of their topics.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from operator import itemgetter

import structlog

from profiler.engine import Finished
from profiler.errors import RecordTooLargeError, TimestampRefusedError, TransportError
from profiler.kafka import TopicLimits
from profiler.records.dead_letter import SMALL_BYTES, is_reference, reference_to, size_of
from profiler.records.headers import source_of, with_timestamp
from profiler.records.types import NO_TIMESTAMP, OutputRecord

_LOG = structlog.get_logger("profiler.worker")

#: Of an output; without a step of Python for each one.
_TIMESTAMP = itemgetter(OutputRecord._fields.index("timestamp"))


class OutputLimits:
    """Makes outputs that their topics take; used by the stage that produces.

    Args:
        rejected_topic: of the dead letters, the only outputs that may be too large: all others are
            checked before Redis is touched.
        look_up: asks the cluster for the limits of the output topics; blocks for some round
            trips, and raises `TransportError`. A topic that it leaves out has none.
        clock: ms since the epoch.
    """

    def __init__(
        self,
        rejected_topic: str,
        look_up: Callable[[], Mapping[str, TopicLimits]],
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._rejected_topic = rejected_topic
        self._look_up = look_up
        self._clock = clock
        self._limits: Mapping[str, TopicLimits] | None = None

    def fitted(
        self, outputs: list[OutputRecord], *, dead_letters: bool = True
    ) -> list[OutputRecord]:
        """The outputs, changed where their topics would refuse them.

        Args:
            outputs: the list itself comes back where there is nothing to change in it.
            dead_letters: whether there may be some among them.
        """
        limits = self._learnt() if self._limits is None else self._limits
        now_ms = self._clock()
        windows = {
            topic: (now_ms - found.before_ms, now_ms + found.after_ms)
            for topic, (found, _) in limits.items()
            if found is not None
        }
        if not dead_letters and _are_within(outputs, windows.values()):
            return outputs
        rejected = limits.get(self._rejected_topic)
        most_bytes = max(rejected.max_bytes, SMALL_BYTES) if rejected else None
        return [
            output
            if (window := windows.get(output.topic)) is None
            or output.timestamp < 0
            or window[0] <= output.timestamp <= window[1]
            else written_now(output)
            for output in self._sized(outputs, most_bytes)
        ]

    def refitted(
        self,
        refused: Sequence[OutputRecord],
        finished: Finished,
        error: RecordTooLargeError | TimestampRefusedError,
    ) -> list[OutputRecord]:
        """Other outputs in place of refused ones: the limits are others by now, or not known.

        Args:
            refused: what was sent.
            finished: what it was made of.
            error: what the brokers did not take.
        """
        self._learnt()
        fitted = self.fitted(finished.outputs)
        if isinstance(error, RecordTooLargeError):
            return list(self._sized(fitted, SMALL_BYTES)) if fitted == refused else fitted
        return [written_now(output) for output in fitted] if fitted == refused else fitted

    def tell(self, finished: Finished, after: Sequence[OutputRecord]) -> Counter[str]:
        """Say which outputs of a batch left otherwise.

        Returns:
            ``references``: dead letters that went without their value. ``restamped``: outputs that
            left with the time of writing.
        """
        before = finished.outputs
        if after is before and not finished.rejections:
            return Counter(references=0, restamped=0)
        restamped = []
        for old, new in zip(before, after, strict=True):
            if new.timestamp != old.timestamp:
                restamped.append(old)
            if is_reference(new) and not is_reference(old):
                _LOG.warning(
                    "the topic takes no dead letter of this size, its reference goes instead",
                    topic=old.topic,
                    bytes=size_of(old),
                    remedy="set the topic's max.message.bytes to our dead_letters.max_bytes",
                )
        if restamped:
            topic, partition, offset = source_of(restamped[0].headers) or ("", -1, -1)
            _LOG.warning(
                "timestamps that a topic refuses: outputs leave with the time of writing",
                outputs=len(restamped),
                first=f"{topic}-{partition} offset {offset}",
                topic=restamped[0].topic,
                timestamp=restamped[0].timestamp,
                remedy="see Retention in docs/operations.md",
            )
        dead = (output for output in after if output.topic == self._rejected_topic)
        return Counter(references=sum(map(is_reference, dead)), restamped=len(restamped))

    def _learnt(self) -> Mapping[str, TopicLimits]:
        """Ask for the limits, at first or again; without an answer there are none."""
        try:
            self._limits = self._look_up()
        except TransportError as error:
            self._limits = {}
            _LOG.warning("cannot ask for the limits of the output topics", error=str(error))
        return self._limits

    def _sized(
        self, outputs: Sequence[OutputRecord], most_bytes: int | None
    ) -> Sequence[OutputRecord]:
        if most_bytes is None:
            return outputs
        return [
            reference_to(output)
            if output.topic == self._rejected_topic
            and size_of(output) > most_bytes
            and not is_reference(output)
            else output
            for output in outputs
        ]


def _are_within(outputs: Sequence[OutputRecord], windows: Collection[tuple[int, int]]) -> bool:
    """Whether the timestamps of all outputs are in all windows."""
    if not windows or not outputs:
        return True
    begin, end = max(begin for begin, _ in windows), min(end for _, end in windows)
    if max(map(_TIMESTAMP, outputs)) > end:
        return False
    # Most topics take records of any age, and records without a timestamp.
    return begin <= NO_TIMESTAMP or min(map(_TIMESTAMP, outputs)) >= begin


def written_now(output: OutputRecord) -> OutputRecord:
    """The output with the time of writing; its own timestamp is a header."""
    if output.timestamp < 0:
        return output
    headers = with_timestamp(output.headers, output.timestamp)
    return output._replace(timestamp=NO_TIMESTAMP, headers=headers)
