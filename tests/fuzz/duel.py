"""Two engines and one batch: what each makes of it, and where they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import hiredis

from profiler.engine import PythonEngine, choose_engine
from profiler.errors import ScriptContractError
from profiler.records.types import Rejected
from tests.fuzz.differences import differences

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from profiler.engine import Batch, Engine, EngineClass, Finished
    from profiler.profiles.redis import Command
    from profiler.profiles.reply import Reply
    from profiler.records.types import Record
    from tests.fuzz.setups import Setup

#: Where a call has the number of its keys, and behind them that of its events.
_KEYS, _EVENTS = 2, 3


_READER = hiredis.Reader()


class RepliesTo(Protocol):
    """Makes the replies to the commands of a round.

    The rounds count from 1; 0 is the first one when it is sent twice.
    """

    def __call__(self, number: int, commands: Sequence[Command], /) -> list[Reply]:
        """Of the round of this number."""
        ...


class Told(NamedTuple):
    """All that an engine tells of a batch.

    Attributes:
        error: what the replies broke.
        commands: by rounds, each with its key, as they go over the wire.
        finished: None where they broke something.
        stored: see `Batch.stored`.
        met: each visitor's own id and key, of which the script's caller was told.
    """

    error: str
    commands: list[list[tuple[str, bytes]]]
    finished: Finished | None
    stored: list[Any]
    met: Sequence[tuple[str, str]] = ()


class _Side(NamedTuple):
    """An engine, and whom it met in the latest batch."""

    engine: Engine
    met: list[tuple[str, str]]


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
        other: makes the engine that is held to the Python one; by default the native one.

    Raises:
        ConfigError: the native engine is not installed.
    """

    def __init__(self, setup: Setup, other: EngineClass | None = None) -> None:
        self._setup = setup
        makers = (PythonEngine, other or choose_engine("native"))
        self._sides = [self._side(make) for make in makers]
        #: How many replies were folded by each.
        self.replies = 0
        #: How many records became dead letters.
        self.rejected = 0

    def fight(
        self, records: Sequence[Record], make_reply: Callable[[int], bytes]
    ) -> Difference | None:
        """Give a batch to both; where they differ, look for fewer records that show it.

        Args:
            records: of one partition, in order.
            make_reply: makes a reply to a call of so many events, as it comes over the wire.
        """
        drawn: dict[tuple[int, str, int], bytes] = {}

        def reply_to(number: int, command: Command) -> bytes:
            asked = number, command.key, _events_of(command)
            if asked not in drawn:
                drawn[asked] = make_reply(asked[-1])
            return drawn[asked]

        lines = self._compared(records, reply_to)
        if not lines:
            return None
        found = list(records)
        size = len(found)
        while size := size // 2:
            at = 0
            while at < len(found):
                fewer = found[:at] + found[at + size :]
                again = self._compared(fewer, reply_to)
                if again:
                    found, lines = fewer, again
                else:
                    at += size
        return Difference(self._setup, found, lines)

    def _compared(
        self, records: Sequence[Record], reply_to: Callable[[int, Command], bytes]
    ) -> list[str]:
        replies: dict[int, list[Reply | None]] = {}

        def replies_to(number: int, commands: Sequence[Command]) -> list[Reply]:
            # Of the Python engine, which is asked first, the commands are words still.
            if number not in replies:
                replies[number] = [_parsed(reply_to(number, command)) for command in commands]
            found = [reply for reply in replies[number] if reply is not None]
            if len(found) < len(replies[number]):
                raise ScriptContractError("a reply is for the caller alone")
            return found

        is_again = len(records) % 4 == 0
        python, native = (
            self._told_by(side, records, replies_to, is_again=is_again) for side in self._sides
        )
        self.replies += sum(map(len, replies.values()))
        if python.finished:
            self.rejected += len(python.finished.rejections)
        return list(differences(python, native))

    def _side(self, make: EngineClass) -> _Side:
        met: list[tuple[str, str]] = []
        setup = self._setup
        script = setup.script(lambda visitor, key: met.append((visitor, key)))
        return _Side(make(setup.mode, setup.settings, script), met)

    def _told_by(
        self, side: _Side, records: Sequence[Record], replies_to: RepliesTo, *, is_again: bool
    ) -> Told:
        setup = self._setup
        batch = side.engine.batch(records, stream=setup.stream, floors=setup.floors)
        side.met.clear()
        told = _told(batch, replies_to, is_again=is_again)
        return told._replace(met=sorted(side.met))


def _events_of(command: Command) -> int:
    words = command.words
    return int(words[_KEYS + int(words[_KEYS]) + 1 + _EVENTS])


def _told(batch: Batch, replies_to: RepliesTo, *, is_again: bool) -> Told:
    try:
        return _told_in_order(batch, replies_to, is_again=is_again)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a panic of Rust is one, and a finding
        return Told(f"{type(error).__name__}: {error}", [], None, [])


def _told_in_order(batch: Batch, replies_to: RepliesTo, *, is_again: bool) -> Told:
    batch.decode()
    rounds = batch.pack()
    commands = [[(each.key, _packed(each)) for each in commands] for commands in rounds]
    try:
        if rounds and is_again:
            # Redis failed behind the first round.
            batch.fold(0, replies_to(0, rounds[0]))
            rounds = batch.pack()
        for number, round_ in enumerate(rounds, 1):
            batch.fold(number - 1, replies_to(number, round_))
    except ScriptContractError as error:
        return Told(str(error), commands, None, batch.stored())
    return Told("", commands, batch.finish(), batch.stored())


def _packed(command: Command) -> bytes:
    words = command.words
    if isinstance(words, bytes):
        return words
    packed: bytes = hiredis.pack_command(words)  # type: ignore[arg-type] # as in `exchange`
    return packed


def _parsed(raw: bytes) -> Reply | None:
    """A reply as the caller of the script hands it over; None of one that reaches no engine."""
    _READER.feed(raw)
    reply = _READER.gets()
    code, _, detail = str(reply).partition(" ")
    if isinstance(reply, hiredis.ReplyError) and code == "EPROFILE":
        return Rejected(code, detail)
    if isinstance(reply, list):
        return reply
    return None
