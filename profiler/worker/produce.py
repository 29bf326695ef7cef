"""The third stage: outputs are made and produced, of all batches that are applied by then.

A transaction takes longer than a batch takes to be applied. So batches wait while one is open, and
the next transaction is for all of them (docs/performance.md has what that saves).
"""

from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Future
from operator import itemgetter
from threading import Event
from typing import NamedTuple

from profiler.engine import Finished
from profiler.records.types import OutputRecord
from profiler.worker.dead_letter_limit import DeadLetterLimit
from profiler.worker.delivery import Delivery, merged
from profiler.worker.observer import UNOBSERVED, Observer
from profiler.worker.parcel import Parcel
from profiler.worker.stage import Stage, has_succeeded


class Produced(NamedTuple):
    """A batch whose outputs are acknowledged.

    Attributes:
        counts: what is counted when the batch is committed, by name.
        codes: its dead letters, by error code.
        written: its outputs, by topic; empty where nobody counts.
        triggers: how many were fired or retracted, by name and state.
    """

    counts: Counter[str]
    codes: Counter[str]
    written: Counter[str]
    triggers: Counter[tuple[str, str]]


class _Waiting(NamedTuple):
    """A batch that entered, see `Stage.enter`."""

    taken: Future[Parcel]
    before: Future[Produced] | None
    void: Event
    made: Future[Produced]


class _Made(NamedTuple):
    """A batch, and what came of it."""

    parcel: Parcel
    finished: Finished


#: Of an output; without a step of Python for each one.
_TOPIC = itemgetter(OutputRecord._fields.index("topic"))


class ProduceStage(Stage[Parcel, Produced]):
    """Finishes batches and hands their outputs to the delivery.

    Args:
        delivery: produces them.
        limit: looks at a batch before anything of it is written.
        observer: told how long it takes.
    """

    verb = "produce"

    def __init__(
        self, delivery: Delivery, limit: DeadLetterLimit, observer: Observer = UNOBSERVED
    ) -> None:
        super().__init__()
        self._observer = observer
        self._delivery = delivery
        self._limit = limit
        #: Oldest first; the thread that polls appends.
        self._waiting: deque[_Waiting] = deque()
        #: Shared by all batches since the worker last went back to the committed offsets.
        self._void: Event | None = None

    def enter(
        self, taken: Future[Parcel], before: Future[Produced] | None, void: Event
    ) -> Future[Produced]:
        """See `Stage.enter`; the batch fails together with all that are produced in its turn."""
        made: Future[Produced] = Future()
        self._waiting.append(_Waiting(taken, before, void, made))
        self._thread.submit(self._turn)
        return made

    def _turn(self) -> None:
        """Produce everything that is applied, in one step of the delivery."""
        if not self._waiting:
            return  # the turn before took its batch along
        turn = [self._waiting.popleft()]
        taken, before, void, _ = turn[0]
        try:
            parcel = self._awaited(taken, before, void)
            with self._observer.during("produce"):
                made = [self._finish(parcel, void)]
                while self._waiting and has_succeeded(self._waiting[0].taken):
                    turn.append(self._waiting.popleft())
                    made.append(self._finish(turn[-1].taken.result(), void))
                counts = self._deliver(made)
        except BaseException as error:  # noqa: BLE001 - whoever asks for a batch gets it
            for waiting in turn:
                waiting.made.set_exception(error)
            return
        produced = [_produced(batch, counts_outputs=self._observer.counts) for batch in made]
        produced[-1].counts.update(counts)
        for waiting, batch in zip(turn, produced, strict=True):
            waiting.made.set_result(batch)

    def _finish(self, parcel: Parcel, void: Event) -> _Made:
        """Make a batch's outputs.

        Raises:
            DeadLetterLimitError: too many records are bad.
        """
        if self._void is not void:
            # After a fault the same records come again: they are not to be counted twice.
            self._void = void
            self._limit.forget()
        finished = parcel.batch.finish()
        if not parcel.is_repair:
            self._limit.check(finished.records, finished.rejections)
        return _Made(parcel, finished)

    def _deliver(self, made: Sequence[_Made]) -> Counter[str]:
        """Produce batches that follow each other, but for batches that only repaired profiles.

        Raises:
            TransportError: Kafka refused or lost outputs.
        """
        new = [batch for batch in made if not batch.parcel.is_repair]
        checkpoint = merged([batch.parcel.checkpoint for batch in new])
        if checkpoint is None:
            return Counter()
        return self._delivery.produce(_together([batch.finished for batch in new]), checkpoint)


def _together(batches: Sequence[Finished]) -> Finished:
    """Batches that follow each other, as one."""
    if len(batches) == 1:
        return batches[0]
    return Finished(
        sum(batch.records for batch in batches),
        [output for batch in batches for output in batch.outputs],
        [rejection for batch in batches for rejection in batch.rejections],
        sum((batch.counts for batch in batches), Counter()),
        sum((batch.triggers for batch in batches), Counter()),
    )


def _produced(batch: _Made, *, counts_outputs: bool) -> Produced:
    finished = batch.finished
    if batch.parcel.is_repair:
        return Produced(Counter(repaired=finished.records), Counter(), Counter(), Counter())
    codes = Counter(rejection.rejected.code for rejection in finished.rejections)
    written = Counter(map(_TOPIC, finished.outputs if counts_outputs else ()))
    return Produced(finished.counts, codes, written, finished.triggers)
