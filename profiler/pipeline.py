"""A batch of records on its way through: decoded, flattened, profiled, ready to be written.

Knows nothing of Kafka's client and decides nothing about a visitor: `Worker` reads and writes,
the script decides.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from profiler.errors import InvalidRecordError
from profiler.events import Limits, encode_object
from profiler.flatten import decode_flattened, decode_processed
from profiler.headers import rejection, with_source
from profiler.records import FlatEvent, OutputRecord, Record
from profiler.reply import OUTPUT_PREFIX, Applied, Outcome, Rejected
from profiler.script import ProfileScript
from profiler.settings import Settings

Mode = Literal["run", "flatten", "profile"]


class Result(NamedTuple):
    """What became of one record."""

    record: Record
    outputs: list[OutputRecord]
    #: Code and reason, where the record is a dead letter.
    rejected: Rejected | None
    #: The script's answer, where the record was profiled.
    applied: Applied | None


class Pipeline:
    """The work of one mode: ``run`` does both stages, ``flatten`` and ``profile`` one each.

    Args:
        mode: which stages.
        settings: topics, limits and fates.
        script: needed unless the mode is ``flatten``.
        watermarks: False where the input has no lasting offsets (`profiler pipe`).
    """

    def __init__(
        self,
        mode: Mode,
        settings: Settings,
        script: ProfileScript | None,
        *,
        watermarks: bool = True,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._mode = mode
        self._settings = settings
        self._topics = settings.topics
        self._script = script
        self._watermarks = watermarks
        self._limits = Limits(
            max_record_bytes=settings.limits.max_record_bytes,
            max_depth=settings.limits.max_depth,
            max_fields=settings.limits.max_fields,
        )

    def process(self, records: Sequence[Record]) -> list[Result]:
        """Carry a batch through all stages; one result per record, in order.

        Raises:
            StoreUnavailableError: nothing may be written of the batch; process it again.
            ScriptContractError: script and caller disagree.
        """
        results: list[Result] = []
        flats: list[dict[str, Any]] = []
        events: list[FlatEvent] = []
        places: list[int] = []
        for record in records:
            if record.value is None:
                results.append(self._tombstone(record))
                continue
            try:
                flat, outputs = self._flatten(record, record.value)
            except InvalidRecordError as error:
                stage = "profile" if self._mode == "profile" else "flatten"
                dead = Rejected(error.code, error.reason)
                results.append(self._dead_letter(record, stage, dead, []))
                continue
            if self._script is None:
                results.append(Result(record, outputs, None, None))
                continue
            places.append(len(results))
            results.append(Result(record, outputs, None, None))
            flats.append(flat)
            events.append(FlatEvent(self._stream(record), record.offset, record.timestamp, flat))
        if self._script is not None:
            outcomes = self._script.apply(events)
            for place, flat, outcome in zip(places, flats, outcomes, strict=True):
                results[place] = self._finish(results[place], flat, outcome)
        self._count(results)
        return results

    def _stream(self, record: Record) -> str:
        """Where the record's offset counts; a topic made anew needs another epoch."""
        if not self._watermarks:
            return ""
        return f"{self._settings.stream_epoch}:{record.topic}:{record.partition}"

    def _flatten(self, record: Record, value: bytes) -> tuple[dict[str, Any], list[OutputRecord]]:
        if self._mode == "profile":
            flat = decode_flattened(value, self._limits)
            # Written anew, a number takes up to four times its bytes: 1e15 is 1000000000000000.0.
            if 4 * len(value) > self._limits.max_record_bytes:
                self._encoded(flat)
            return flat, []
        flat = decode_processed(value, self._limits)
        return flat, [self._output(record, self._topics.flattened, self._encoded(flat))]

    def _encoded(self, flat: dict[str, Any]) -> bytes:
        """The flat object's bytes, checked before Redis is touched: they must fit the output."""
        encoded = encode_object(flat)
        if len(encoded) > self._limits.max_record_bytes:
            # A long section name, for one, is repeated for each of its elements.
            raise InvalidRecordError(
                "too_large",
                f"flattened, it has {len(encoded)} bytes,"
                f" the limit is {self._limits.max_record_bytes}",
            )
        return encoded

    def _finish(self, begun: Result, flat: dict[str, Any], outcome: Outcome) -> Result:
        record, outputs = begun.record, begun.outputs
        if outcome is None and self._settings.anonymous == "reject":
            outcome = Rejected("no_visitor_id", "the event has no visitor id")
        if isinstance(outcome, Rejected):
            return self._dead_letter(record, "profile", outcome, outputs)
        forged = [name for name in flat if name.startswith(OUTPUT_PREFIX)]
        if forged:
            self.counts["forged_names"] += len(forged)
            flat = {name: flat[name] for name in flat if name not in forged}
        if outcome is None:
            self.counts["anonymous"] += 1
        else:
            flat = flat | outcome.profile
        outputs.append(self._output(record, self._topics.persisted, encode_object(flat)))
        return Result(record, outputs, None, outcome)

    def _tombstone(self, record: Record) -> Result:
        topics = {
            "run": (self._topics.flattened, self._topics.persisted),
            "flatten": (self._topics.flattened,),
            "profile": (self._topics.persisted,),
        }[self._mode]
        outputs = [self._output(record, topic, None) for topic in topics]
        return Result(record, outputs if self._settings.tombstones == "pass" else [], None, None)

    def _dead_letter(
        self, record: Record, stage: str, dead: Rejected, outputs: list[OutputRecord]
    ) -> Result:
        output = self._output(record, self._topics.rejected, record.value)
        headers = rejection(output.headers, stage=stage, code=dead.code, reason=dead.reason)
        return Result(record, [*outputs, output._replace(headers=headers)], dead, None)

    def _output(self, record: Record, topic: str, value: bytes | None) -> OutputRecord:
        headers = with_source(
            record.headers,
            record.topic,
            record.partition,
            record.offset,
            forward=self._mode == "profile",
        )
        return OutputRecord(topic, record.key, value, headers, record.timestamp)

    def _count(self, results: Sequence[Result]) -> None:
        self.counts["read"] += len(results)
        for result in results:
            if result.rejected is not None:
                self.counts["rejected"] += 1
            if result.applied is not None:
                self.counts["profiled"] += 1
                self.counts.update(result.applied.flags)
