"""Lines of JSON. Each line is a record with a key and a timestamp around it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from profiler.config.settings import Settings
from profiler.errors import InvalidRecordError
from profiler.records.json_objects import Limits, decode_object, encode_object, limits_of
from profiler.records.surrogates import mend_surrogates
from profiler.records.types import NO_TIMESTAMP, Record
from profiler.worker.pipe_input import BOM, Lines

_INPUT = "stdin"
_READ_BYTES = 1 << 20

#: Of one line.
_MAX_LINE_BYTES = 64 << 20


class BadLine(NamedTuple):
    """A line that is no record, as it is reported."""

    line: int
    code: str
    reason: str


def line_limits(settings: Settings) -> Limits:
    """The limits of a line, which is one object around the record's."""
    limits = limits_of(settings.limits)
    return limits._replace(max_record_bytes=_MAX_LINE_BYTES, max_depth=limits.max_depth + 1)


def batches_of(lines: Lines, size: int, limits: Limits) -> Iterator[list[Record | BadLine]]:
    """Read lines ``{"key": …, "value": {…}, "timestamp": ms}`` as they come.

    Key and timestamp are optional, and blank lines are passed over. Blocks until more can be read.

    Args:
        lines: from `profiler.worker.pipe_input.open_lines`.
        size: so many lines at most are given together.
        limits: from `line_limits`.
    """
    number = 0
    for complete in _complete_lines(lines):
        batch: list[Record | BadLine] = []
        for line in complete:
            number += 1
            if line.strip():
                batch.append(_parsed(number, line, limits))
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch


def _complete_lines(lines: Lines) -> Iterator[list[bytes]]:
    """The lines that each read completes; of one that is too long the rest is not kept."""
    held, held_bytes = [b""], 0
    while read := lines.read1(_READ_BYTES):
        first, *others = read.split(b"\n")
        if held_bytes <= _MAX_LINE_BYTES:
            held.append(first)
            held_bytes += len(first)
        if others:
            yield [b"".join(held), *others[:-1]]
            held, held_bytes = others[-1:], len(others[-1])
    yield [b"".join(held)]


def _parsed(number: int, line: bytes, limits: Limits) -> Record | BadLine:
    try:
        return _record(number, line, limits)
    except InvalidRecordError as error:
        return BadLine(number, error.code, error.reason)


def _decoded(line: bytes, limits: Limits) -> dict[str, Any]:
    try:
        return decode_object(line, limits)
    except InvalidRecordError:
        mended, halves = mend_surrogates(line)
        if not halves:
            raise
    return decode_object(mended, limits)


def _record(number: int, line: bytes, limits: Limits) -> Record:
    if len(line) > limits.max_record_bytes:
        raise InvalidRecordError(
            "too_large", f"the line is longer than {limits.max_record_bytes} bytes"
        )
    parsed = _decoded(line.removeprefix(BOM), limits)
    if "value" not in parsed:
        raise InvalidRecordError("bad_line", 'a line is {"key": …, "value": {…}, "timestamp": ms}')
    key, timestamp, value = parsed.get("key"), parsed.get("timestamp"), parsed["value"]
    if key is not None and not isinstance(key, str):
        raise InvalidRecordError("bad_line", "the key is neither a string nor null")
    if timestamp is None:
        timestamp = NO_TIMESTAMP
    if type(timestamp) is not int:
        raise InvalidRecordError("bad_line", "the timestamp is no integer (ms since the epoch)")
    encoded = None
    if isinstance(value, dict):
        encoded = encode_object(value)
    elif value is not None:
        raise InvalidRecordError("not_an_object", "the value is JSON but not an object")
    return Record(_INPUT, 0, number, timestamp, None if key is None else key.encode(), encoded, ())
