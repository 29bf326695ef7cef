"""The producer of the broker in memory."""

import time
from collections.abc import Iterable

from profiler.errors import RecordTooLargeError
from profiler.kafka.memory.broker import MemoryBroker
from profiler.kafka.memory.log import size_of
from profiler.records.types import OutputRecord


class MemoryProducer:
    """A `profiler.kafka.protocol.Producer`.

    Records are written one after the other: those before the first that is refused stay written.
    """

    def __init__(
        self,
        broker: MemoryBroker,
        *,
        max_request_bytes: int = 1_048_576,
        delivery_timeout_ms: int = 30_000,
    ) -> None:
        """Connect; blocks until the broker answers, for the delivery timeout at most.

        Raises:
            TransportError: it does not.
        """
        self._broker = broker
        self._largest_bytes = max_request_bytes
        self._timeout_s = delivery_timeout_ms / 1_000
        with broker.changed:
            broker.wait_until_back("connect", timeout_s=self._timeout_s)

    def send(self, records: Iterable[OutputRecord]) -> None:
        """See `Producer.send`."""
        deadline = time.monotonic() + self._timeout_s
        broker = self._broker
        wanted = list(records)
        with broker.changed:
            for record in wanted:
                if size_of(record) > self._largest_bytes:
                    raise RecordTooLargeError(
                        f"produce to {record.topic}: a record is too large for the client"
                    )
                remaining = max(0.0, deadline - time.monotonic())
                broker.wait_until_back(f"produce to {record.topic}", timeout_s=remaining)
                broker.append(record)
            topics = dict.fromkeys(record.topic for record in wanted)
            broker.wait_for_acknowledgements(topics, deadline=deadline)

    def close(self, *, timeout_s: float = 10) -> None:
        """See `Producer.close`. There is nothing to close."""
