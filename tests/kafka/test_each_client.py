"""What the settings choose of a client: its library, assignor, static membership, compression."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaAdminClient
from kafka.structs import MemberState

from profiler.config.settings import KafkaSettings
from profiler.errors import ConfigError, TransportError
from profiler.kafka import client_of
from profiler.kafka.admin.topics import create_topics, missing_topics
from profiler.servers.processes import wait_until
from servers.kafka import Kafka
from tests.kafka.clients import (
    ADAPTERS,
    PATIENCE_S,
    RealClient,
    join,
    numbers,
    output,
    polled_elsewhere,
    read,
)

if TYPE_CHECKING:
    from profiler.records.types import Record

CODECS = {"librdkafka": ("gzip", "lz4", "snappy", "zstd"), "kafka-python": ("gzip",)}


@pytest.fixture
def clients(kafka: Kafka, kafka_admin: KafkaAdminClient) -> Iterator[dict[str, RealClient]]:
    """Every client library, on the shared broker."""
    with ExitStack() as stack:
        yield {name: RealClient(name, kafka, kafka_admin, stack) for name in ADAPTERS}


def test_the_fast_client_is_preferred_where_it_is_installed() -> None:
    assert client_of(KafkaSettings()) == "librdkafka"
    assert client_of(KafkaSettings(client="kafka-python")) == "kafka-python"


def test_a_cooperative_assignor_needs_librdkafka() -> None:
    settings = KafkaSettings(client="kafka-python", assignor="cooperative-sticky")
    with pytest.raises(ConfigError, match="needs librdkafka"):
        client_of(settings)


@pytest.mark.parametrize("assignor", ["range", "cooperative-sticky"])
def test_librdkafka_goes_on_behind_gaps_whatever_its_assignor(
    clients: dict[str, RealClient], assignor: str
) -> None:
    """It gives up a partition without a usable offset, and the adapter assigns it once more."""
    client = clients["librdkafka"]
    topic = client.topic("gaps", partitions=3)
    client.produce_to(topic, {0: 30, 1: 20, 2: 10})
    client.alter_committed(topic, {0: 5, 1: 4})
    client.delete_records(topic, before=12)
    consumer = client.consumer(topic, assignor=assignor)
    places = [(record.partition, record.offset) for record in read(consumer, 44, at_once=9)]
    assert sorted(places) == [
        *((0, offset) for offset in range(12, 30)),
        *((1, offset) for offset in range(4, 20)),
        *((2, offset) for offset in range(10)),
    ]
    assert consumer.gaps == 1
    consumer.rewind()
    assert len(read(consumer, 44)) == 44
    assert consumer.lag() == 0


@pytest.mark.parametrize(
    ("adapter", "codec"), [(name, codec) for name, codecs in CODECS.items() for codec in codecs]
)
def test_a_compressed_batch_is_read_by_both_clients(
    clients: dict[str, RealClient], adapter: str, codec: str
) -> None:
    topic = clients[adapter].topic("codec", partitions=2)
    clients[adapter].producer(compression=codec).send(
        output(topic, n, value=b"%050d" % n) for n in range(99)
    )
    for name in ADAPTERS if codec == "gzip" else ("librdkafka",):
        with closing(clients[name].consumer(topic)) as consumer:
            assert numbers(read(consumer, 99)) == list(range(99))


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_member_with_a_name_comes_back_to_its_partitions_without_a_rebalance(
    clients: dict[str, RealClient], adapter: str
) -> None:
    client = clients[adapter]
    topic = client.topic("static", partitions=4)
    # The group waits for a member with a name as long as its session, also on a busy machine.
    long = dict.fromkeys(("session_timeout_ms", "max_poll_interval_ms"), 2000 * PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    first = client.consumer(topic, group_instance_id="first", **long)
    second = client.consumer(topic, group_instance_id="second", **long)
    while not len(first.assignment) == len(second.assignment) == 2:
        first.poll(timeout_ms=100, max_records=1)
        second.poll(timeout_ms=100, max_records=1)
        assert time.monotonic() < deadline
    mine, generation = first.assignment, first.generation
    theirs = second.assignment
    second.close()
    again = client.consumer(topic, group_instance_id="second", **long)
    while again.assignment != theirs:
        again.poll(timeout_ms=100, max_records=1)
        first.poll(timeout_ms=100, max_records=1)
        assert time.monotonic() < deadline
    assert (first.assignment, first.generation) == (mine, generation)


def test_a_cooperative_rebalance_reads_what_is_not_committed_again(
    clients: dict[str, RealClient],
) -> None:
    client = clients["librdkafka"]
    topic = client.topic("cooperative", partitions=4)
    client.producer().send(output(topic, number) for number in range(80))
    first = client.consumer(topic, assignor="cooperative-sticky")
    read(first, 80)
    before, generation = first.assignment, first.generation
    second = client.consumer(topic, assignor="cooperative-sticky")
    deadline = time.monotonic() + PATIENCE_S
    found: list[Record] = []
    # A member that rewinds waits for the broker, and the broker for the other member's poll.
    with polled_elsewhere(second) as others:
        while len(set(numbers(found + others))) < 80:
            found += first.poll(timeout_ms=100, max_records=500).records
            assert time.monotonic() < deadline
            # At no time does it own nothing, as it would with an eager assignor.
            assert first.assignment & before
    assert len(first.assignment) == len(second.assignment) == 2
    assert first.assignment < before
    assert first.generation > generation


def test_workers_on_both_clients_share_a_group(clients: dict[str, RealClient]) -> None:
    topic = clients["librdkafka"].topic("mixed", partitions=4)
    clients["librdkafka"].producer().send(output(topic, number) for number in range(80))
    one, other = (client.consumer(topic) for client in clients.values())
    deadline = time.monotonic() + PATIENCE_S
    found: list[Record] = []
    with polled_elsewhere(other) as others:
        while (
            not len(one.assignment) == len(other.assignment) == 2
            or len(set(numbers(found + others))) < 80
        ):
            found += one.poll(timeout_ms=100, max_records=500).records
            assert time.monotonic() < deadline


def test_kafka_python_tells_who_the_member_is(clients: dict[str, RealClient]) -> None:
    """A transaction is committed with this; without a member id no broker would check it."""
    client = clients["kafka-python"]
    topic = client.topic("who")
    consumer = client.consumer(topic)
    join(consumer, 1)
    metadata = consumer.poll(timeout_ms=0, max_records=1).group_metadata
    assert metadata.generation_id >= 0
    assert metadata.member_id
    assert metadata.state == MemberState.STABLE


def threads_of(client_id: str) -> list[str]:
    """The threads of one client that run now: kafka-python names each after its client."""
    return [thread.name for thread in threading.enumerate() if client_id in thread.name]


def test_a_failed_send_of_kafka_python_leaves_no_thread_behind(
    clients: dict[str, RealClient],
) -> None:
    client = clients["kafka-python"]
    topic = client.topic("threads")
    # Threads of other clients in this process end when they like, so they are not counted.
    producer = client.producer(delivery_timeout_ms=1_000, client_id=topic)
    one = sorted(threads_of(topic))
    assert one
    for number in range(3):
        with pytest.raises(TransportError):
            producer.send([output(topic, number), output("no-such-topic", number)])
    producer.send([output(topic, 3)])
    # A producer that was given up may use its time to close, and a busy machine adds some.
    assert wait_until(lambda: sorted(threads_of(topic)) == one, timeout=PATIENCE_S), threads_of(
        topic
    )


def test_topics_are_created_once(clients: dict[str, RealClient]) -> None:
    client = clients["kafka-python"]
    there = client.topic("there", partitions=2)
    absent = f"absent-{time.time_ns()}"
    settings = client.settings()
    assert missing_topics(settings, [absent, there]) == [absent]
    created = create_topics(settings, [there, absent], partitions=2, replication=1)
    assert created == {there: "exists", absent: "created"}
    assert missing_topics(settings, [absent, there]) == []
    with pytest.raises(TransportError, match="not a name"):
        create_topics(settings, ["not a name"], partitions=1)
