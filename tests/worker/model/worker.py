"""A worker in the model: threads that poll, apply and produce; see `profiler.worker.loop`."""

from collections import defaultdict
from collections.abc import Generator
from random import Random

from tests.worker.model.applying import ApplyStage, Job, Turns, answers_of
from tests.worker.model.connection import Connection
from tests.worker.model.flight import Flight, Void
from tests.worker.model.kafka import Kafka, RefusedError
from tests.worker.model.protections import Protections
from tests.worker.model.store import Place, Redis

_MOST = 3


class LostStateError(Exception):
    """Redis has no mark of a stream that is committed; the stream is the argument."""


class Worker:
    """A member of the group, from its start to its end; `step` is a turn of one of its threads.

    Args:
        name: a number that no other worker has.
        kafka: the records.
        redis: the profiles.
        random: which thread is next, and how much a poll brings.
        rules: what is left out.
    """

    def __init__(
        self, name: int, kafka: Kafka, redis: Redis, random: Random, rules: Protections
    ) -> None:
        self.name = name
        self._kafka = kafka
        self._random = random
        self._rules = rules
        self.connection = Connection(redis, random)
        self._apply = ApplyStage(self.connection, rules, kafka.committed)
        self.fails_commits = False
        self._flights: list[Flight] = []
        self._void = Void()
        self._is_void = False
        self._is_unplaced = True
        self._generation = -1
        self._positions: dict[int, int] = {}
        self._repaired_until: dict[int, int] = {}
        self._settling: Job | None = None
        #: How often it was idle, and Redis was well, since the last record.
        self.times_settled = 0
        self._threads = [self._loop(), self._apply.run(), self._produce()]

    def step(self) -> None:
        """Take one turn.

        Raises:
            LostStateError: as the name says.
        """
        next(self._threads[int(self._random.random() * len(self._threads))])

    def _loop(self) -> Turns:
        while True:
            yield
            if self._is_void or self._is_unplaced:
                yield from self._start_over()
                continue
            self._remove_produced()
            if self._flights and self._flights[0].is_failed:
                self._give_up()
            elif self._has_room():
                self._poll()

    def _has_room(self) -> bool:
        flights = self._flights
        return len(flights) < _MOST and (len(flights) < 2 or flights[-2].is_applied)

    def _poll(self) -> None:
        kafka = self._kafka
        kafka.join(self.name)
        if kafka.generation != self._generation:
            self._is_unplaced = True
            self._give_up()
            return
        records: dict[Place, str] = {}
        owned = list(self._positions)
        self._random.shuffle(owned)
        for number in owned:
            start = self._positions[number]
            visitors = kafka.logs[number][start : start + self._random.randint(0, 4)]
            records |= {(number, start + at): visitor for at, visitor in enumerate(visitors)}
            self._positions[number] += len(visitors)
        if records:
            self.times_settled = 0
            self._add(records)
        elif not self._flights:
            self._settle()
            if any(at < len(kafka.logs[number]) for number, at in self._positions.items()):
                self.times_settled = 0  # the poll only brought nothing yet

    def _add(self, records: dict[Place, str]) -> None:
        until = self._repaired_until
        for is_repair in (True, False):
            part = {
                place: visitor
                for place, visitor in records.items()
                if (place[1] < until.get(place[0], 0)) == is_repair
            }
            if part:
                flight = Flight(
                    part,
                    generation=self._generation,
                    before=self._flights[-1] if self._flights else None,
                    void=self._void,
                    is_repair=is_repair,
                )
                self._flights.append(flight)
                self._apply.queue.append(flight)

    def _settle(self) -> None:
        if self._settling is not None and self._settling.is_done:
            self._settling = None
            self._is_unplaced = self._apply.is_reconnected
            self.times_settled = 0 if self._is_unplaced else self.times_settled + 1
        if self._settling is None:
            self._settling = Job(None)
            self._apply.queue.append(self._settling)

    def _remove_produced(self) -> None:
        while self._flights and self._flights[0].is_produced:
            flight = self._flights.pop(0)
            if not flight.is_repair:
                found: dict[str, list[Place]] = defaultdict(list)
                for place, visitor in flight.records.items():
                    found[visitor].append(place)
                for visitor, places in found.items():
                    self._apply.of_no_use[visitor] += places

    def _give_up(self) -> None:
        self._is_void = self._void.is_set = True
        self.times_settled = 0

    def _start_over(self) -> Generator[None, None, None]:
        kafka = self._kafka
        self._void.is_set = True
        while self._flights and not self._flights[-1].has_left:
            yield
        self._remove_produced()
        self._flights, self._void = [], Void()
        self._repaired_until = {}
        kafka.join(self.name)
        had, self._generation = set(self._positions), kafka.generation
        owned = kafka.owned[self.name]
        committed = {at: kafka.committed[at] for at in owned if at in kafka.committed}
        self._positions = {number: committed.get(number, 0) for number in owned}
        yield
        is_old = not self._apply.is_reconnected and bool(had)
        if self._rules.looks_at_assignments or not is_old:
            job = Job(self._void)
            self._apply.queue.append(job)
            while not job.is_done:
                if kafka.generation != self._generation:
                    self._give_up()
                yield
            if job.marks is None:
                return
            self._begin(committed, job.marks)
        self._is_void = self._is_unplaced = False

    def _begin(self, committed: dict[int, int], marks: dict[int, int]) -> None:
        for number, offset in committed.items():
            if number not in marks:
                raise LostStateError(number)
            if marks[number] < offset and self._rules.replays:
                self._positions[number] = marks[number]
                self._repaired_until[number] = offset

    def _produce(self) -> Turns:
        while True:
            yield
            waiting = next((each for each in self._flights if not each.has_left), None)
            if waiting is None or not waiting.is_applied:
                continue
            if waiting.void.is_set or (waiting.before is not None and waiting.before.is_failed):
                waiting.is_failed = True
                continue
            yield
            self._deliver(waiting)

    def _deliver(self, flight: Flight) -> None:
        try:
            if not flight.is_repair:
                self._kafka.commit(
                    self.name,
                    flight.generation,
                    {stream: end for stream, (_, end) in flight.spans.items()},
                    answers_of(flight),
                    fails=self.fails_commits,
                )
        except RefusedError:
            flight.is_failed = True
        else:
            flight.is_produced = True
