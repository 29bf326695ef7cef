"""The engine that is there where visitor-profiler-native is installed."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from visitor_profiler_native import Core

from profiler.config.settings import Mode, Settings
from profiler.engine.batch import Finished
from profiler.engine.native.plan import plan_of
from profiler.engine.python.decode import Draft, End, RecordDecoder
from profiler.engine.python.finish import Finisher, Unfinished
from profiler.profiles.outputs import StoredOutput
from profiler.profiles.redis import Command
from profiler.profiles.reply import Applied, Outcome, Reply
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent, OutputRecord, Record, Rejected, stream_of

if TYPE_CHECKING:
    from visitor_profiler_native import NativeBatch as CompiledBatch


class NativeEngine:
    """An `Engine`; compiled code does ordinary records, and Python's parts do the others.

    Args:
        mode: see `PythonEngine`.
        settings: likewise.
        script: likewise.
    """

    name = "native"

    def __init__(self, mode: Mode, settings: Settings, script: ProfileScript | None) -> None:
        self.decoder = RecordDecoder(mode, settings)
        self.finisher = Finisher(mode, settings)
        self.script = script
        derived = None if script is None else script.packer.arguments.derived
        self.core = Core(
            plan_of(mode, settings, script),
            None if derived is None else (derived.of_page, derived.of_agent),
            Command,
            OutputRecord,
        )

    def batch(
        self,
        records: Sequence[Record],
        *,
        stream: str = "",
        floors: Mapping[int, int] | None = None,
    ) -> "NativeBatch":
        """See `Engine.batch`."""
        return NativeBatch(self, records, stream=stream, floors=floors)


class NativeBatch:
    """A `Batch`.

    Args:
        engine: its parts are used as a `PythonBatch` uses its own.
        records: what was polled.
        stream: see `Engine.batch`.
        floors: likewise.
    """

    def __init__(
        self,
        engine: NativeEngine,
        records: Sequence[Record],
        *,
        stream: str,
        floors: Mapping[int, int] | None,
    ) -> None:
        self._engine = engine
        self._records = list(records)
        self._stream = stream
        self._floors = floors
        self._compiled: CompiledBatch | None = None
        #: What Python decoded, by place.
        self._drafts: dict[int, Draft | End] = {}
        #: What Python knows of events, by place; it goes before what compiled code knows.
        self._outcomes: dict[int, Outcome] = {}
        self._rounds: Sequence[Sequence[Command]] | None = None

    def decode(self) -> None:
        """See `Batch.decode`."""
        floors = None if self._floors is None else list(self._floors.items())
        self._compiled = self._engine.core.decode(self._records, self._stream, floors)
        self._decode_declined()

    @property
    def declined(self) -> list[int]:
        """The places of the records that Python decodes, so far."""
        return self._decoded.declined()

    def _decode_declined(self) -> None:
        for place in self.declined:
            if place not in self._drafts:
                self._drafts[place] = self._engine.decoder.decode(self._records[place])

    def pack(self) -> Sequence[Sequence[Command]]:
        """See `Batch.pack`."""
        if self._engine.script is None:
            return ()
        if self._rounds is None:
            packer = self._engine.script.packer
            now_ms = packer.clock()
            self._decoded.make_arguments(now_ms, packer.arguments.reading.next)
            self._decode_declined()
            for place in sorted(self._drafts):
                self._put(place, self._drafts[place], self._engine.script, now_ms)
            self._rounds = self._decoded.pack(packer.meet)
        return self._rounds

    def _put(self, place: int, draft: Draft | End, script: ProfileScript, now_ms: int) -> None:
        """Give compiled code what it needs to call for an event that Python decoded."""
        if isinstance(draft, End):
            return
        record = draft.record
        stream = stream_of(self._stream, record.partition) if self._stream else ""
        event = FlatEvent(stream, record.offset, record.timestamp, draft.flat, draft.encoded)
        found = script.packer.arguments.of(event, now_ms)
        if found is None or isinstance(found, Rejected):
            self._outcomes[place] = found
        else:
            words = [w if isinstance(w, bytes) else str(w).encode() for w in found.words]
            self._decoded.put(place, found.visitor_id, words)

    def fold(self, number: int, replies: Sequence[Reply]) -> None:
        """See `Batch.fold`."""
        assert self._engine.script is not None, "packed before"  # noqa: S101 - the order of calls
        outcomes: list[Outcome] = [None] * len(self._records)
        for call in self._decoded.fold(number, list(replies)):
            places = self._decoded.places_of(number, call)
            self._engine.script.decoder.decode(places, replies[call], outcomes)
            self._outcomes |= {place: outcomes[place] for place in places}

    def finish(self) -> Finished:
        """See `Batch.finish`."""
        engine, compiled = self._engine, self._decoded
        batch = Unfinished(len(self._records))
        by_hand = compiled.by_hand()
        begin = 0
        for place in by_hand:
            compiled.finish(begin, place, batch.outputs)
            draft = self._drafts.get(place) or engine.decoder.decode(self._records[place])
            engine.finisher.add(place, draft, self._outcome_of(place), batch)
            begin = place + 1
        compiled.finish(begin, len(self._records), batch.outputs)
        anonymous, answers = compiled.counts(by_hand)
        batch.counts["anonymous"] += anonymous
        for flags, events in answers:
            batch.answers[flags] += events
        return batch.end()

    def _outcome_of(self, place: int) -> Outcome:
        answer = self._decoded.answer(place)
        return self._outcomes.get(place) if answer is None else Applied(*answer)

    def stored(self) -> list[StoredOutput]:
        """See `Batch.stored`."""
        return [StoredOutput(*each) for each in self._decoded.stored()]

    @property
    def _decoded(self) -> "CompiledBatch":
        assert self._compiled is not None, "decoded before"  # noqa: S101 - the order of the calls
        return self._compiled
