"""The first part of a batch's way: a record becomes a draft, or a dead letter."""

from collections.abc import Callable
from typing import Any, NamedTuple

from profiler.config.settings import Mode, Settings
from profiler.errors import InvalidRecordError
from profiler.records.dead_letter import dead_letter, size_of_headers
from profiler.records.flatten import decode_flattened, decode_sections
from profiler.records.headers import check_names, with_source
from profiler.records.json_objects import encode_object, limits_of
from profiler.records.surrogates import mend_surrogates
from profiler.records.types import OUTPUT_PREFIX, Headers, OutputRecord, Record, Rejected

#: Makes a tuple of a type of tuples in half the time that the type itself takes.
_NEW: Callable[[type[OutputRecord], tuple[object, ...]], OutputRecord] = tuple.__new__
_KEY, _TIMESTAMP = map(Record._fields.index, ("key", "timestamp"))

#: More than the three headers of the source have, with the longest name of a topic.
_SOURCE_BYTES = 1_024


class Draft(NamedTuple):
    """A record that can be profiled: decoded, flattened, and written as a flat object.

    Attributes:
        record: as it was read.
        headers: what its outputs have.
        flat: the flattened object; emptied where nobody needs it any more.
        encoded: its bytes, which last.
        mended: how many halves of a character were replaced.
        forged: whether there may be names that only the profiler gives.
    """

    record: Record
    headers: Headers
    flat: dict[str, Any]
    encoded: bytes
    mended: int
    forged: bool


class End(NamedTuple):
    """A record that goes no further.

    Attributes:
        record: as it was read.
        outputs: what leaves of it.
        rejected: code and reason, where it is a dead letter.
    """

    record: Record
    outputs: list[OutputRecord]
    rejected: Rejected | None


class RecordDecoder:
    """Decodes the records of one mode; holds settings and nothing that changes."""

    def __init__(self, mode: Mode, settings: Settings) -> None:
        self._is_second_stage = mode == "profile"
        self._settings = settings
        self._limits = limits_of(settings.limits)
        self._room = settings.room_bytes
        #: Where the tombstones go.
        self._tombstone_topics = {
            "run": (settings.topics.flattened, settings.topics.persisted),
            "flatten": (settings.topics.flattened,),
            "profile": (settings.topics.persisted,),
        }[mode]

    def decode(self, record: Record) -> Draft | End:
        """A record on its way, or its end where it goes no further."""
        headers = with_source(
            record.headers,
            record.topic,
            record.partition,
            record.offset,
            forward=self._is_second_stage,
        )
        try:
            if record.headers:
                check_names(record.headers)
            if record.value is None:
                self._check_room(record, headers, b"")
                return self._tombstone(record, headers)
            flat, mended, forged = self._decoded(record.value)
            encoded = self._encoded(flat)
            self._check_room(record, headers, encoded)
            return Draft(record, headers, flat, encoded, mended, forged)
        except InvalidRecordError as error:
            stage = "profile" if self._is_second_stage else "flatten"
            rejected = Rejected(error.code, error.reason)
            dead = dead_letter_of(record, headers, stage, rejected, self._settings)
            return End(record, [dead], rejected)

    def _decoded(self, value: bytes) -> tuple[dict[str, Any], int, bool]:
        """The flattened object, how many halves of a character it had, and `Draft.forged`."""
        try:
            return self._parsed(value, 0)
        except InvalidRecordError:
            # Looked for in refused values alone: the parser has no word of its own for them.
            if len(value) > self._limits.max_record_bytes:
                raise
            mended, halves = mend_surrogates(value)
            if not halves:
                raise
        return self._parsed(mended, halves)

    def _parsed(self, value: bytes, mended: int) -> tuple[dict[str, Any], int, bool]:
        if self._is_second_stage:
            return decode_flattened(value, self._limits), mended, True
        flat, sections = decode_sections(value, self._limits)
        # There are few sections. To search the encoded object takes as long as to write it.
        return flat, mended, OUTPUT_PREFIX in "\n".join(sections)

    def _encoded(self, flat: dict[str, Any]) -> bytes:
        """The flat object's bytes, checked before Redis is touched: they must fit the output."""
        encoded = encode_object(flat)
        if len(encoded) > self._limits.max_record_bytes:
            # A long section name is repeated for each of its elements, and 1e15 takes 18 bytes.
            raise InvalidRecordError(
                "too_large",
                f"flattened, it has {len(encoded)} bytes,"
                f" the limit is {self._limits.max_record_bytes}",
            )
        return encoded

    def _check_room(self, record: Record, headers: Headers, encoded: bytes) -> None:
        """The outputs must fit with key and headers too, before Redis is touched."""
        room = self._room
        size = len(record.key or b"") + len(encoded)
        if not record.headers and size < room - _SOURCE_BYTES:
            return
        size += size_of_headers(headers)
        if size > room:
            raise InvalidRecordError(
                "too_large",
                f"with key and headers it has {size} bytes, there is room for {room}",
            )

    def _tombstone(self, record: Record, headers: Headers) -> End:
        if self._settings.tombstones == "drop":
            return End(record, [], None)
        outputs = [output_of(record, topic, None, headers) for topic in self._tombstone_topics]
        return End(record, outputs, None)


def output_of(record: Record, topic: str, value: bytes | None, headers: Headers) -> OutputRecord:
    """An output with the key and the timestamp of its input."""
    return _NEW(OutputRecord, (topic, record[_KEY], value, headers, record[_TIMESTAMP]))


def dead_letter_of(
    record: Record, headers: Headers, stage: str, rejected: Rejected, settings: Settings
) -> OutputRecord:
    """The dead letter of a record, as topic and size limit of the settings have it."""
    return dead_letter(
        record,
        settings.topics.rejected,
        headers,
        stage=stage,
        rejected=rejected,
        max_bytes=settings.dead_letters.max_bytes,
    )
