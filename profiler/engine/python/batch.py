"""The engine that is always there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from profiler.config.settings import Mode, Settings
from profiler.engine.batch import Finished
from profiler.engine.python.decode import Draft, End, RecordDecoder
from profiler.engine.python.finish import Finisher
from profiler.profiles.outputs import StoredOutput
from profiler.profiles.redis import Command
from profiler.profiles.reply import Reply
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent, Record, stream_of

if TYPE_CHECKING:
    from profiler.profiles.calls import Calls


class PythonEngine:
    """An `Engine`: ``run`` does both stages, ``flatten`` and ``profile`` one each.

    Args:
        mode: which stages.
        settings: topics, limits and fates.
        script: packs the calls and decodes the replies; None in mode ``flatten``.
    """

    name = "python"

    def __init__(self, mode: Mode, settings: Settings, script: ProfileScript | None) -> None:
        self._decoder = RecordDecoder(mode, settings)
        self._finisher = Finisher(mode, settings)
        self._script = script

    def batch(
        self,
        records: Sequence[Record],
        *,
        stream: str = "",
        floors: Mapping[int, int] | None = None,
    ) -> "PythonBatch":
        """See `Engine.batch`."""
        return PythonBatch(
            self._decoder, self._finisher, self._script, records, stream=stream, floors=floors
        )


class PythonBatch:
    """A `Batch`.

    Args:
        decoder: used by `decode` alone.
        finisher: used by `finish` alone.
        script: used by `decode` alone; None where nothing is profiled.
        records: what was polled.
        stream: see `Engine.batch`.
        floors: likewise.
    """

    def __init__(
        self,
        decoder: RecordDecoder,
        finisher: Finisher,
        script: ProfileScript | None,
        records: Sequence[Record],
        *,
        stream: str,
        floors: Mapping[int, int] | None,
    ) -> None:
        self._decoder = decoder
        self._finisher = finisher
        self._script = script
        self._stream = stream
        self._records = records
        self._floors = floors
        self._drafts: list[Draft | End] = []
        self._calls: Calls | None = None

    def decode(self) -> None:
        """See `Batch.decode`. Packs too, while a record's values are in the processor's cache."""
        if self._script is None:
            for _ in self._events():
                pass
        else:
            self._calls = self._script.calls_of(self._events(), self._floors_by_stream())

    def _events(self) -> Iterator[FlatEvent]:
        """Decode the records one by one; an event's values are gone when the next one comes.

        A batch of them has several times the size of its records, and three are under way. To keep
        them takes a sixth more CPU time here, and what frees them elsewhere comes on top.
        """
        decode, keep = self._decoder.decode, self._drafts.append
        streams: dict[int, str] = {}
        for record in self._records:
            draft = decode(record)
            keep(draft)
            if isinstance(draft, Draft):
                _, partition, offset, timestamp, *_ = record
                stream = streams.get(partition)
                if stream is None:
                    stream = streams[partition] = self._stream_of(record)
                fields = draft.flat
                yield FlatEvent(stream, offset, timestamp, fields, draft.encoded)
                fields.clear()

    def pack(self) -> Sequence[Sequence[Command]]:
        """See `Batch.pack`."""
        return () if self._calls is None else self._calls.rounds

    def fold(self, number: int, replies: Sequence[Reply]) -> None:
        """See `Batch.fold`."""
        assert self._calls is not None, "packed before"  # noqa: S101 - the order of the calls
        self._calls.fold(number, replies)

    def finish(self) -> Finished:
        """See `Batch.finish`."""
        if self._calls is None:
            return self._finisher.finish(self._drafts, [None] * len(self._drafts))
        return self._finisher.finish(self._drafts, self._calls.outcomes)

    def stored(self) -> list[StoredOutput]:
        """See `Batch.stored`."""
        return [] if self._calls is None else self._calls.stored

    def _stream_of(self, record: Record) -> str:
        """Where the record's offset counts."""
        return stream_of(self._stream, record.partition) if self._stream else ""

    def _floors_by_stream(self) -> dict[str, int] | None:
        if self._floors is None:
            return None
        return {stream_of(self._stream, at): floor for at, floor in self._floors.items()}
