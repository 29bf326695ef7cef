"""The producers of the broker in memory."""

import time
from collections.abc import Iterable

from profiler.errors import RecordTooLargeError
from profiler.kafka.memory.broker import MemoryBroker
from profiler.kafka.memory.group import Membership
from profiler.kafka.memory.log import size_of
from profiler.kafka.protocol import TransactionalProducer
from profiler.kafka.transactions import Offsets, RenewedProducer, check_member, no_transactions
from profiler.records.types import OutputRecord


class _Sender:
    """Writes records one after the other: those before the first that is refused stay written."""

    def __init__(
        self, broker: MemoryBroker, *, max_request_bytes: int, delivery_timeout_ms: int
    ) -> None:
        self._broker = broker
        self._largest_bytes = max_request_bytes
        self._timeout_s = delivery_timeout_ms / 1_000

    def connect(self) -> None:
        with self._broker.changed:
            self._broker.wait_until_back("connect", timeout_s=self._timeout_s)

    def send(self, records: Iterable[OutputRecord], *, transaction: str = "") -> None:
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
                broker.append(record, transaction=transaction)
            topics = dict.fromkeys(record.topic for record in wanted)
            broker.wait_for_acknowledgements(topics, deadline=deadline)


class MemoryProducer:
    """A `profiler.kafka.protocol.Producer`."""

    def __init__(
        self,
        broker: MemoryBroker,
        *,
        max_request_bytes: int = 1_048_576,
        delivery_timeout_ms: int = 10_000,
    ) -> None:
        """Connect; blocks until the broker answers, for the delivery timeout at most.

        Raises:
            TransportError: it does not.
        """
        self._sender = _Sender(
            broker, max_request_bytes=max_request_bytes, delivery_timeout_ms=delivery_timeout_ms
        )
        self._sender.connect()

    def send(self, records: Iterable[OutputRecord]) -> None:
        """See `Producer.send`."""
        self._sender.send(records)

    def close(self, *, timeout_s: float = 10) -> None:
        """See `Producer.close`. There is nothing to close."""


class MemoryTransactions:
    """A `profiler.kafka.transactions.TransactionalClient`. The group metadata is a `Membership`."""

    def __init__(
        self,
        broker: MemoryBroker,
        *,
        transactional_id: str,
        timeout_s: float,
        max_request_bytes: int,
        delivery_timeout_ms: int,
    ) -> None:
        """Connect, fence the last producer of the id, and abort what it left open.

        Raises:
            ConfigError: the broker has no transactions.
            TransportError: it does not answer.
        """
        self._broker = broker
        self._id = transactional_id
        self._delivery_s = delivery_timeout_ms / 1_000
        self._sender = _Sender(
            broker, max_request_bytes=max_request_bytes, delivery_timeout_ms=delivery_timeout_ms
        )
        with broker.changed:
            broker.wait_until_back("begin transactions", timeout_s=timeout_s)
            if broker.coordinator is None:
                raise no_transactions("it has no InitProducerId")
            self._coordinator = broker.coordinator
            self._epoch = self._coordinator.init(transactional_id)
            broker.changed.notify_all()

    def begin(self) -> None:
        """See `TransactionalClient.begin`."""

    def send(self, records: Iterable[OutputRecord]) -> None:
        """See `TransactionalClient.send`."""
        with self._broker.changed:
            self._coordinator.check(self._id, self._epoch)
            self._sender.send(records, transaction=self._id)
            self._coordinator.check(self._id, self._epoch)

    def send_offsets(self, offsets: Offsets, *, metadata: str, group_metadata: Membership) -> None:
        """See `TransactionalClient.send_offsets`."""
        name, generation, member = group_metadata
        check_member(member, generation)
        broker = self._broker
        with broker.changed:
            broker.wait_until_back("commit", timeout_s=self._delivery_s)
            self._coordinator.check(self._id, self._epoch)
            group = broker.groups[name]
            # As a real broker: who names no member is not looked at, see `check_member`.
            if member or generation >= 0:
                group.check_commit(member, generation)
            group.pending[self._id] = (dict(offsets), metadata)

    def commit(self, *, timeout_s: float) -> None:
        """See `TransactionalClient.commit`."""
        broker = self._broker
        with broker.changed:
            broker.wait_until_back("commit", timeout_s=timeout_s)
            self._coordinator.check(self._id, self._epoch)
            broker.commit_transaction(self._id, timeout_s=timeout_s)

    def abort(self, *, timeout_s: float) -> None:
        """See `TransactionalClient.abort`."""
        broker = self._broker
        with broker.changed:
            broker.wait_until_back("abort", timeout_s=timeout_s)
            self._coordinator.check(self._id, self._epoch)
            self._coordinator.end(self._id, is_commit=False)
            broker.changed.notify_all()

    def discard(self) -> None:
        """See `TransactionalClient.discard`."""


def memory_transactional_producer(
    broker: MemoryBroker,
    *,
    transactional_id: str,
    max_request_bytes: int = 1_048_576,
    delivery_timeout_ms: int = 10_000,
) -> TransactionalProducer:
    """Make a `profiler.kafka.protocol.TransactionalProducer`; its `init` connects."""
    return RenewedProducer(
        lambda timeout_s: MemoryTransactions(
            broker,
            transactional_id=transactional_id,
            timeout_s=timeout_s,
            max_request_bytes=max_request_bytes,
            delivery_timeout_ms=delivery_timeout_ms,
        )
    )
