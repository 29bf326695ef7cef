"""What a replay writes: nothing, or the records with their new profiles once more."""

from collections import Counter

from profiler.engine import Finished
from profiler.worker.delivery import Checkpoint, Delivery


class StateOnly:
    """A `Delivery` of nothing: the marks in Redis say how far a replay has come."""

    is_atomic = True

    def recover(self, *, timeout_s: float) -> None:
        """See `Delivery.recover`."""

    def produce(self, finished: Finished, checkpoint: Checkpoint) -> Counter[str]:  # noqa: ARG002 - nothing leaves
        """See `Delivery.produce`."""
        return Counter()

    def commit(self, checkpoint: Checkpoint, *, timeout_s: float) -> None:
        """See `Delivery.commit`."""


class Reemit:
    """A `Delivery` of the records with profiles alone, at least once.

    Args:
        delivery: writes them.
        topic: of the records with profiles. What else came of the inputs has not changed.
    """

    is_atomic = False

    def __init__(self, delivery: Delivery, topic: str) -> None:
        self._delivery = delivery
        self._topic = topic

    def recover(self, *, timeout_s: float) -> None:
        """See `Delivery.recover`."""
        self._delivery.recover(timeout_s=timeout_s)

    def produce(self, finished: Finished, checkpoint: Checkpoint) -> Counter[str]:
        """See `Delivery.produce`."""
        outputs = [output for output in finished.outputs if output.topic == self._topic]
        return self._delivery.produce(finished._replace(outputs=outputs), checkpoint)

    def commit(self, checkpoint: Checkpoint, *, timeout_s: float) -> None:
        """See `Delivery.commit`."""
        self._delivery.commit(checkpoint, timeout_s=timeout_s)
