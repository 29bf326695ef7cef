"""The stage that applies, in the model; see `profiler.worker.apply`."""

from collections import defaultdict, deque
from collections.abc import Generator
from itertools import groupby

from tests.worker.model.connection import Connection, ReconnectedError, UnavailableError
from tests.worker.model.flight import Flight, Void
from tests.worker.model.protections import Protections
from tests.worker.model.store import Answer, Call, Command, Look, Mark, Place, Trim

Turns = Generator[None, None, None]


class Job:
    """What the polling thread waits for: a look, or a turn while idle."""

    def __init__(self, void: Void | None) -> None:
        self.void = void
        self.is_look = void is not None
        self.is_done = False
        #: The marks by stream; None where it was given up.
        self.marks: dict[int, int] | None = None


class ApplyStage:
    """Works on batches and jobs one after the other.

    Args:
        connection: to Redis.
        rules: what is left out.
        committed: the committed offsets, for a worker that compares without more ado.
    """

    def __init__(
        self, connection: Connection, rules: Protections, committed: dict[int, int]
    ) -> None:
        self._connection = connection
        self._rules = rules
        self._group_committed = committed
        self.queue: deque[Flight | Job] = deque()
        self.is_reconnected = False
        self._trusted = 0
        self._marked: set[int] = set()
        self._due: dict[int, int] = {}
        #: Places of committed events, by visitor.
        self.of_no_use: dict[str, list[Place]] = defaultdict(list)

    def run(self) -> Turns:
        """Take turns for ever."""
        while True:
            yield
            if not self.queue:
                continue
            work = self.queue[0]
            if isinstance(work, Flight):
                yield from self._apply(work)
            elif work.is_look:
                yield from self._look(work)
            else:
                yield from self._settle(work)
            self.queue.popleft()

    def _apply(self, flight: Flight) -> Turns:
        if flight.before is not None and flight.before.is_failed:
            flight.is_failed = True
        while not flight.is_failed:
            if flight.void.is_set:
                flight.is_failed = True
                return
            try:
                yield from self._attempt(flight)
            except UnavailableError:
                yield
            except ReconnectedError:
                yield from self._reconnected(flight)
            else:
                self._marked |= flight.spans.keys()
                self._due = {stream: end for stream, (_, end) in flight.spans.items()}
                if not self._rules.marks_behind:
                    self._due = {}
                flight.is_applied = True
                return

    def _attempt(self, flight: Flight) -> Turns:
        firsts = {stream: first for stream, (first, _) in flight.spans.items()}
        marks = {}
        if self._rules.marks_first:
            marks = {stream: at for stream, at in firsts.items() if stream not in self._marked}
        first: list[Command] = [*_marks(marks | self._due), *self._trims()]
        last: list[Command] = []
        if not self._rules.marks_behind:
            last = _marks({stream: end for stream, (_, end) in flight.spans.items()})
        trusted = self._trusted if self._rules.looks_at_connections else None
        rounds = rounds_of(flight, stores=self._rules.stores_outputs)
        for number, calls in enumerate(rounds):
            behind = last if number == len(rounds) - 1 else []
            replies = yield from self._connection.send([*first, *calls, *behind], trusted)
            for call, reply in zip(calls, replies[len(first) :], strict=False):
                assert isinstance(reply, list)
                places = [(call.stream, offset) for offset in call.offsets]
                flight.answers.update(zip(places, reply, strict=True))
            if first:
                self.of_no_use.clear()
            first = []

    def _reconnected(self, flight: Flight) -> Turns:
        if self._rules.forgets_marks:
            self._due = {}
        if self._rules.voids:
            self.is_reconnected = flight.is_failed = True
            return
        job = Job(flight.void)
        yield from self._look(job)
        marks = job.marks
        if marks is None or any(
            marks.get(stream, -1) < offset for stream, offset in self._group_committed.items()
        ):
            self.is_reconnected = flight.is_failed = True

    def _look(self, job: Job) -> Turns:
        if self._rules.forgets_marks:
            self._due = {}
        assert job.void is not None
        while not job.void.is_set:
            opened = self._connection.open()
            try:
                (reply,) = yield from self._connection.send([Look()], opened)
            except (UnavailableError, ReconnectedError):
                yield
                continue
            assert isinstance(reply, dict)
            self._trusted, self._marked = opened, set(reply)
            self.is_reconnected = False
            job.marks = reply
            break
        job.is_done = True

    def _settle(self, job: Job) -> Turns:
        commands = [*_marks(self._due), *self._trims()]
        try:
            yield from self._connection.send(
                commands or [Look()],
                self._trusted if self._rules.looks_when_idle else None,
            )
        except ReconnectedError:
            self.is_reconnected = True
            if self._rules.forgets_marks:
                self._due = {}
        except UnavailableError:
            pass
        else:
            self._due = {}
            self.of_no_use.clear()
        job.is_done = True

    def _trims(self) -> list[Command]:
        return [Trim(visitor, tuple(places)) for visitor, places in self.of_no_use.items()]


def _marks(offsets: dict[int, int]) -> list[Command]:
    return [Mark(stream, offset) for stream, offset in offsets.items()]


def rounds_of(flight: Flight, *, stores: bool) -> list[list[Call]]:
    """A visitor has one call a round; one call has events of one stream, in order."""
    own: dict[str, list[Place]] = defaultdict(list)
    for place, visitor in flight.records.items():
        own[visitor].append(place)
    rounds: list[list[Call]] = []
    for visitor, places in own.items():
        for number, (stream, group) in enumerate(groupby(places, key=lambda place: place[0])):
            if number == len(rounds):
                rounds.append([])
            offsets = tuple(offset for _, offset in group)
            rounds[number].append(Call(visitor, stream, offsets, stores and not flight.is_repair))
    return rounds


def answers_of(flight: Flight) -> dict[Place, Answer]:
    """What is produced of a batch: nothing of one that only repairs."""
    return {} if flight.is_repair else flight.answers
