"""Dead letters: a rejected record as it was, or a reference to it where it is too large.

A dead letter that Kafka refuses would stop the stream for ever, so there is always one that fits.
"""

import hashlib

from profiler.records.headers import (
    ERROR_CODE,
    ERROR_REASON,
    ERROR_STAGE,
    ERROR_TOPIC,
    PROFILER_VERSION,
    SOURCE_OFFSET,
    SOURCE_PARTITION,
    SOURCE_TOPIC,
    rejection,
)
from profiler.records.types import Headers, OutputRecord, Record, Rejected

VALUE_BYTES = "value-bytes"
VALUE_SHA256 = "value-sha256"

#: No topic is expected to refuse a record of this size; what is larger goes out alone.
SMALL_BYTES = 65_536
#: A batch of one record without its parts: Kafka's headers and the longest lengths.
_RECORD_OVERHEAD = 128
_HEADER_OVERHEAD = 10

#: What a dead letter has besides the headers of its record.
OF_REJECTION = frozenset(
    [
        *(ERROR_STAGE, ERROR_CODE, ERROR_REASON, ERROR_TOPIC, PROFILER_VERSION),
        *(VALUE_BYTES, VALUE_SHA256),
    ]
)
_OURS = OF_REJECTION | {SOURCE_TOPIC, SOURCE_PARTITION, SOURCE_OFFSET}


def dead_letter(
    record: Record, topic: str, headers: Headers, *, stage: str, rejected: Rejected, max_bytes: int
) -> OutputRecord:
    """Build a dead letter: the record's own key and value, or its reference.

    Args:
        record: the bad one.
        topic: where dead letters go.
        headers: what the record would have left with; its source is among them.
        stage: the stage that rejected it.
        rejected: code and reason.
        max_bytes: of a larger one, only the reference goes.
    """
    headers = rejection(
        headers,
        stage=stage,
        code=rejected.code,
        reason=rejected.reason,
        topic=record.topic,
    )
    whole = OutputRecord(topic, record.key, record.value, headers, record.timestamp)
    return whole if size_of(whole) <= max_bytes else reference_to(whole)


def reference_to(dead: OutputRecord) -> OutputRecord:
    """A dead letter with a null value, and the value's size and SHA-256 as headers.

    Where key and headers alone are not small, the key is null and the headers are ours alone.
    The record itself is in the topic that the headers name, for as long as that keeps it.
    """
    headers = tuple(
        header for header in dead.headers if header[0] not in (VALUE_BYTES, VALUE_SHA256)
    )
    value = dead.value
    if value is not None:
        headers += (
            (VALUE_BYTES, b"%d" % len(value)),
            (VALUE_SHA256, hashlib.sha256(value).hexdigest().encode()),
        )
    reference = dead._replace(value=None, headers=headers)
    if size_of(reference) <= SMALL_BYTES:
        return reference
    ours = tuple(header for header in headers if header[0] in _OURS)
    return reference._replace(key=None, headers=ours)


def is_reference(dead: OutputRecord) -> bool:
    """Whether the value of a dead letter was left out."""
    return dead.value is None and any(name == VALUE_SHA256 for name, _ in dead.headers)


def size_of(record: OutputRecord) -> int:
    """Bytes that Kafka counts for a record that is alone in its batch, or a few more."""
    parts = len(record.key or b"") + len(record.value or b"")
    return _RECORD_OVERHEAD + parts + size_of_headers(record.headers)


def size_of_headers(headers: Headers) -> int:
    """Bytes of headers in a record, or a few more."""
    return sum(
        _HEADER_OVERHEAD + len(name.encode(errors="surrogateescape")) + len(value or b"")
        for name, value in headers
    )
