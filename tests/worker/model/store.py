"""Redis in the model: servers that run commands in order, and may come back with fewer of them."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

Place = tuple[int, int]


class Mark(NamedTuple):
    """SET of a mark: everything of the stream below this offset is applied."""

    stream: int
    offset: int


class Call(NamedTuple):
    """The script's call for one visitor's events of one stream."""

    visitor: str
    stream: int
    offsets: tuple[int, ...]
    stores: bool


class Trim(NamedTuple):
    """HDEL of what calls stored, by the places of their events."""

    visitor: str
    places: tuple[Place, ...]


class Look(NamedTuple):
    """GET of all marks."""


Command = Mark | Call | Trim | Look


class Answer(NamedTuple):
    """What an event gets: the profile behind it.

    Attributes:
        digest: of all events that the profile has had, in order.
        is_first: whether it is the answer of an application, at first or stored.
    """

    digest: int
    is_first: bool


class Profile:
    """One visitor's: the events in the order of their application, and the watermarks."""

    def __init__(self) -> None:
        self.events: list[Place] = []
        self.digest = 0
        self.watermarks: dict[int, int] = {}
        self.stored: dict[Place, Answer] = {}

    def fold(self, call: Call) -> list[Answer]:
        """Apply what is new, and answer."""
        return [self._answer((call.stream, offset), stores=call.stores) for offset in call.offsets]

    def _answer(self, place: Place, *, stores: bool) -> Answer:
        stream, offset = place
        if offset <= self.watermarks.get(stream, -1):
            return self.stored.get(place, Answer(self.digest, is_first=False))
        self.events.append(place)
        self.digest = hash((self.digest, place))
        self.watermarks[stream] = offset
        answer = Answer(self.digest, is_first=True)
        if stores:
            self.stored[place] = answer
        return answer


class Server:
    """One process: it has its writes in order, whatever becomes of them."""

    def __init__(self, log: Sequence[Command] = ()) -> None:
        self.log: list[Command] = []
        self.profiles: dict[str, Profile] = {}
        self.marks: dict[int, int] = {}
        self.is_up = True
        #: Whether memory is short: it refuses some commands, and runs others.
        self.is_full = False
        for command in log:
            self.run(command)

    def run(self, command: Command) -> list[Answer] | dict[int, int]:
        """Run one command."""
        if isinstance(command, Look):
            return dict(self.marks)
        self.log.append(command)
        if isinstance(command, Mark):
            self.marks[command.stream] = command.offset
            return []
        profile = self.profiles.setdefault(command.visitor, Profile())
        if isinstance(command, Trim):
            for place in command.places:
                profile.stored.pop(place, None)
            return []
        return profile.fold(command)


class Redis:
    """What one name leads to: the current server, and old ones that go on for a while."""

    def __init__(self, random: Random, *, loses: bool) -> None:
        self._random = random
        self._loses = loses
        self.current = Server()
        #: With the number of writes that its replica had.
        self.old: list[tuple[Server, int]] = []
        #: Commands whose client is gone, or waits no longer; their server still has to run them.
        self.late: list[tuple[Server, list[Command]]] = []
        #: Whether acknowledged writes are gone.
        self.has_ever_lost = False
        #: Whether they are, or an old server may lack what a new one has.
        self.may_have_lost = False

    def restart(self) -> None:
        """Crash, and come back without the last writes; all connections break."""
        crashed, self.current = self.current, self._shortened()
        crashed.is_up = False

    def fail_over(self) -> None:
        """Promote a replica that is behind; the old server goes on until `demote`."""
        old, self.current = self.current, self._shortened()
        self.old.append((old, len(old.log)))
        self.may_have_lost = True

    def demote(self) -> None:
        """End an old server; its connections break, and what only it had is gone."""
        if self.old:
            old, copied = self.old.pop(0)
            old.is_up = False
            self.has_ever_lost |= len(old.log) > copied

    def leads_to(self) -> Server:
        """Where a new connection goes: at times to the old server still."""
        if self.old and self._random.random() < 0.2:
            return self.old[-1][0]
        return self.current

    def run_late(self) -> None:
        """Run one command that waits on a server."""
        if not self.late:
            return
        self.late = [(server, rest) for server, rest in self.late if rest and server.is_up]
        if self.late:
            server, rest = self._random.choice(self.late)
            server.run(rest.pop(0))

    def _shortened(self) -> Server:
        log = self.current.log
        lost = 0
        if self._loses:
            lost = self._random.choice((0, 1, 2, 3, 5, 8, 13, 21, 10_000))
        kept = log[: max(0, len(log) - lost)]
        self.has_ever_lost |= len(kept) < len(log)
        self.may_have_lost |= self.has_ever_lost
        return Server(kept)
