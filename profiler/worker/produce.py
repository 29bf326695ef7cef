"""The third stage: outputs are made and produced, of all batches that are applied by then.

A transaction takes longer than a batch takes to be applied. So batches wait while one is open, and
the next transaction is for all of them (docs/performance.md has what that saves).
"""

from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Future
from threading import Event
from typing import NamedTuple

from profiler.engine import Finished
from profiler.worker.dead_letter_limit import DeadLetterLimit
from profiler.worker.delivery import Delivery, merged
from profiler.worker.parcel import Parcel
from profiler.worker.stage import Stage, has_succeeded


class Produced(NamedTuple):
    """A batch whose outputs are acknowledged.

    Attributes:
        counts: what is counted when the batch is committed, by name.
    """

    counts: Counter[str]


class _Waiting(NamedTuple):
    """A batch that entered, see `Stage.enter`."""

    taken: Future[Parcel]
    before: Future[Produced] | None
    void: Event
    made: Future[Produced]


class ProduceStage(Stage[Parcel, Produced]):
    """Finishes batches and hands their outputs to the delivery.

    Args:
        delivery: produces them.
        limit: looks at a batch before anything of it is written.
    """

    verb = "produce"

    def __init__(self, delivery: Delivery, limit: DeadLetterLimit) -> None:
        super().__init__()
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
            parcels = [self._awaited(taken, before, void)]
            finished = [self._finish(parcels[0], void)]
            while self._waiting and has_succeeded(self._waiting[0].taken):
                turn.append(self._waiting.popleft())
                parcels.append(turn[-1].taken.result())
                finished.append(self._finish(parcels[-1], void))
            counts = self._produce(parcels, finished)
        except BaseException as error:  # noqa: BLE001 - whoever asks for a batch gets it
            for waiting in turn:
                waiting.made.set_exception(error)
        else:
            for waiting, batch_counts in zip(turn, counts, strict=True):
                waiting.made.set_result(Produced(batch_counts))

    def _finish(self, parcel: Parcel, void: Event) -> Finished:
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
        return finished

    def _produce(
        self, parcels: Sequence[Parcel], finished: Sequence[Finished]
    ) -> list[Counter[str]]:
        """Produce batches that follow each other; returns what is to be counted for each.

        Raises:
            TransportError: Kafka refused or lost outputs.
        """
        counts = [
            Counter(repaired=made.records) if parcel.is_repair else made.counts
            for parcel, made in zip(parcels, finished, strict=True)
        ]
        new = [
            (parcel, made)
            for parcel, made in zip(parcels, finished, strict=True)
            if not parcel.is_repair
        ]
        checkpoint = merged([parcel.checkpoint for parcel, _ in new])
        if checkpoint is not None:
            counts[-1] += self._delivery.produce(together([made for _, made in new]), checkpoint)
        return counts


def together(batches: Sequence[Finished]) -> Finished:
    """Batches that follow each other, as one."""
    return Finished(
        sum(batch.records for batch in batches),
        [output for batch in batches for output in batch.outputs],
        [rejection for batch in batches for rejection in batch.rejections],
        sum((batch.counts for batch in batches), Counter()),
    )
