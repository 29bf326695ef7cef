"""What the contract tests of source and sink share.

A further client library is one more entry in `ADAPTERS`.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing

from kafka import KafkaProducer

from profiler.config import KafkaSettings
from profiler.kafka.kafka_python import KafkaPythonSink, KafkaPythonSource
from profiler.kafka.librdkafka import LibrdkafkaSink, LibrdkafkaSource
from profiler.kafka.protocol import Sink, Source
from profiler.records.types import OutputRecord, Record
from servers.kafka import Kafka

ADAPTERS: dict[str, tuple[Callable[..., Source], Callable[..., Sink]]] = {
    "kafka-python": (KafkaPythonSource, KafkaPythonSink),
    "librdkafka": (LibrdkafkaSource, LibrdkafkaSink),
}
PATIENCE_S = 30
#: Not older, because a broker deletes what its timestamp makes older than the retention.
YESTERDAY = int(time.time() * 1_000) - 86_400_000

TopicFactory = Callable[..., list[str]]


class TransportClient:
    """Opens sources and sinks of one adapter, and closes what a test left open."""

    def __init__(self, adapter: str, broker: Kafka, stack: ExitStack) -> None:
        self.adapter = adapter
        self._source, self._sink = ADAPTERS[adapter]
        self._broker = broker
        self._stack = stack

    def settings(self, **changes: object) -> KafkaSettings:
        """Quick ones, so that a test need not wait long for the group."""
        quick = {"session_timeout_ms": 6_000, "heartbeat_interval_ms": 500}
        where = {"bootstrap_servers": self._broker.bootstrap_servers}
        return KafkaSettings.model_validate({**where, **quick, **changes})

    def source(self, topic: str, **changes: object) -> Source:
        """Open one more member of the topic's group."""
        source = self._source(self.settings(**changes), topics=[topic], group=f"group-{topic}")
        return self._stack.enter_context(closing(source))

    def sink(self, **changes: object) -> Sink:
        """Open a sink."""
        return self._stack.enter_context(closing(self._sink(self.settings(**changes))))


def output(
    topic: str, number: int, *, key: bytes = b"", value: bytes = b"", timestamp: int = YESTERDAY
) -> OutputRecord:
    """Build a record that carries its number, with one of ten keys."""
    key = key or b"key-%d" % (number % 10)
    return OutputRecord(topic, key, value or b"%d" % number, (), timestamp)


def read(source: Source, count: int, *, at_once: int = 500) -> list[Record]:
    """Poll until `count` records came."""
    records: list[Record] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(records) < count:
        assert time.monotonic() < deadline, f"{len(records)} of {count} records came"
        wanted = min(at_once, count - len(records))
        records += source.poll(timeout_ms=200, max_records=wanted)
    return records


def next_offsets(records: list[Record]) -> dict[tuple[str, int], int]:
    """What to commit once all of these are done."""
    return {(record.topic, record.partition): record.offset + 1 for record in records}


def assert_at_end(source: Source) -> None:
    """Nothing more comes for a second."""
    assert source.poll(timeout_ms=1_000, max_records=10) == []


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
    bootstrap_servers: str, topic: str, names: Sequence[bytes], value: bytes = b"with names"
) -> None:
    """Write one record with these header names, and one without headers on either side of it."""
    headers = []
    for raw in names:
        name = _RawName()
        name.raw = raw
        headers.append((name, b"value"))
    producer = KafkaProducer(bootstrap_servers=bootstrap_servers, linger_ms=50)
    try:
        # Within the linger time, so that all of them are in one batch.
        sent = [
            producer.send(topic, text, key=b"k", headers=some, timestamp_ms=YESTERDAY)
            for text, some in ((b"before", []), (value, headers), (b"after", []))
        ]
        for future in sent:
            future.get(timeout=PATIENCE_S)
    finally:
        producer.close()
