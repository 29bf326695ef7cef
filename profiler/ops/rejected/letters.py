"""A record of the topic of dead letters, read back: what it says, and the record that it was."""

import hashlib
from typing import NamedTuple

from profiler.config.settings import TopicSettings
from profiler.errors import InvalidRecordError
from profiler.records.dead_letter import OF_REJECTION, VALUE_BYTES, VALUE_SHA256
from profiler.records.flatten import decode_processed
from profiler.records.headers import (
    ERROR_CODE,
    ERROR_REASON,
    ERROR_STAGE,
    ERROR_TOPIC,
    PROFILER_VERSION,
    SOURCE_OFFSET,
    SOURCE_PARTITION,
    SOURCE_TIMESTAMP,
    SOURCE_TOPIC,
    source_of,
)
from profiler.records.json_objects import Limits
from profiler.records.types import Headers, Record

#: Where a replayed record was taken from, and how often it was replayed by now.
REPLAYED_FROM, REPLAYED_TIMES = "replayed-from", "replayed-times"

_SOURCE = frozenset([SOURCE_TOPIC, SOURCE_PARTITION, SOURCE_OFFSET])
_MOST_DIGITS = 6
_PROFILE_STAGE = "profile"
#: Only the shape is asked for.
_NO_LIMITS = Limits(max_record_bytes=2**31, max_depth=254, max_fields=2**31)


class Source(NamedTuple):
    """Where a record was first read."""

    topic: str
    partition: int
    offset: int


class Letter(NamedTuple):
    """A dead letter.

    Attributes:
        record: as it is in its topic.
        code: of the error; empty where the record is none of ours.
        reason: likewise.
        stage: that rejected it.
        version: of the profiler that did.
        source: None where the headers do not say it.
        read_in: the topic whose bytes it has, where that is not the source's.
        replays: how often it was replayed before it was rejected again.
    """

    record: Record
    code: str
    reason: str
    stage: str
    version: str
    source: Source | None
    read_in: str
    replays: int

    @property
    def place(self) -> str:
        """Partition and offset in the topic of dead letters, as people write them."""
        return f"{self.record.partition}:{self.record.offset}"

    @property
    def sha256(self) -> str:
        """Of the record's value, also where only the reference is left; empty of a null one."""
        told = _text(self.record.headers, VALUE_SHA256)
        value = self.record.value
        return told if value is None else hashlib.sha256(value).hexdigest()

    @property
    def is_reference(self) -> bool:
        """Whether the value was left out, because it was too large."""
        return self.record.value is None and bool(_text(self.record.headers, VALUE_SHA256))


def letter_of(record: Record) -> Letter:
    """Read what a record of the topic of dead letters says of itself."""
    headers = record.headers
    source = source_of(headers)
    replays = _text(headers, REPLAYED_TIMES)
    return Letter(
        record,
        _text(headers, ERROR_CODE),
        _text(headers, ERROR_REASON),
        _text(headers, ERROR_STAGE),
        _text(headers, PROFILER_VERSION),
        source and Source(*source),
        _text(headers, ERROR_TOPIC),
        int(replays) if replays.isdecimal() and len(replays) <= _MOST_DIGITS else 0,
    )


def home_of(letter: Letter, topics: TopicSettings) -> str:
    """The topic that the bytes of a dead letter came from; empty where that is none of ours.

    Letters of `profiler profile` name it, since release 0.2. Before, only the shape of the value
    tells that it was flattened already: what ``run`` rejects in the stage ``profile`` was flattened
    without a fault.
    """
    if letter.source is None or not letter.code:
        return ""
    home = letter.read_in or letter.source.topic
    if not letter.read_in and home == topics.processed and letter.stage == _PROFILE_STAGE:
        home = topics.processed if _is_processed(letter.record.value) else topics.flattened
    return home if home in (topics.processed, topics.flattened) else ""


def original_of(letter: Letter, home: str) -> Record:
    """The record that was rejected, as it was read in `home`: without what the rejection added.

    Its place is its source's. A reference has no value; see `Letter.is_reference`.
    """
    assert letter.source is not None, "home_of has looked"  # noqa: S101 - the order of calls
    headers = letter.record.headers
    gone = set(OF_REJECTION) | {SOURCE_TIMESTAMP}
    # What flatten wrote says where it was from; all else got its source by the rejection.
    if home == letter.source.topic:
        gone |= _SOURCE
    timestamp = _text(headers, SOURCE_TIMESTAMP)
    return Record(
        home,
        letter.source.partition,
        letter.source.offset,
        int(timestamp) if timestamp.isdecimal() else letter.record.timestamp,
        letter.record.key,
        letter.record.value,
        tuple(header for header in headers if header[0] not in gone),
    )


def described(letter: Letter) -> dict[str, object]:
    """A dead letter as plain data, without its bytes."""
    return {
        "partition": letter.record.partition,
        "offset": letter.record.offset,
        "timestamp": letter.record.timestamp,
        "code": letter.code,
        "reason": letter.reason,
        "stage": letter.stage,
        "version": letter.version,
        "source": letter.source._asdict() if letter.source else None,
        "bytes": _size(letter),
        "replays": letter.replays,
    }


def _size(letter: Letter) -> int | None:
    if letter.record.value is not None:
        return len(letter.record.value)
    told = _text(letter.record.headers, VALUE_BYTES)
    return int(told) if told.isdecimal() else None


def _is_processed(value: bytes | None) -> bool:
    try:
        decode_processed(value or b"", _NO_LIMITS)
    except InvalidRecordError:
        return False
    return True


def _text(headers: Headers, name: str) -> str:
    found = next((value for known, value in headers if known == name), None)
    return (found or b"").decode(errors="replace")
