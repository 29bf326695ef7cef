"""The third stage: outputs are made and produced."""

from collections import Counter
from operator import attrgetter
from threading import Event
from typing import NamedTuple

from profiler.worker.dead_letter_limit import DeadLetterLimit
from profiler.worker.delivery import Delivery
from profiler.worker.observer import UNOBSERVED, Observer
from profiler.worker.parcel import Parcel
from profiler.worker.stage import Stage


class Produced(NamedTuple):
    """A batch whose outputs are acknowledged.

    Attributes:
        counts: what is counted when the batch is committed, by name.
        codes: its dead letters, by error code.
        written: its outputs, by topic.
    """

    counts: Counter[str]
    codes: Counter[str]
    written: Counter[str]


_TOPIC = attrgetter("topic")


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
        #: Shared by all batches since the worker last went back to the committed offsets.
        self._void: Event | None = None

    def work(self, taken: Parcel, void: Event) -> Produced:
        """See `Stage.work`; blocks until all outputs are acknowledged.

        Raises:
            DeadLetterLimitError: too many records are bad; nothing of the batch was written.
            TransportError: Kafka refused or lost outputs.
        """
        if self._void is not void:
            # After a fault the same records come again: they are not to be counted twice.
            self._void = void
            self._limit.forget()
        with self._observer.during("produce"):
            finished = taken.batch.finish()
            if taken.is_repair:
                return Produced(Counter(repaired=finished.records), Counter(), Counter())
            self._limit.check(finished.records, finished.rejections)
            counts = self._delivery.produce(finished, taken.checkpoint)
        codes = Counter(rejection.rejected.code for rejection in finished.rejections)
        return Produced(finished.counts + counts, codes, Counter(map(_TOPIC, finished.outputs)))
