"""What the contract tests of consumer and producer share: one client library after the other.

A further library is one more entry in `ADAPTERS`. Over 250 lines: one protocol and its two
implementations, read side by side.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from threading import Event, Thread
from typing import Any, Literal, Protocol

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from profiler.config import KafkaSettings
from profiler.kafka import Sink, open_producer, open_transactional_producer
from profiler.kafka.admin.client import patiently
from profiler.kafka.kafka_python.consumer import KafkaPythonConsumer
from profiler.kafka.kafka_python.producer import KafkaPythonProducer
from profiler.kafka.librdkafka import LibrdkafkaConsumer, LibrdkafkaProducer
from profiler.kafka.memory import (
    MemoryBroker,
    MemoryConsumer,
    MemoryProducer,
    memory_transactional_producer,
)
from profiler.kafka.protocol import Consumer, Producer, TransactionalProducer
from profiler.records.types import OutputRecord, Record
from profiler.servers.processes import wait_until
from servers.kafka import Kafka
from tests.conftest import make_topics
from tests.missing import needed_native

#: How a transaction ends.
End = Literal["abort", "commit"]

#: Those that need a server.
ADAPTERS: dict[str, tuple[Callable[..., Consumer], Callable[..., Producer]]] = {
    "kafka-python": (KafkaPythonConsumer, KafkaPythonProducer),
    "librdkafka": (LibrdkafkaConsumer, LibrdkafkaProducer),
}
#: What may write; reading is the client library's.
SINKS: tuple[Sink, ...] = ("kafka-python", "librdkafka", "native")
PATIENCE_S = 60
#: Not older, because a broker deletes what its timestamp makes older than the retention.
YESTERDAY = int(time.time() * 1_000) - 86_400_000

#: Short, so that a test need not wait long for the group. librdkafka wants the poll interval to
#: be no shorter than the session.
SESSION_MS = 3_000
_QUICK = {"session_timeout_ms": SESSION_MS, "heartbeat_interval_ms": 300}


class Client(Protocol):
    """A client library and a cluster that it talks to; opens things, and closes them."""

    adapter: str

    def topic(self, name: str, *, partitions: int = 1) -> str:
        """Create a topic with a unique name that begins with `name`."""
        ...

    def consumer(self, topic: str, **changes: Any) -> Consumer:  # noqa: ANN401 - settings
        """Open one more member of the topic's group; `changes` are settings of Kafka."""
        ...

    def producer(self, **changes: Any) -> Producer:  # noqa: ANN401 - settings
        """Open a producer; `changes` are settings of Kafka."""
        ...

    def transactional_producer(self, name: str, **changes: Any) -> TransactionalProducer:  # noqa: ANN401
        """Make a transactional producer with this id, that is not initialised."""
        ...

    def committed(self, topic: str) -> dict[int, tuple[int, str]]:
        """Offset and metadata that the topic's group has committed, by partition."""
        ...

    def silent(self) -> AbstractContextManager[None]:
        """Meanwhile the broker answers nothing; where it is the test's own."""
        ...

    def add_partitions(self, topic: str, count: int) -> None:
        """Add partitions until there are `count`."""
        ...

    def delete_records(self, topic: str, *, before: int) -> None:
        """Delete the records of partition 0 before an offset, as retention does."""
        ...

    def alter_committed(self, topic: str, offsets: Mapping[int, int]) -> None:
        """Store offsets of the topic's group, which has no members, by partition."""
        ...

    def produce_to(self, topic: str, counts: Mapping[int, int]) -> None:
        """Write so many records to each of these partitions; waits for new partitions."""
        ...

    def produce_with_header_names(self, topic: str, names: Sequence[bytes]) -> None:
        """Write one record with these header names, and one without on either side of it."""
        ...


