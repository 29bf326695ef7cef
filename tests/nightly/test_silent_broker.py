"""A broker that is silent for a minute, and one that is away: what waiting for it costs.

Takes more than a minute, so it is part of the nightly run.
"""

import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from profiler.errors import TransportError
from profiler.kafka.protocol import Consumer
from profiler.records.types import Record
from servers.kafka import Kafka, RestartedKafka, admin_client
from tests.conftest import make_topics
from tests.kafka.clients import ADAPTERS, PATIENCE_S, RealClient, join, numbers, output, read

SILENCE_S = 60
WARM_UP_S = 10
#: Of the resident memory; what a library keeps per look must not add up.
MOST_GROWTH = 1.2
#: Of all kinds together, before our own log holds each kind to one line a second.
MOST_LINES_A_SECOND = 40


@pytest.fixture
def broker() -> Iterator[RestartedKafka]:
    with RestartedKafka() as server:
        yield server


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def read_as_a_worker(consumer: Consumer, count: int) -> list[Record]:
    """Rewind and read so many records; after any error, do so again."""
    deadline = time.monotonic() + PATIENCE_S
    records: list[Record] = []
    is_void = True
    while len(records) < count:
        assert time.monotonic() < deadline, f"{len(records)} of {count} records came"
        try:
            if is_void:
                consumer.rewind()
                records, is_void = [], False
            records += consumer.poll(timeout_ms=200, max_records=500).records
        except TransportError:
            is_void = True
    return records


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_memory_is_flat_while_the_broker_is_silent(adapter: str, broker: RestartedKafka) -> None:
    """It is flat while a stuck batch is kept alive, as while the worker polls."""
    with admin_client(broker.bootstrap_servers) as admin, ExitStack() as stack:
        client = RealClient(adapter, Kafka(broker.bootstrap_servers), admin, stack)
        topic = client.topic("silent", partitions=3)
        client.producer().send(output(topic, number) for number in range(100))
        consumer = client.consumer(topic, session_timeout_ms=45_000, heartbeat_interval_ms=3_000)
        read(consumer, 100)
        sizes = []
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            while (elapsed := time.monotonic() - began) < SILENCE_S:
                if elapsed < SILENCE_S / 2:
                    consumer.keep_alive(timeout_ms=100)
                else:
                    consumer.resume()
                    assert not consumer.poll(timeout_ms=100, max_records=500).records
                if elapsed > WARM_UP_S:
                    sizes.append(resident_bytes())
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        assert max(sizes) < MOST_GROWTH * sizes[0], [
            size >> 20 for size in sizes[:: len(sizes) // 9]
        ]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_broker_that_refuses_connections_fills_no_log(
    adapter: str, broker: RestartedKafka, caplog: pytest.LogCaptureFixture
) -> None:
    with admin_client(broker.bootstrap_servers) as admin, ExitStack() as stack:
        client = RealClient(adapter, Kafka(broker.bootstrap_servers), admin, stack)
        [topic] = make_topics(admin, "away", partitions=3)
        producer, consumer = client.producer(), client.consumer(topic)
        join(consumer, 3)
        broker.kill()
        caplog.clear()
        try:
            with caplog.at_level(logging.INFO):
                until = time.monotonic() + 10
                while time.monotonic() < until:
                    with suppress(TransportError):  # a worker goes on, too
                        consumer.poll(timeout_ms=100, max_records=500)
        finally:
            broker.start()
        lines = Counter(record.msg for record in caplog.records)
        assert sum(lines.values()) < 10 * MOST_LINES_A_SECOND, lines.most_common(5)
        producer.send(output(topic, number) for number in range(20))
        assert numbers(read_as_a_worker(consumer, 20)) == list(range(20))
