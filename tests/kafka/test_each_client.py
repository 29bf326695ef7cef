"""What the settings choose of a client: its library, assignor, static membership, compression."""

import time
from contextlib import ExitStack, closing

import pytest

from profiler.config.settings import KafkaSettings
from profiler.errors import ConfigError
from profiler.kafka import client_of
from servers.kafka import Kafka
from tests.integration.transport_client import (
    ADAPTERS,
    PATIENCE_S,
    TopicFactory,
    TransportClient,
    numbers,
    output,
    read,
)

CODECS = {"librdkafka": ("gzip", "lz4", "snappy", "zstd"), "kafka-python": ("gzip",)}


def test_the_fast_client_is_preferred_where_it_is_installed() -> None:
    assert client_of(KafkaSettings()) == "librdkafka"
    assert client_of(KafkaSettings(client="kafka-python")) == "kafka-python"


def test_a_cooperative_assignor_needs_librdkafka() -> None:
    settings = KafkaSettings(client="kafka-python", assignor="cooperative-sticky")
    with pytest.raises(ConfigError, match="needs librdkafka"):
        client_of(settings)


@pytest.mark.parametrize(
    ("adapter", "codec"), [(name, codec) for name, codecs in CODECS.items() for codec in codecs]
)
def test_a_compressed_batch_is_read_by_both_clients(
    kafka: Kafka, topics: TopicFactory, adapter: str, codec: str
) -> None:
    [topic] = topics("codec", partitions=2)
    with ExitStack() as stack:
        sent_by = TransportClient(adapter, kafka, stack)
        sent_by.sink(compression=codec).send(
            output(topic, n, value=b"%050d" % n) for n in range(99)
        )
        for name in ADAPTERS if codec == "gzip" else ("librdkafka",):
            reader = TransportClient(name, kafka, stack)
            with closing(reader.source(topic)) as source:
                assert numbers(read(source, 99)) == list(range(99))


def test_a_member_with_a_name_comes_back_to_its_partitions_without_a_rebalance(
    client: TransportClient, topics: TopicFactory
) -> None:
    [topic] = topics("static", partitions=4)
    deadline = time.monotonic() + PATIENCE_S
    first = client.source(topic, group_instance_id="first")
    second = client.source(topic, group_instance_id="second")
    while not len(first.assignment) == len(second.assignment) == 2:
        first.poll(timeout_ms=100, max_records=1)
        second.poll(timeout_ms=100, max_records=1)
        assert time.monotonic() < deadline
    mine, epoch = first.assignment, first.assignment_epoch
    theirs = second.assignment
    second.close()
    again = client.source(topic, group_instance_id="second")
    while again.assignment != theirs:
        again.poll(timeout_ms=100, max_records=1)
        first.poll(timeout_ms=100, max_records=1)
        assert time.monotonic() < deadline
    assert (first.assignment, first.assignment_epoch) == (mine, epoch)


def test_a_cooperative_rebalance_reads_what_is_not_committed_again(
    kafka: Kafka, topics: TopicFactory
) -> None:
    [topic] = topics("cooperative", partitions=4)
    with ExitStack() as stack:
        client = TransportClient("librdkafka", kafka, stack)
        client.sink().send(output(topic, number) for number in range(80))
        first = client.source(topic, assignor="cooperative-sticky")
        read(first, 80)
        before, epoch = first.assignment, first.assignment_epoch
        second = client.source(topic, assignor="cooperative-sticky")
        deadline = time.monotonic() + PATIENCE_S
        found = read(first, 0)
        while len(set(numbers(found))) < 80:
            found += first.poll(timeout_ms=100, max_records=500)
            found += second.poll(timeout_ms=100, max_records=500)
            assert time.monotonic() < deadline
            # At no time does it own nothing, as it would with an eager assignor.
            assert first.assignment & before
        assert len(first.assignment) == len(second.assignment) == 2
        assert first.assignment < before
        assert first.assignment_epoch > epoch
