"""Runs of the model: faults at random, then peace; and what must be true at the end."""

from random import Random
from typing import NamedTuple

from tests.worker.model.kafka import VISITORS, Kafka
from tests.worker.model.protections import ALL, Protections
from tests.worker.model.store import Mark, Place, Redis
from tests.worker.model.worker import LostStateError, Worker

_STEPS = 400
_PEACE_STEPS = 4_000
_WORKERS = 2
#: A worker that did nothing else so often has nothing left to write, and found Redis unchanged.
_SETTLED = 3


class Found(NamedTuple):
    """What a run came to.

    Attributes:
        loses: whether Redis lost writes in it.
        profiles: whether each profile had every event once, each stream's in order.
        once: whether every input has its output exactly once.
        first: whether each output is that of an application, and without losses of the first one.
        goes_on: whether no worker stopped where nothing was lost, and all came to an end.
    """

    loses: bool
    profiles: bool
    once: bool
    first: bool
    goes_on: bool

    @property
    def is_right(self) -> bool:
        """Whether all of it holds."""
        return self.profiles and self.once and self.first and self.goes_on


class Run:
    """One run.

    Args:
        seed: decides everything.
        rules: what is left out.
    """

    def __init__(self, seed: int, rules: Protections = ALL) -> None:
        self._random = random = Random(seed)
        self._rules = rules
        loses = random.random() < 0.7
        self._kafka = Kafka(random, most_records=40)
        self._redis = Redis(random, loses=loses)
        self._names = 0
        self._workers = [self._new_worker() for _ in range(_WORKERS)]
        #: How likely a fault is at each step.
        self._rate = random.choice((0.01, 0.03, 0.1))
        self._was_stopped_wrongly = False

    def go(self) -> Found:
        """Run to the end."""
        for _ in range(_STEPS):
            if self._random.random() < self._rate:
                self._fault()
            self._step()
        is_over = self._peace()
        outputs = self._kafka.outputs
        answers = [answer for found in outputs.values() for answer in found]
        return Found(
            loses=self._redis.has_ever_lost,
            profiles=all(self._is_folded(visitor) for visitor in VISITORS),
            once=set(outputs) == set(self._places()) and len(answers) == len(outputs),
            first=all(answer.is_first for answer in answers)
            and (self._redis.has_ever_lost or self._are_first()),
            goes_on=is_over and not self._was_stopped_wrongly,
        )

    def _new_worker(self) -> Worker:
        self._names += 1
        return Worker(self._names, self._kafka, self._redis, self._random, self._rules)

    def _step(self) -> None:
        self._redis.run_late()
        at = int(self._random.random() * len(self._workers))
        try:
            self._workers[at].step()
        except LostStateError as error:
            (stream,) = error.args
            self._stopped(at, stream)

    def _stopped(self, at: int, stream: int) -> None:
        """A worker ended with exit code 78; a person rebuilds the profiles, and starts another."""
        if not self._redis.may_have_lost:
            self._was_stopped_wrongly = True
        for server in (self._redis.current, *(old for old, _ in self._redis.old)):
            if stream not in server.marks:
                server.run(Mark(stream, 0))
        self._replace(at)

    def _replace(self, at: int) -> None:
        """End a worker at once; another one is started, and takes part when it polls."""
        gone = self._workers[at]
        gone.connection.abandon()
        self._workers[at] = self._new_worker()
        rest = [name for name in self._kafka.owned if name != gone.name]
        if rest:
            self._kafka.share_out(rest)
        else:
            self._kafka.owned = {}

    def _fault(self) -> None:
        random, redis, kafka = self._random, self._redis, self._kafka
        match random.randrange(8):
            case 0:
                redis.restart()
            case 1:
                redis.fail_over()
            case 2:
                redis.demote()
            case 3:
                redis.current.is_full = not redis.current.is_full
            case 4:
                self._replace(random.randrange(len(self._workers)))
            case 5 if kafka.owned:  # a member that is given up goes on, until it polls
                kafka.share_out(
                    random.sample(list(kafka.owned), random.randint(1, len(kafka.owned)))
                )
            case 6 if kafka.owned:
                kafka.share_out(list(kafka.owned))
            case _:
                worker = random.choice(self._workers)
                worker.fails_commits = not worker.fails_commits

    def _peace(self) -> bool:
        """End all faults, and let the workers finish; returns whether they do."""
        while self._redis.old:
            self._redis.demote()
        self._redis.current.is_full = False
        for worker in self._workers:
            worker.times_settled = 0
        for _ in range(_PEACE_STEPS):
            for worker in self._workers:
                worker.fails_commits = worker.connection.faults = False
            self._step()
            if self._kafka.is_done and all(w.times_settled >= _SETTLED for w in self._workers):
                return True
        return False

    def _places(self) -> dict[Place, str]:
        return {
            (number, offset): visitor
            for number, log in enumerate(self._kafka.logs)
            for offset, visitor in enumerate(log)
        }

    def _is_folded(self, visitor: str) -> bool:
        expected = {place for place, name in self._places().items() if name == visitor}
        profile = self._redis.current.profiles.get(visitor)
        events = [] if profile is None else profile.events
        # Each stream's are in order, and the order of two streams is nobody's promise.
        by_stream = sorted(events, key=lambda place: place[0])
        return by_stream == sorted(expected)

    def _are_first(self) -> bool:
        """Whether outputs are what the only application of each event answered."""
        for profile in self._redis.current.profiles.values():
            digest = 0
            for place in profile.events:
                digest = hash((digest, place))
                if any(answer.digest != digest for answer in self._kafka.outputs.get(place, [])):
                    return False
        return True
