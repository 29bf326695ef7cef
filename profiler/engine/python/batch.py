"""The engine that is always there."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from profiler.config.settings import Mode, Settings
from profiler.engine.batch import Finished
from profiler.engine.python.decode import Draft, End, RecordDecoder
from profiler.engine.python.finish import Finisher
from profiler.profiles.redis import Command
from profiler.profiles.reply import Reply
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent, Record

if TYPE_CHECKING:
    from profiler.profiles.calls import Calls


class PythonEngine:
    """An `Engine`: ``run`` does both stages, ``flatten`` and ``profile`` one each.

    Args:
        mode: which stages.
        settings: topics, limits and fates.
        script: packs the calls and decodes the replies; None in mode ``flatten``.
        watermarks: False where the input has no lasting offsets (`profiler pipe`).
    """

    name = "python"

    def __init__(
        self,
        mode: Mode,
        settings: Settings,
        script: ProfileScript | None,
        *,
        watermarks: bool = True,
    ) -> None:
        self._decoder = RecordDecoder(mode, settings)
        self._finisher = Finisher(mode, settings)
        self._script = script
        self._epoch = settings.stream_epoch if watermarks else None

    def batch(self, records: Sequence[Record]) -> "PythonBatch":
        """See `Engine.batch`."""
        return PythonBatch(self._decoder, self._finisher, self._script, self._epoch, records)


class PythonBatch:
    """A `Batch`.

    Args:
        decoder: used by `decode` alone.
        finisher: used by `finish` alone.
        script: used by `pack` alone; None where nothing is profiled.
        epoch: names the streams, see `Settings.stream_epoch`; None where offsets do not last.
        records: what was polled.
    """

    def __init__(
        self,
        decoder: RecordDecoder,
        finisher: Finisher,
        script: ProfileScript | None,
        epoch: str | None,
        records: Sequence[Record],
    ) -> None:
        self._decoder = decoder
        self._finisher = finisher
        self._script = script
        self._epoch = epoch
        self._records = records
        self._drafts: list[Draft | End] = []
        self._calls: Calls | None = None

    def decode(self) -> None:
        """See `Batch.decode`."""
        self._drafts = [self._decoder.decode(record) for record in self._records]

    def pack(self) -> Sequence[Sequence[Command]]:
        """See `Batch.pack`."""
        if self._script is None:
            return ()
        if self._calls is None:
            self._calls = self._script.calls_of(
                [
                    FlatEvent(
                        self._stream(draft.record), *draft.record[2:4], draft.flat, draft.encoded
                    )
                    for draft in self._drafts
                    if isinstance(draft, Draft)
                ]
            )
        return self._calls.rounds

    def fold(self, number: int, replies: Sequence[Reply]) -> None:
        """See `Batch.fold`."""
        assert self._calls is not None, "packed before"  # noqa: S101 - the order of the calls
        self._calls.fold(number, replies)

    def finish(self) -> Finished:
        """See `Batch.finish`."""
        if self._calls is None:
            return self._finisher.finish(self._drafts, [None] * len(self._drafts))
        return self._finisher.finish(self._drafts, self._calls.outcomes)

    def _stream(self, record: Record) -> str:
        """Where the record's offset counts; a topic made anew needs another epoch."""
        if self._epoch is None:
            return ""
        return f"{self._epoch}:{record.topic}:{record.partition}"
