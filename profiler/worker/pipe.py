"""Lines in, lines out: the pipeline on NDJSON, with Redis but without Kafka."""

from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple, TextIO

from profiler.config.settings import Settings
from profiler.engine import Engine, process
from profiler.errors import InvalidRecordError, ProfilerError
from profiler.profiles.script import ProfileScript
from profiler.records.json_objects import Limits, decode_object, encode_object, limits_of
from profiler.records.surrogates import mend_surrogates
from profiler.records.types import NO_TIMESTAMP, OutputRecord, Record
from profiler.worker.pipe_input import BOM, Lines
from profiler.worker.pipe_stop import Patience, PatientScript

_INPUT = "stdin"
_READ_BYTES = 1 << 20

#: Of one line, which is a record with a key and a timestamp around it.
_MAX_LINE_BYTES = 64 << 20


class Piped(NamedTuple):
    """How many lines there were, blank ones aside, and how many of them were rejected."""

    lines: int
    rejected: int


class _BadLine(NamedTuple):
    """A line that is no record, as it is reported."""

    line: int
    code: str
    reason: str


def run_pipe(
    lines: Lines,
    engine: Engine,
    script: ProfileScript,
    settings: Settings,
    *,
    patience: Patience,
    output: BinaryIO,
    errors: TextIO,
    rejects: TextIO | None = None,
    triggers: BinaryIO | None = None,
) -> Piped:
    """Process lines ``{"key": …, "value": {…}, "timestamp": ms}`` in order, as they come.

    Key and timestamp are optional. A line of which no time is known, neither its own nor the
    record's, has the time of its reading, later than all such lines before it.
    Every accepted line becomes one line ``{"key": …, "value": {…}}`` of `output`; every rejected
    one a JSON object with line number, code and reason in `errors` and in `rejects`. What became of
    triggers is a line of the same form in `triggers`. Blank lines are passed over. Blocks until
    more can be read; what is there is processed at once, up to `batch.max_records` together. A
    batch that Redis did not take is tried again; events of it that were counted already are known
    by their event ids only.

    Raises:
        StoreUnavailableError: Redis stayed away for too long.
        StoppedError: a signal came.
        ProfilerError: it cannot go on. Each of these errors names the last line with a result.
    """
    # The line is one object around the record's.
    limits = limits_of(settings.limits)
    limits = limits._replace(max_record_bytes=_MAX_LINE_BYTES, max_depth=limits.max_depth + 1)
    count = rejected = written = 0
    patient = PatientScript(script, patience)
    batches = _batches(lines, settings.batch.max_records, limits)
    while True:
        try:
            batch = next(batches, None)
            if batch is None:
                return Piped(count, rejected)
            records = [item for item in batch if isinstance(item, Record)]
            finished = process(engine, patient, records)
        except ProfilerError as error:
            error.args = (f"{error}; {_told(written)}",)
            raise
        bad = [item for item in batch if isinstance(item, _BadLine)]
        bad += [_BadLine(dead.record.offset, *dead.rejected) for dead in finished.rejections]
        streams = {settings.topics.persisted: output, settings.topics.triggers: triggers}
        for item in finished.outputs:
            if stream := streams.get(item.topic):
                stream.write(_line(item))
        for line in sorted(bad):
            report = encode_object(line._asdict()).decode()
            for told in filter(None, (errors, rejects)):
                print(report, file=told)
        count += len(batch)
        rejected += len(bad)
        for stream in filter(None, (triggers, output)):
            stream.flush()
        written = batch[-1].line if isinstance(batch[-1], _BadLine) else batch[-1].offset


def _told(written: int) -> str:
    if not written:
        return "no result is written"
    return f"line {written} is the last one whose result is written"


def _line(item: OutputRecord) -> bytes:
    key = item.key
    head = encode_object({"key": None if key is None else key.decode()})
    return head[:-1] + b',"value":' + (item.value or b"null") + b"}\n"


def _batches(lines: Lines, size: int, limits: Limits) -> Iterator[list[Record | _BadLine]]:
    number = 0
    for complete in _complete_lines(lines):
        batch: list[Record | _BadLine] = []
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


def _parsed(number: int, line: bytes, limits: Limits) -> Record | _BadLine:
    try:
        return _record(number, line, limits)
    except InvalidRecordError as error:
        return _BadLine(number, error.code, error.reason)


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
