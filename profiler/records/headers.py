"""Record headers: where a record came from, and why it was rejected."""

from profiler import __version__
from profiler.errors import InvalidRecordError
from profiler.records.types import Headers

SOURCE_TOPIC = "source-topic"
SOURCE_PARTITION = "source-partition"
SOURCE_OFFSET = "source-offset"
SOURCE_TIMESTAMP = "source-timestamp"
ERROR_STAGE = "error-stage"
ERROR_CODE = "error-code"
ERROR_REASON = "error-reason"
#: The topic that the rejecting worker read, where that is not the one of the source.
ERROR_TOPIC = "error-topic"
PROFILER_VERSION = "profiler-version"

#: Bytes of UTF-8.
MAX_REASON_BYTES = 512

_SOURCE_ORDER = (SOURCE_TOPIC, SOURCE_PARTITION, SOURCE_OFFSET)
_SOURCE_NAMES = frozenset(_SOURCE_ORDER)
_MAX_DIGITS = 19  # of 64 bits, as Kafka's offsets have


def check_names(headers: Headers) -> None:
    """Refuse header names that are not UTF-8: readers of the outputs would stop at them.

    Raises:
        InvalidRecordError: with the code ``bad_header``.
    """
    for number, (name, _) in enumerate(headers, 1):
        if not name.isascii() and any("\ud800" <= character <= "\udfff" for character in name):
            raise InvalidRecordError("bad_header", f"the name of header {number} is not UTF-8")


def with_source(
    headers: Headers, topic: str, partition: int, offset: int, *, forward: bool
) -> Headers:
    """Say where a record was first read.

    Args:
        headers: the input's; all but ``source-*`` pass through in their order.
        topic: the topic that the record was read from.
        partition: its partition.
        offset: its offset there.
        forward: keep a source that is named already, as for a record of ``tracking_flattened``.
            It must be complete: each of the three names once, the numbers in ASCII decimal of
            19 digits at most.

    Returns:
        The headers with exactly one ``source-topic``, ``source-partition``, ``source-offset``.
    """
    source = (
        (SOURCE_TOPIC, topic.encode()),
        (SOURCE_PARTITION, b"%d" % partition),
        (SOURCE_OFFSET, b"%d" % offset),
    )
    if not headers:
        return source
    if forward and _has_source(headers):
        return headers
    # Only we may say which timestamp a record had.
    return _replace(tuple(each for each in headers if each[0] != SOURCE_TIMESTAMP), source)


def with_timestamp(headers: Headers, timestamp_ms: int) -> Headers:
    """Say which timestamp a record would have, whose topic refuses it."""
    return _replace(headers, ((SOURCE_TIMESTAMP, b"%d" % timestamp_ms),))


def source_of(headers: Headers) -> tuple[str, int, int] | None:
    """Return topic, partition and offset where a record was first read, if it says so."""
    if not _has_source(headers):
        return None
    values = {name: value or b"" for name, value in headers if name in _SOURCE_NAMES}
    topic, partition, offset = (values[name] for name in _SOURCE_ORDER)
    return topic.decode(errors="replace"), int(partition), int(offset)


def rejection(headers: Headers, *, stage: str, code: str, reason: str, topic: str = "") -> Headers:
    """Say why a record is a dead letter.

    Args:
        headers: what the record would have left with; its source is among them.
        stage: the stage that rejected it, e.g. ``flatten``.
        code: see `profiler.errors.InvalidRecordError`.
        reason: likewise; cut to `MAX_REASON_BYTES` at a character's end.
        topic: where the record was read, whose bytes it has.

    Returns:
        The headers with exactly one ``error-stage``, ``error-code``, ``error-reason``,
        ``profiler-version``; and ``error-topic``, where the source is in another topic.
    """
    source = source_of(headers)
    elsewhere = ((ERROR_TOPIC, topic.encode()),) if source and topic not in ("", source[0]) else ()
    headers = tuple(header for header in headers if header[0] != ERROR_TOPIC)
    # Nothing may fail on the way to the dead letters, so what UTF-8 cannot hold becomes "?".
    cut = reason.encode(errors="replace")[:MAX_REASON_BYTES].decode(errors="ignore")
    return _replace(
        headers,
        (
            (ERROR_STAGE, stage.encode()),
            (ERROR_CODE, code.encode()),
            (ERROR_REASON, cut.encode()),
            (PROFILER_VERSION, __version__.encode()),
            *elsewhere,
        ),
    )


def _has_source(headers: Headers) -> bool:
    found = [(name, value) for name, value in headers if name in _SOURCE_NAMES]
    values = dict(found)
    return (
        len(found) == len(values) == len(_SOURCE_NAMES)
        and bool(values[SOURCE_TOPIC])
        and _is_number(values[SOURCE_PARTITION])
        and _is_number(values[SOURCE_OFFSET])
    )


def _is_number(value: bytes | None) -> bool:
    return value is not None and value.isdigit() and len(value) <= _MAX_DIGITS


def _replace(headers: Headers, added: Headers) -> Headers:
    names = {name for name, _ in added}
    return (*(header for header in headers if header[0] not in names), *added)
