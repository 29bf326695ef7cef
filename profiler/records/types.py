"""The record types that pass between stages and transports."""

from typing import Any, NamedTuple

#: Names of the output that only the profiler may give.
OUTPUT_PREFIX = "profile_"

NO_TIMESTAMP = -1

#: Names and values. A name that is not UTF-8 has its foreign bytes as lone surrogates.
Headers = tuple[tuple[str, bytes | None], ...]


class Record(NamedTuple):
    """One record as read from a topic."""

    topic: str
    partition: int
    offset: int
    #: Milliseconds since the epoch; `NO_TIMESTAMP` where the broker knows none.
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class OutputRecord(NamedTuple):
    """One record to be produced; the timestamp is copied from its input."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int


def stream_of(topic: str, partition: int) -> str:
    """The name of the stream of a partition; `topic` is what the streams of its topic share."""
    return f"{topic}:{partition}"


class FlatEvent(NamedTuple):
    """One flattened event on its way into the script.

    `stream` names where `offset` counts (topic and partition); an empty stream switches
    the watermark off, and the offset is then ignored. `encoded` is the JSON of the fields, where
    it is known: a digest of it stands for an event without an id.
    """

    stream: str
    offset: int
    timestamp: int
    fields: dict[str, Any]
    encoded: bytes = b""


class Rejected(NamedTuple):
    """The event is a dead letter."""

    code: str
    reason: str