class RealClient:
    """A client library on a real broker.

    Attributes:
        adapter: the library, one of `ADAPTERS`.
        sink: what writes.
    """

    def __init__(
        self,
        sink: str,
        broker: Kafka,
        admin: KafkaAdminClient,
        stack: ExitStack,
        *,
        pid: int = 0,
    ) -> None:
        [self.sink] = [known for known in SINKS if known == sink]
        self.adapter = "librdkafka" if sink == "native" else sink
        if sink == "native":
            needed_native()
        self._consumer, _ = ADAPTERS[self.adapter]
        self._broker = broker
        self._admin = admin
        self._stack = stack
        self._pid = pid

    def settings(self, **changes: object) -> KafkaSettings:
        """Quick ones for this broker."""
        where = {"bootstrap_servers": self._broker.bootstrap_servers}
        return KafkaSettings.model_validate({**where, **_QUICK, **changes})

    def topic(self, name: str, *, partitions: int = 1) -> str:
        """See `Client.topic`."""
        [topic] = make_topics(self._admin, name, partitions=partitions)
        self._stack.callback(self._admin.delete_topics, [topic])
        return topic

    def consumer(self, topic: str, **changes: Any) -> Consumer:  # noqa: ANN401 - settings
        """See `Client.consumer`."""
        settings = self.settings(**changes)
        consumer = self._consumer(settings, topics=[topic], group=f"group-{topic}")
        return self._stack.enter_context(closing(consumer))

    def producer(self, **changes: Any) -> Producer:  # noqa: ANN401 - settings
        """See `Client.producer`."""
        settings = self.settings(client=self.adapter, **changes)
        return self._stack.enter_context(closing(open_producer(settings, sink=self.sink)))

    def transactional_producer(self, name: str, **changes: Any) -> TransactionalProducer:  # noqa: ANN401
        """See `Client.transactional_producer`."""
        settings = self.settings(client=self.adapter, **changes)
        producer = open_transactional_producer(settings, transactional_id=name, sink=self.sink)
        return self._stack.enter_context(closing(producer))

    def committed(self, topic: str) -> dict[int, tuple[int, str]]:
        """See `Client.committed`."""
        group = f"group-{topic}"
        found = self._admin.list_group_offsets({group: None})[group]
        return {
            # librdkafka's binding counts the NUL that ends it as a part of it.
            place.partition: (at.offset, at.metadata.removesuffix("\0"))
            for place, at in found.items()
        }

    @contextmanager
    def silent(self) -> Iterator[None]:
        """See `Client.silent`."""
        os.kill(self._pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._pid, signal.SIGCONT)

    def add_partitions(self, topic: str, count: int) -> None:
        """See `Client.add_partitions`."""
        self._admin.create_partitions({topic: count})

    def delete_records(self, topic: str, *, before: int) -> None:
        """See `Client.delete_records`."""
        self._admin.delete_records({TopicPartition(topic, 0): before})

    def alter_committed(self, topic: str, offsets: Mapping[int, int]) -> None:
        """See `Client.alter_committed`."""
        wanted = {
            TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1)
            for partition, offset in offsets.items()
        }
        # The first group ever has no coordinator yet.
        patiently(lambda: self._admin.alter_group_offsets(f"group-{topic}", wanted))

    def produce_to(self, topic: str, counts: Mapping[int, int]) -> None:
        """See `Client.produce_to`."""
        producer = KafkaProducer(bootstrap_servers=self._broker.bootstrap_servers)
        with closing(producer):
            assert wait_until(
                lambda: producer.partitions_for(topic) >= counts.keys(), timeout=PATIENCE_S
            )
            for partition, count in counts.items():
                for _ in range(count):
                    producer.send(topic, b"1", partition=partition, timestamp_ms=YESTERDAY)

    def produce_with_header_names(self, topic: str, names: Sequence[bytes]) -> None:
        """See `Client.produce_with_header_names`."""
        produce_with_header_names(self._broker.bootstrap_servers, topic, names)


class MemoryClient:
    """The broker in memory."""

    adapter = "memory"

    def __init__(self, stack: ExitStack) -> None:
        self.broker = MemoryBroker()
        self._stack = stack
        self._made = 0

    def topic(self, name: str, *, partitions: int = 1) -> str:
        """See `Client.topic`."""
        self._made += 1
        topic = f"{name}-{self._made}"
        self.broker.create_topic(topic, partitions=partitions)
        return topic

    def consumer(self, topic: str, **changes: Any) -> Consumer:  # noqa: ANN401 - settings
        """See `Client.consumer`."""
        consumer = MemoryConsumer(self.broker, topics=[topic], group=f"group-{topic}", **changes)
        return self._stack.enter_context(closing(consumer))

    def producer(self, **changes: Any) -> Producer:  # noqa: ANN401 - settings
        """See `Client.producer`."""
        return self._stack.enter_context(closing(MemoryProducer(self.broker, **changes)))

    def transactional_producer(self, name: str, **changes: Any) -> TransactionalProducer:  # noqa: ANN401
        """See `Client.transactional_producer`."""
        changes.pop("transaction_timeout_ms", None)  # see `MemoryBroker.time_out_transactions`
        producer = memory_transactional_producer(self.broker, transactional_id=name, **changes)
        return self._stack.enter_context(closing(producer))

    def committed(self, topic: str) -> dict[int, tuple[int, str]]:
        """See `Client.committed`."""
        group = f"group-{topic}"
        metadata = self.broker.committed_metadata(group)
        return {
            place[1]: (offset, metadata[place])
            for place, offset in self.broker.committed(group).items()
        }

    @contextmanager
    def silent(self) -> Iterator[None]:
        """See `Client.silent`."""
        self.broker.stop()
        try:
            yield
        finally:
            self.broker.start()

    def add_partitions(self, topic: str, count: int) -> None:
        """See `Client.add_partitions`."""
        self.broker.add_partitions(topic, count=count)

    def delete_records(self, topic: str, *, before: int) -> None:
        """See `Client.delete_records`."""
        self.broker.delete_records(topic, 0, before=before)

    def alter_committed(self, topic: str, offsets: Mapping[int, int]) -> None:
        """See `Client.alter_committed`."""
        places = {(topic, partition): offset for partition, offset in offsets.items()}
        self.broker.alter_committed(f"group-{topic}", places)

    def produce_to(self, topic: str, counts: Mapping[int, int]) -> None:
        """See `Client.produce_to`."""
        for partition, count in counts.items():
            for _ in range(count):
                record = OutputRecord(topic, None, b"1", (), YESTERDAY)
                self.broker.topics[topic].partitions[partition].append(record)

    def produce_with_header_names(self, topic: str, names: Sequence[bytes]) -> None:
        """See `Client.produce_with_header_names`."""
        headers = tuple((name.decode(errors="surrogateescape"), b"value") for name in names)
        MemoryProducer(self.broker).send(
            OutputRecord(topic, b"k", text, some, YESTERDAY)
            for text, some in ((b"before", ()), (b"with names", headers), (b"after", ()))
        )


