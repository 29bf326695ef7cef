"""Lines in, lines out: the pipeline on NDJSON, with Redis but without Kafka."""

from typing import BinaryIO, NamedTuple, TextIO

from profiler.config.settings import Settings
from profiler.engine import Engine, process
from profiler.errors import ProfilerError
from profiler.profiles.script import ProfileScript
from profiler.records.json_objects import encode_object
from profiler.records.types import OutputRecord, Record
from profiler.worker.pipe_input import Lines
from profiler.worker.pipe_lines import BadLine, batches_of, line_limits
from profiler.worker.pipe_stop import Patience, PatientScript


class Piped(NamedTuple):
    """How many lines there were, blank ones aside, and how many of them were rejected."""

    lines: int
    rejected: int


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

    Key and timestamp are optional. A line without a known time, neither its own nor the
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
    count = rejected = written = 0
    patient = PatientScript(script, patience)
    batches = batches_of(lines, settings.batch.max_records, line_limits(settings))
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
        bad = [item for item in batch if isinstance(item, BadLine)]
        bad += [BadLine(dead.record.offset, *dead.rejected) for dead in finished.rejections]
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
        written = batch[-1].line if isinstance(batch[-1], BadLine) else batch[-1].offset


def _told(written: int) -> str:
    if not written:
        return "no result is written"
    return f"line {written} is the last one whose result is written"


def _line(item: OutputRecord) -> bytes:
    key = item.key
    head = encode_object({"key": None if key is None else key.decode()})
    return head[:-1] + b',"value":' + (item.value or b"null") + b"}\n"
