"""What keeps the promise, one piece at a time, and how each is switched off.

The oracle is proven by it: without a protection, a row that the protection is for must fail. A
protection is switched off in the worker's process, by another setting, or in the reader of the
outputs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from profiler.errors import TransportError
from profiler.profiles.marks import StreamMarks
from tests.chaos import substitutes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from profiler.engine import Batch, Finished
    from profiler.kafka import Polled
    from profiler.profiles.redis import Command
    from profiler.records.types import OutputRecord, Record
    from profiler.worker.delivery import Checkpoint

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
        isolation: of the reader of the outputs; empty: as usual.
    """

    what: str
    switch_off: Callable[[], object] = _nothing
    settings: Mapping[str, str] = field(default_factory=dict)
    isolation: str = ""


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

    @property
    def marks(self) -> _NoMarks:
        """The same connections, and other answers."""
        return _NoMarks(self.inner.marks)


class _NoMarks(_Wrapped):
    def read(self, streams: Iterable[str]) -> tuple[dict[str, StreamMarks], int]:
        """Everything is there, whatever Redis says."""
        found, connections = self.inner.read(streams)
        return dict.fromkeys(found, StreamMarks(_FAR, is_partial=False)), connections

    def commands(self, _offsets: Mapping[str, int]) -> list[Command]:
        """Write nothing."""
        return []


class _WithoutFloors(_Wrapped):
    def batch(self, records: Sequence[Record], *, stream: str, **_floors: object) -> Batch:
        """Make a batch whose outputs are stored nowhere."""
        made: Batch = self.inner.batch(records, stream=stream)
        return made


class _WithoutRewind(_Wrapped):
    def rewind(self) -> dict[tuple[str, int], object]:
        """Go on behind the batch that failed."""
        return {}


class _Eager:
    """Commits what was polled, whatever has its outputs by then."""

    def __init__(self) -> None:
        self.polled: dict[tuple[str, int], int] = {}
        substitutes.wrap_consumer(lambda consumer: _EagerConsumer(consumer, self.polled))
        substitutes.wrap_producer(lambda producer: _EagerProducer(producer, self.polled))


class _EagerConsumer(_Wrapped):
    def __init__(self, inner: Any, polled: dict[tuple[str, int], int]) -> None:  # noqa: ANN401
        super().__init__(inner)
        self._polled = polled

    def poll(self, *, timeout_ms: int, max_records: int) -> Polled:
        """Poll, and commit at once."""
        polled: Polled = self.inner.poll(timeout_ms=timeout_ms, max_records=max_records)
        ends = {(each.topic, each.partition): each.offset + 1 for each in polled.records}
        self._polled.update(ends)
        if ends:
            self.inner.commit(ends, generation=polled.generation)
        return polled


class _EagerProducer(_Wrapped):
    def __init__(self, inner: Any, polled: dict[tuple[str, int], int]) -> None:  # noqa: ANN401
        super().__init__(inner)
        self._polled = polled

    def stage(self, offsets: Mapping[tuple[str, int], int], **named: object) -> None:
        """Commit further than the outputs are."""
        ahead = {place: max(end, self._polled.get(place, 0)) for place, end in offsets.items()}
        self.inner.stage(ahead, **named)


class _IgnoresFailures(_Wrapped):
    def send(self, records: Iterable[OutputRecord]) -> None:
        try:
            self.inner.send(records)
        except TransportError:
            return


class _Unfenced:
    """Commits in the name of nobody, whom the brokers let commit anything."""

    def __init__(self) -> None:
        substitutes.wrap_delivery(_OfAnyGeneration)
        substitutes.wrap_producer(_OfNobody)
        substitutes.take_members_on_trust()


class _EveryGeneration(int):
    """No generation is another one."""

    __hash__ = int.__hash__

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False


class _OfAnyGeneration(_Wrapped):
    def produce(self, finished: Finished, checkpoint: Checkpoint) -> object:
        """Produce whoever has the partitions by now."""
        any_of_them = checkpoint._replace(generation=_EveryGeneration())
        return self.inner.produce(finished, any_of_them)


class _OfNobody(_Wrapped):
    def stage(self, *offsets: object, group_metadata: object, **named: object) -> None:
        """Commit without saying who it is."""
        self.inner.stage(*offsets, group_metadata=_nobody_like(group_metadata), **named)


def _nobody_like(metadata: object) -> object:
    """What a client has that is no member: generation -1, and no member id."""
    from confluent_kafka import Consumer  # noqa: PLC0415 - of one client only
    from kafka.structs import ConsumerGroupMetadata  # noqa: PLC0415 - of the other one

    if isinstance(metadata, ConsumerGroupMetadata):
        return metadata._replace(generation_id=-1, member_id="", group_instance_id=None)
    group = os.environ["PROFILER_GROUPS__RUN"]
    return Consumer({"group.id": group, "log_level": 0}).consumer_group_metadata()


PROTECTIONS = {
    "transactions": Protection(
        "outputs and offsets become visible together",
        settings={"DELIVERY": "at-least-once"},
    ),
    "read-committed": Protection(
        "readers pass over the outputs of transactions that were aborted",
        isolation="read_uncommitted",
    ),
    "fencing": Protection(
        "a transaction says which member and generation it is of",
        _Unfenced,
    ),
    "watermark": Protection(
        "a profile knows the last offset of each stream",
        lambda: substitutes.wrap_streams(_WithoutWatermark),
    ),
    "marks": Protection(
        "Redis is asked what it still has",
        lambda: substitutes.wrap_script(_WithoutMarks),
    ),
    "stored-outputs": Protection(
        "what is not committed is stored with its outputs",
        lambda: substitutes.wrap_engine(_WithoutFloors),
    ),
    "rewind": Protection(
        "after a fault the worker goes back to what is committed",
        lambda: substitutes.wrap_consumer(_WithoutRewind),
    ),
    "commit-last": Protection(
        "offsets are committed when their outputs are there",
        _Eager,
    ),
    "failed-sends": Protection(
        "a send that failed fails its batch",
        lambda: substitutes.wrap_producer(_IgnoresFailures),
    ),
    "topic-id": Protection(
        "a stream is named by the topic's id, not by its name",
        settings={"STREAM_EPOCH": "fixed"},
    ),
}