def output(
    topic: str, number: int, *, key: bytes = b"", value: bytes = b"", timestamp: int = YESTERDAY
) -> OutputRecord:
    """Build a record that carries its number, with one of ten keys."""
    key = key or b"key-%d" % (number % 10)
    return OutputRecord(topic, key, value or b"%d" % number, (), timestamp)


def read(consumer: Consumer, count: int, *, at_once: int = 500) -> list[Record]:
    """Poll until `count` records came, and no more."""
    records: list[Record] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(records) < count:
        assert time.monotonic() < deadline, f"{len(records)} of {count} records came"
        wanted = min(at_once, count - len(records))
        records += consumer.poll(timeout_ms=200, max_records=wanted).records
    return records


def join(consumer: Consumer, partitions: int) -> None:
    """Poll until the consumer owns so many partitions; nothing may come of them yet."""
    deadline = time.monotonic() + PATIENCE_S
    while len(consumer.assignment) != partitions:
        assert not consumer.poll(timeout_ms=100, max_records=1).records
        assert time.monotonic() < deadline, f"it owns {consumer.assignment}"


@contextmanager
def polled_elsewhere(consumer: Consumer, *, pause_s: float = 0) -> Iterator[list[Record]]:
    """Poll in a thread, as another worker would: members wait for each other in a rebalance."""
    records: list[Record] = []
    ended = Event()

    def poll() -> None:
        while not ended.wait(pause_s):
            records.extend(consumer.poll(timeout_ms=200, max_records=500).records)

    thread = Thread(target=poll)
    thread.start()
    try:
        yield records
    finally:
        ended.set()
        thread.join()


def next_offsets(records: list[Record]) -> dict[tuple[str, int], int]:
    """What to commit once all of these are done."""
    return {(record.topic, record.partition): record.offset + 1 for record in records}


def assert_at_end(consumer: Consumer) -> None:
    """Nothing more comes for half a second."""
    assert consumer.poll(timeout_ms=500, max_records=10).records == []


def numbers(records: list[Record]) -> list[int]:
    """Return the sorted numbers of records made by `output`."""
    return sorted(int(record.value or b"-1") for record in records)


class _RawName(str):
    """A header name that the client encodes into bytes of our choice."""

    __slots__ = ("raw",)
    raw: bytes

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        del encoding, errors
        return self.raw


def produce_with_header_names(
    bootstrap_servers: str,
    topic: str,
    names: Sequence[bytes],
    value: bytes = b"with names",
    *,
    ends: End | None = None,
) -> None:
    """Write one record with these header names, and one without headers on either side of it.

    Args:
        bootstrap_servers: of the broker.
        topic: where to.
        names: as bytes, which may be anything.
        value: of the record with the names.
        ends: how the transaction ends that the records are in; None where they are in none.
    """
    headers = []
    for raw in names:
        name = _RawName()
        name.raw = raw
        headers.append((name, b"value"))
    producer = KafkaProducer(
        bootstrap_servers=bootstrap_servers,
        linger_ms=50,
        transactional_id=f"header-names-{topic}" if ends else None,
    )
    try:
        if ends:
            producer.init_transactions()
            producer.begin_transaction()
        # Within the linger time, so that all of them are in one batch.
        sent = [
            producer.send(topic, text, key=b"k", headers=some, timestamp_ms=YESTERDAY)
            for text, some in ((b"before", []), (value, headers), (b"after", []))
        ]
        for future in sent:
            future.get(timeout=PATIENCE_S)
        if ends == "abort":
            producer.abort_transaction()
        elif ends == "commit":
            producer.commit_transaction()
    finally:
        producer.close()
