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
        if self._began_at is None:
            self._began_at = time.perf_counter()
        self._producer.send(records)

    def commit(
        self,
        offsets: Mapping[tuple[str, int], int],
        *,
        metadata: str,
        group_metadata: Any,  # noqa: ANN401 - the client library's own
        timeout_s: float,
    ) -> None:
        """See `TransactionalProducer.commit`."""
        began_at = self._began_at or time.perf_counter()
        with self._observer.during("commit"):
            self._producer.commit(
                offsets, metadata=metadata, group_metadata=group_metadata, timeout_s=timeout_s
            )
        self._began_at = None
        self._observer.transacted(time.perf_counter() - began_at)

    def close(self, *, timeout_s: float = 10) -> None:
        """See `TransactionalProducer.close`."""
        self._producer.close(timeout_s=timeout_s)
