"""How long transactions take, told to the observer."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from profiler.kafka import TransactionalProducer
from profiler.records.types import OutputRecord
from profiler.worker.observer import Observer


class TimedProducer:
    """A `TransactionalProducer`: another one, with a clock.

    Args:
        producer: does the work.
        observer: told of each transaction that is committed.
    """

    def __init__(self, producer: TransactionalProducer, observer: Observer) -> None:
        self._producer = producer
        self._observer = observer
        #: When the open transaction began; None where none is open.
        self._began_at: float | None = None

    def init(self, *, timeout_s: float) -> None:
        """See `TransactionalProducer.init`."""
        self._began_at = None
        self._producer.init(timeout_s=timeout_s)

    def send(self, records: Iterable[OutputRecord]) -> None:
        """See `TransactionalProducer.send`."""
        self._begun()
        self._producer.send(records)

    def stage(
        self,
        offsets: Mapping[tuple[str, int], int],
        *,
        metadata: str,
        group_metadata: Any,  # noqa: ANN401 - the client library's own
    ) -> None:
        """See `TransactionalProducer.stage`."""
        self._begun()
        self._producer.stage(offsets, metadata=metadata, group_metadata=group_metadata)

    def commit(self, *, timeout_s: float) -> None:
        """See `TransactionalProducer.commit`."""
        began_at = self._begun()
        with self._observer.during("commit"):
            self._producer.commit(timeout_s=timeout_s)
        self._began_at = None
        self._observer.transacted(time.perf_counter() - began_at)

    def close(self, *, timeout_s: float = 10) -> None:
        """See `TransactionalProducer.close`."""
        self._producer.close(timeout_s=timeout_s)

    def _begun(self) -> float:
        """When the open transaction began, which is now where none is open."""
        if self._began_at is None:
            self._began_at = time.perf_counter()
        return self._began_at
