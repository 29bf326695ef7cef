"""A batch of records on its way through: decoded, flattened, profiled, ready to be written.

In three stages, of which only `apply` waits for Redis. Knows nothing of Kafka's client and decides
nothing about a visitor: `Worker` reads and writes, the script decides.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from profiler.config.settings import Mode, Settings
from profiler.errors import InvalidRecordError
from profiler.profiles.reply import Applied, Outcome
from profiler.profiles.script import ProfileScript
from profiler.records.dead_letter import dead_letter, size_of, size_of_headers
from profiler.records.flatten import decode_flattened, decode_processed
from profiler.records.headers import check_names, with_source
from profiler.records.json_objects import Limits, encode_object, extend_object
from profiler.records.types import OUTPUT_PREFIX, FlatEvent, Headers, OutputRecord, Record, Rejected

#: How a name that only the profiler may give begins, in encoded JSON.
_FORGED = b'"' + OUTPUT_PREFIX.encode()

#: Kept free for the profile: `article` keeps four pages of 8,192 bytes, of which JSON may write
#: each as six (`standard` half of that), and ids.
_PROFILE_BYTES = 204_800
#: More than the three headers of the source have, with the longest name of a topic.
_SOURCE_BYTES = 1_024


class Result(NamedTuple):
    """What became of one record."""

    record: Record
    outputs: list[OutputRecord]
    #: Code and reason, where the record is a dead letter.
    rejected: Rejected | None
    #: The script's answer, where the record was profiled.
    applied: Applied | None


class _Draft(NamedTuple):
    """A record that can be profiled: decoded, flattened, and written as a flat object."""

    record: Record
    headers: Headers
    flat: dict[str, Any]
    encoded: bytes


#: A batch before Redis: one entry per record, in order.
Prepared = Sequence[_Draft | Result]


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
        self._largest_bytes = max(settings.kafka.max_request_bytes, settings.output_bytes)
        self._room = self._largest_bytes - _PROFILE_BYTES
        self.limits = Limits(
            max_record_bytes=settings.limits.max_record_bytes,
            max_depth=settings.limits.max_depth,
            max_fields=settings.limits.max_fields,
        )

    def process(self, records: Sequence[Record]) -> list[Result]:
        """Carry a batch through all stages; one result per record, in order. Raises as `apply`."""
        prepared = self.prepare(records)
        return self.finish(prepared, self.apply(prepared))

    # The stages of different batches may run in different threads, each stage in one.

    def prepare(self, records: Sequence[Record]) -> Prepared:
        """Decode, flatten and encode."""
        return [self._draft(record) for record in records]

    def apply(self, prepared: Prepared) -> list[Outcome]:
        """Put the events of a batch through Redis; one outcome per draft, in order.

        Raises:
            StoreUnavailableError: nothing may be written of the batch; apply it again.
            ScriptContractError: script and caller disagree.
        """
        return self._outcomes([draft for draft in prepared if isinstance(draft, _Draft)])

    def finish(self, prepared: Prepared, outcomes: Iterable[Outcome]) -> list[Result]:
        """Make a batch's outputs; one result per record, in order."""
        each = iter(outcomes)
        results = [
            self._finish(draft, next(each)) if isinstance(draft, _Draft) else draft
            for draft in prepared
        ]
        self._count(results)
        return results

    def _draft(self, record: Record) -> _Draft | Result:
        """A record on its way, or its end where it goes no further."""
        headers = with_source(
            record.headers,
            record.topic,
            record.partition,
            record.offset,
            forward=self._mode == "profile",
        )
        try:
            if record.headers:
                check_names(record.headers)
            if record.value is None:
                self._check_room(record, headers, b"")
                return self._tombstone(record, headers)
            if self._mode == "profile":
                flat = decode_flattened(record.value, self.limits)
            else:
                flat = decode_processed(record.value, self.limits)
            encoded = self._encoded(flat)
            self._check_room(record, headers, encoded)
            return _Draft(record, headers, flat, encoded)
        except InvalidRecordError as error:
            stage = "profile" if self._mode == "profile" else "flatten"
            dead = Rejected(error.code, error.reason)
            return Result(record, [self._dead_letter(record, headers, stage, dead)], dead, None)

    def _encoded(self, flat: dict[str, Any]) -> bytes:
        """The flat object's bytes, checked before Redis is touched: they must fit the output."""
        encoded = encode_object(flat)
        if len(encoded) > self.limits.max_record_bytes:
            # A long section name is repeated for each of its elements, and 1e15 takes 18 bytes.
            raise InvalidRecordError(
                "too_large",
                f"flattened, it has {len(encoded)} bytes,"
                f" the limit is {self.limits.max_record_bytes}",
            )
        return encoded

    def _check_room(self, record: Record, headers: Headers, encoded: bytes) -> None:
        """The outputs must fit with key and headers too, before Redis is touched."""
        size = len(record.key or b"") + len(encoded)
        if not record.headers and size < self._room - _SOURCE_BYTES:
            return
        size += size_of_headers(headers)
        if size > self._room:
            raise InvalidRecordError(
                "too_large",
                f"with key and headers it has {size} bytes, there is room for {self._room}",
            )

    def _outcomes(self, drafts: Sequence[_Draft]) -> list[Outcome]:
        if self._script is None:
            return [None] * len(drafts)
        return self._script.apply(
            [
                FlatEvent(self._stream(record), record.offset, record.timestamp, flat)
                for record, _, flat, _ in drafts
            ]
        )

    def _stream(self, record: Record) -> str:
        """Where the record's offset counts; a topic made anew needs another epoch."""
        if not self._watermarks:
            return ""
        return f"{self._settings.stream_epoch}:{record.topic}:{record.partition}"

    def _finish(self, draft: _Draft, outcome: Outcome) -> Result:
        record, headers, flat, encoded = draft
        outputs = []
        if self._mode != "profile":
            outputs.append(_output(record, self._topics.flattened, encoded, headers))
        if self._script is None:
            return Result(record, outputs, None, None)
        if outcome is None and self._settings.anonymous == "reject":
            outcome = Rejected("no_visitor_id", "the event has no visitor id")
        if isinstance(outcome, Rejected):
            outputs.append(self._dead_letter(record, headers, "profile", outcome))
            return Result(record, outputs, outcome, None)
        if _FORGED in encoded:
            encoded = self._without_forged_names(flat)
        if outcome is None:
            self.counts["anonymous"] += 1
        else:
            encoded = extend_object(encoded, outcome.encoded)
        output = _output(record, self._topics.persisted, encoded, headers)
        if len(encoded) > self._room and size_of(output) > self._largest_bytes:
            # By rules with many long fields only; the profile knows the event already.
            dead = Rejected("too_large", f"with its profile it has {size_of(output)} bytes")
            outputs.append(self._dead_letter(record, headers, "profile", dead))
            return Result(record, outputs, dead, None)
        outputs.append(output)
        return Result(record, outputs, None, outcome)

    def _without_forged_names(self, flat: dict[str, Any]) -> bytes:
        honest = {name: flat[name] for name in flat if not name.startswith(OUTPUT_PREFIX)}
        self.counts["forged_names"] += len(flat) - len(honest)
        return encode_object(honest)

    def _tombstone(self, record: Record, headers: Headers) -> Result:
        topics = {
            "run": (self._topics.flattened, self._topics.persisted),
            "flatten": (self._topics.flattened,),
            "profile": (self._topics.persisted,),
        }[self._mode]
        outputs = [_output(record, topic, None, headers) for topic in topics]
        return Result(record, outputs if self._settings.tombstones == "pass" else [], None, None)

    def _dead_letter(
        self, record: Record, headers: Headers, stage: str, dead: Rejected
    ) -> OutputRecord:
        return dead_letter(
            record,
            self._topics.rejected,
            headers,
            stage=stage,
            rejected=dead,
            max_bytes=self._settings.dead_letters.max_bytes,
        )

    def _count(self, results: Sequence[Result]) -> None:
        self.counts["read"] += len(results)
        self.counts["rejected"] += sum(result.rejected is not None for result in results)
        applied = [result.applied.flags for result in results if result.applied is not None]
        self.counts["profiled"] += len(applied)
        for flags, events in Counter(applied).items():
            for flag in flags:
                self.counts[flag] += events


def _output(record: Record, topic: str, value: bytes | None, headers: Headers) -> OutputRecord:
    return OutputRecord(topic, record.key, value, headers, record.timestamp)
