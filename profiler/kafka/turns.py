"""Producers that take turns: a transaction begins while the broker still ends the one before.

A broker answers the end of a transaction before it has written its markers. Until then it refuses
the next one of the same id, and librdkafka waits 20 ms (fixed in its source) before it asks again.
Another id is not refused. Why that is safe: docs/adr/0079*.
"""

import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from profiler.kafka.protocol import TransactionalProducer
from profiler.kafka.transactions import Offsets
from profiler.records.types import OutputRecord


class TakingTurns:
    """A `TransactionalProducer` of several, each with an id of its own.

    One begins when the commit of the one before is answered. So they write and commit in the order
    of the calls, and what is not answered is never followed by anything.

    Args:
        producers: at least one; nobody else uses them.
    """

    def __init__(self, producers: Sequence[TransactionalProducer]) -> None:
        #: The first one has the open transaction, or begins the next.
        self._turns = deque(producers)

    def init(self, *, timeout_s: float) -> None:
        """See `TransactionalProducer.init`; of every id, since each may have left something."""
        deadline = time.monotonic() + timeout_s
        for _ in range(len(self._turns)):
            # One that fails keeps the turn, and refuses everything until the next `init`.
            self._turns.rotate(-1)
            self._turns[0].init(timeout_s=max(0.0, deadline - time.monotonic()))

    def send(self, records: Iterable[OutputRecord]) -> None:
        """See `TransactionalProducer.send`."""
        self._turns[0].send(records)

    def stage(
        self,
        offsets: Offsets,
        *,
        metadata: str,
        group_metadata: Any,  # noqa: ANN401 - the client library's own
    ) -> None:
        """See `TransactionalProducer.stage`."""
        self._turns[0].stage(offsets, metadata=metadata, group_metadata=group_metadata)

    def commit(self, *, timeout_s: float) -> None:
        """See `TransactionalProducer.commit`."""
        self._turns[0].commit(timeout_s=timeout_s)
        # Not after an error, see `init`.
        self._turns.rotate(-1)

    def close(self, *, timeout_s: float = 10) -> None:
        """See `TransactionalProducer.close`."""
        deadline = time.monotonic() + timeout_s
        for producer in self._turns:
            producer.close(timeout_s=max(0.0, deadline - time.monotonic()))
