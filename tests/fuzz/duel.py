"""Two engines and one batch: what each makes of it, and where they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import hiredis

from profiler.engine import PythonEngine
from profiler.engine.native import NativeEngine
from profiler.errors import ScriptContractError
from profiler.records.types import Rejected
from tests.fuzz.replies import encoded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from profiler.engine import Batch, Engine, Finished
    from profiler.profiles.redis import Command
    from profiler.profiles.reply import Reply
    from profiler.records.types import Record
    from tests.fuzz.setups import Setup

#: Where a call has the number of its keys, and behind them that of its events.
_KEYS, _EVENTS = 2, 3


class Told(NamedTuple):
    """All that an engine tells of a batch.

    Attributes:
        commands: by rounds, each with its key, as they go over the wire.
        error: what the replies broke.
        finished: None where they broke something.
        stored: see `Batch.stored`.
    """

    commands: list[list[tuple[str, bytes]]]
    error: str
    finished: Finished | None
    stored: list[Any]


class Difference(NamedTuple):
    """The engines differ.

    Attributes:
        setup: the engines'.
        records: as few as show it.
        lines: what differs, Python's first.
    """

    setup: Setup
    records: Sequence[Record]
    lines: list[str]

    def __str__(self) -> str:
        records = "\n".join(f"  {record!r}" for record in self.records)
        return "\n".join([f"{self.setup}: they differ over", records, *self.lines])


class Duel:
    """The two engines of a setup, which see the same batches.

    Args:
        setup: of both.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._python: Engine = PythonEngine(setup.mode, setup.settings, setup.script())
        self._native: Engine = NativeEngine(setup.mode, setup.settings, setup.script())
        #: How many replies were folded by each.
        self.replies = 0
        #: How many records became dead letters.
        self.rejected = 0

    def fight(
        self, records: Sequence[Record], make_reply: Callable[[int], Any]
    ) -> Difference | None:
        """Give a batch to both; where they differ, look for fewer records that show it.

        Args:
            records: of one partition, in order.
            make_reply: makes a reply to a call of so many events.
        """
        lines = self._compared(records, make_reply)
        if not lines:
            return None
        found, size = list(records), len(records)
        while size := size // 2:
            for at in range(0, len(found), size):
                fewer = found[:at] + found[at + size :]
                if fewer and (again := self._compared(fewer, make_reply)):
                    found, lines = fewer, again
                    break
        return Difference(self._setup, found, lines)

    def _compared(self, records: Sequence[Record], make_reply: Callable[[int], Any]) -> list[str]:
        batches = [self._batch(engine, records) for engine in (self._python, self._native)]
        # Of the Python engine, the commands are words still.
        replies = [
            [encoded(make_reply(_events_of(command))) for command in commands]
            for commands in batches[0].pack()
        ]
        self.replies += sum(map(len, replies))
        python, native = (_told(batch, replies) for batch in batches)
        if python.finished:
            self.rejected += len(python.finished.rejections)
        return list(_differences(python, native))

    def _batch(self, engine: Engine, records: Sequence[Record]) -> Batch:
        batch = engine.batch(records, stream=self._setup.stream, floors=self._setup.floors)
        batch.decode()
        return batch


def _events_of(command: Command) -> int:
    words = command.words
    return int(words[_KEYS + int(words[_KEYS]) + 1 + _EVENTS])


def _told(batch: Batch, replies: Sequence[Sequence[bytes]]) -> Told:
    rounds = batch.pack()
    commands = [[(each.key, _packed(each)) for each in commands] for commands in rounds]
    try:
        for number, raw in enumerate(replies[: len(rounds)]):
            batch.fold(number, [_parsed(reply) for reply in raw])
    except ScriptContractError as error:
        return Told(commands, str(error), None, batch.stored())
    return Told(commands, "", batch.finish(), batch.stored())


def _packed(command: Command) -> bytes:
    words = command.words
    if isinstance(words, bytes):
        return words
    packed: bytes = hiredis.pack_command(words)  # type: ignore[arg-type] # as in `exchange`
    return packed


def _parsed(raw: bytes) -> Reply:
    """A reply as the caller of the script hands it over; other ones never reach an engine."""
    reader = hiredis.Reader()
    reader.feed(raw)
    reply = reader.gets()
    code, _, detail = str(reply).partition(" ")
    if isinstance(reply, hiredis.ReplyError) and code == "EPROFILE":
        return Rejected(code, detail)
    if isinstance(reply, list):
        return reply
    raise ScriptContractError(f"{raw!r} is for the caller")


def _differences(python: object, native: object, where: str = "") -> list[str]:
    """Lines about the first part that differs."""
    if python == native and type(python) is type(native):
        return []
    if isinstance(python, tuple | list) and type(python) is type(native):
        assert isinstance(native, tuple | list)
        names = getattr(python, "_fields", range(max(len(python), len(native))))
        for at, name in enumerate(names):
            one, other = ((p[at : at + 1] or ["nothing"])[0] for p in (python, native))
            if lines := _differences(one, other, f"{where}.{name}"):
                return lines
    return [f"{where}: python {python!r}", f"{where}: native {native!r}"]
