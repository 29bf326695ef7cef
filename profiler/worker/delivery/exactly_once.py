"""Exactly once: outputs and offsets become visible together, in one transaction (KIP-447).

Readers with ``isolation.level=read_committed`` see each input's outputs once, whatever crashes,
rebalances or comes twice. Why a client lives no longer than its first error: docs/adr/0044*.
"""

import time
from collections import Counter, deque
from collections.abc import Callable

import structlog

from profiler.engine import Finished
from profiler.errors import (
    ProducerFencedError,
    RecordTooLargeError,
    TimestampRefusedError,
    VoidBatchError,
    WorkerFencedError,
)
from profiler.kafka import TransactionalProducer
from profiler.records.types import OutputRecord
from profiler.worker.delivery.limits import OutputLimits
from profiler.worker.delivery.protocol import Checkpoint

_LOG = structlog.get_logger("profiler.worker")

#: Longer than a transaction may take: the brokers have ended it by then.
_COMMIT_S = 30.0
_BEGIN_AGAIN_S = 30.0
#: So often within so many seconds nobody pauses for longer than a transaction may take.
_TURNS, _TURNS_S = 4, 20.0


class ExactlyOnce:
    """A `Delivery`.

    Args:
        producer: takes outputs and offsets.
        generation: the consumer's, now; asked by the stage that produces.
        limits: makes outputs that their topics take.
    """

    is_atomic = True

    def __init__(
        self,
        producer: TransactionalProducer,
        generation: Callable[[], int],
        limits: OutputLimits,
    ) -> None:
        self._producer = producer
        self._generation = generation
        self._limits = limits
        #: Whether the producer's last step came to its end.
        self._is_clean = False
        #: Whether another producer took our transactional id since the last commit, ...
        self._was_fenced = False
        #: ... and when one did, seconds.
        self._fenced_at: deque[float] = deque(maxlen=_TURNS)

    def recover(self, *, timeout_s: float) -> None:
        """See `Delivery.recover`.

        Raises:
            WorkerFencedError: another worker has our name.
        """
        if self._is_clean:
            return
        try:
            self._producer.init(timeout_s=timeout_s)
        except ProducerFencedError as error:
            self._fenced(error)
            raise
        self._is_clean = True

    def produce(self, finished: Finished, checkpoint: Checkpoint) -> Counter[str]:
        """See `Delivery.produce`. The checkpoint is committed too.

        Raises:
            WorkerFencedError: another worker has our name.
        """
        self._is_clean = False
        try:
            counts = self._step(finished, checkpoint)
        except ProducerFencedError as error:
            self._fenced(error)
            raise
        self._is_clean, self._was_fenced = True, False
        return counts

    def commit(self, checkpoint: Checkpoint, *, timeout_s: float) -> None:
        """See `Delivery.commit`. It is committed already."""

    def _step(self, finished: Finished, checkpoint: Checkpoint) -> Counter[str]:
        outputs = self._limits.fitted(finished.outputs, dead_letters=bool(finished.rejections))
        try:
            self._send(outputs, checkpoint)
        except (RecordTooLargeError, TimestampRefusedError) as error:
            # A transaction with a refused record cannot go on: all is sent in another one.
            self._producer.init(timeout_s=_BEGIN_AGAIN_S)
            outputs = self._limits.refitted(outputs, finished, error)
            self._send(outputs, checkpoint)
        if self._generation() != checkpoint.generation:
            raise VoidBatchError("rebalanced while its outputs were produced")
        self._producer.commit(timeout_s=_COMMIT_S)
        return self._limits.tell(finished, outputs)

    def _send(self, outputs: list[OutputRecord], checkpoint: Checkpoint) -> None:
        self._producer.stage(
            checkpoint.offsets,
            metadata=checkpoint.metadata,
            group_metadata=checkpoint.group_metadata,
        )
        self._producer.send(outputs)

    def _fenced(self, error: ProducerFencedError) -> None:
        """Take the first time for a pause, which looks the same to the brokers as another worker.

        Two workers of one id may take turns, with a commit between; pauses do not come so often.

        Raises:
            WorkerFencedError: it is not the first time.
        """
        now = time.monotonic()
        self._fenced_at.append(now)
        takes_turns = len(self._fenced_at) == _TURNS and now - self._fenced_at[0] < _TURNS_S
        if self._was_fenced or takes_turns:
            raise WorkerFencedError(
                "another worker has this worker's id (worker_id), and takes over its transactions"
                " again and again: give each worker an id of its own"
            ) from error
        self._was_fenced = True
        _LOG.warning("another producer took over our transactions", error=str(error))
