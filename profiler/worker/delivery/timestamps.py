"""Outputs whose timestamp their topic refuses leave with the time of writing."""

import time
from collections.abc import Callable, Mapping, Sequence

import structlog

from profiler.errors import TransportError
from profiler.kafka import TimestampLimits
from profiler.records.headers import source_of, with_timestamp
from profiler.records.types import NO_TIMESTAMP, OutputRecord

_LOG = structlog.get_logger("profiler.worker")


class Timestamps:
    """Gives outputs a timestamp that their topic takes; used by the stage that produces.

    A broker refuses a whole batch for one such record, in every attempt. So the records are
    found here, before they are sent, by the limits of their topics.

    Args:
        look_up: asks the cluster for the limits of the output topics; blocks for some round
            trips, and raises `TransportError`. A topic that it leaves out has none.
        clock: ms since the epoch.
    """

    def __init__(
        self,
        look_up: Callable[[], Mapping[str, TimestampLimits]],
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._look_up = look_up
        self._clock = clock
        self._limits: Mapping[str, TimestampLimits] | None = None

    def learn(self) -> None:
        """Ask for the limits, at first or again; without an answer there are none."""
        try:
            self._limits = self._look_up()
        except TransportError as error:
            self._limits = {}
            _LOG.warning("cannot ask for the topics' limits of timestamps", error=str(error))

    def mended(self, outputs: Sequence[OutputRecord]) -> list[OutputRecord]:
        """The outputs, with the time of writing for each that its topic refuses."""
        if self._limits is None:
            self.learn()
        now_ms, limits = self._clock(), self._limits or {}
        windows = {
            topic: (now_ms - limit.before_ms, now_ms + limit.after_ms)
            for topic, limit in limits.items()
        }
        return [
            output
            if (window := windows.get(output.topic)) is None
            or output.timestamp < 0
            or window[0] <= output.timestamp <= window[1]
            else written_now(output)
            for output in outputs
        ]


def written_now(output: OutputRecord) -> OutputRecord:
    """The output with the time of writing; its own timestamp is a header."""
    if output.timestamp < 0:
        return output
    headers = with_timestamp(output.headers, output.timestamp)
    return output._replace(timestamp=NO_TIMESTAMP, headers=headers)


def tell(before: Sequence[OutputRecord], after: Sequence[OutputRecord]) -> int:
    """Say which outputs have another timestamp now; return how many."""
    changed = [old for old, new in zip(before, after, strict=True) if old is not new]
    if changed:
        topic, partition, offset = source_of(changed[0].headers) or ("", -1, -1)
        _LOG.warning(
            "timestamps that a topic refuses: outputs leave with the time of writing",
            outputs=len(changed),
            first=f"{topic}-{partition} offset {offset}",
            topic=changed[0].topic,
            timestamp=changed[0].timestamp,
            remedy="see Retention in docs/operations.md",
        )
    return len(changed)
