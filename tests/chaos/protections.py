"""What keeps the promise, one piece at a time, and how each is switched off.

The oracle is proven by it: without a protection, a row that the protection is for must fail. A
protection is switched off in the worker's process, by another setting, or in the reader of the
outputs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from profiler.errors import TransportError
from profiler.profiles.marks import StreamMarks
from tests.chaos import substitutes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from profiler.kafka import Polled
    from profiler.profiles.redis import Command
    from profiler.records.types import OutputRecord

#: Behind every offset.
_FAR = 1 << 60

#: Of the worker's environment: names of `PROTECTIONS`, with commas between.
WITHOUT = "CHAOS_WITHOUT"


def _nothing() -> None:
    """Nothing is switched off in the worker's process."""


@dataclass(frozen=True)
class Protection:
    """One of them.

    Attributes:
        what: it does, in words.
        switch_off: called in the worker's process before it begins.
        settings: of the worker, named as in its environment.
        isolation: of the reader of the outputs.
    """

    what: str
    switch_off: Callable[[], None] = _nothing
    settings: Mapping[str, str] = field(default_factory=dict)
    isolation: str = "read_committed"


class _Wrapped:
    """An adapter of which some calls are replaced."""

    def __init__(self, inner: Any) -> None:  # noqa: ANN401 - any adapter
        self.inner = inner

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the adapter's
        return getattr(self.inner, name)


class _WithoutWatermark(_Wrapped):
    name = ""


class _WithoutMarks(_Wrapped):
    """A script whose marks say that nothing was ever lost."""

    class _Marks:
        def read(self, streams: Iterable[str]) -> tuple[dict[str, StreamMarks], int]:
            """Everything is there."""
            everything = StreamMarks(_FAR, is_partial=False)
            return dict.fromkeys(streams, everything), self.connections()

        def commands(self, _offsets: Mapping[str, int]) -> list[Command]:
            """Write nothing."""
            return []

        def probes(self) -> list[Command]:
            """Look at nothing."""
            return []

        def __init__(self, connections: Callable[[], int]) -> None:
            self.connections = connections

    @property
    def marks(self) -> _Marks:
        return self._Marks(lambda: int(self.inner.connections))


class _WithoutRewind(_Wrapped):
    def rewind(self) -> None:
        """Go on behind the batch that failed."""


class _CommitsAtOnce(_Wrapped):
    def poll(self, *, timeout_ms: int, max_records: int) -> Polled:
        polled: Polled = self.inner.poll(timeout_ms=timeout_ms, max_records=max_records)
        ends = {(each.topic, each.partition): each.offset + 1 for each in polled.records}
        if ends:
            self.inner.commit(ends, generation=polled.generation)
        return polled


class _IgnoresFailures(_Wrapped):
    def send(self, records: Iterable[OutputRecord]) -> None:
        try:
            self.inner.send(records)
        except TransportError:
            return


PROTECTIONS = {
    "marks": Protection(
        "Redis is asked what it still has",
        lambda: substitutes.wrap_script(_WithoutMarks),
    ),
    "watermark": Protection(
        "a profile knows the last offset of each stream",
        lambda: substitutes.wrap_streams(_WithoutWatermark),
    ),
    "rewind": Protection(
        "after a fault the worker goes back to what is committed",
        lambda: substitutes.wrap_consumer(_WithoutRewind),
    ),
    "commit-last": Protection(
        "offsets are committed when their outputs are there",
        lambda: substitutes.wrap_consumer(_CommitsAtOnce),
    ),
    "failed-sends": Protection(
        "a send that failed fails its batch",
        lambda: substitutes.wrap_producer(_IgnoresFailures),
    ),
    "topic-id": Protection(
        "a stream is named by the topic's id, not by its name",
        settings={"STREAM_EPOCH": "fixed"},
    ),
    "read-committed": Protection(
        "readers see the outputs of transactions that were committed",
        isolation="read_uncommitted",
    ),
}
