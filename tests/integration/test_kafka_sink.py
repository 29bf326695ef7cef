"""The contract of `profiler.kafka.transport.Sink`, kept by every adapter on a real broker."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from profiler.errors import TransportError
from profiler.kafka.topics import create_topics, missing_topics
from profiler.records import Headers, OutputRecord, Record
from tests.integration.transport_client import (
    ADAPTERS,
    YESTERDAY,
    TopicFactory,
    TransportClient,
    output,
    read,
)
from tests.servers.kafka import Kafka


@pytest.fixture(params=ADAPTERS)
def client(request: pytest.FixtureRequest, kafka: Kafka) -> Iterator[TransportClient]:
    with ExitStack() as stack:
        yield TransportClient(request.param, kafka, stack)


@pytest.mark.parametrize(
    ("key", "value"),
    [(b"k", b"v"), (b"k", None), (None, b"v"), (None, None), (b"", b"")],
    ids=["both", "tombstone", "null-key", "null-both", "empty-both"],
)
@pytest.mark.parametrize(
    "headers",
    [(), (("a", b"1"), ("a", b""), ("b", None), ("ü", b"\xff"), ("a", b"2"))],
    ids=["no-headers", "headers"],
)
def test_every_part_of_a_record_passes_unchanged(
    client: TransportClient,
    topics: TopicFactory,
    key: bytes | None,
    value: bytes | None,
    headers: Headers,
) -> None:
    [topic] = topics("parts", partitions=1)
    client.sink().send([OutputRecord(topic, key, value, headers, YESTERDAY)])
    assert read(client.source(topic), 1) == [Record(topic, 0, 0, YESTERDAY, key, value, headers)]


def test_a_record_without_a_timestamp_gets_the_time_of_sending(
    client: TransportClient, topics: TopicFactory
) -> None:
    [topic] = topics("no-timestamp", partitions=1)
    before = int(time.time() * 1_000)
    client.sink().send([output(topic, 1, timestamp=-1)])
    assert before <= read(client.source(topic), 1)[0].timestamp <= int(time.time() * 1_000)


# The values of Java's UtilsTest.testMurmur2.
@pytest.mark.parametrize(
    ("key", "murmur2"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_partition_of_a_key_is_that_of_the_java_client(
    client: TransportClient, topics: TopicFactory, key: bytes, murmur2: int
) -> None:
    [topic] = topics("murmur2", partitions=7)
    client.sink().send([output(topic, 1, key=key)])
    assert read(client.source(topic), 1)[0].partition == (murmur2 & 0x7FFFFFFF) % 7


def test_a_record_beyond_the_brokers_limit_fails_the_send(
    client: TransportClient, topics: TopicFactory
) -> None:
    [topic] = topics("too-large", partitions=1)
    sink = client.sink(max_request_bytes=8_000_000)
    big = output(topic, 1, value=b"x" * 4_000_000)
    with pytest.raises(TransportError, match=rf"{topic}.*(?i:large)"):
        sink.send([output(topic, 0), big, output(topic, 2)])
    sink.send([output(topic, 3)])
    *others, last = read(client.source(topic), 1)
    assert others or last.value in {b"0", b"2", b"3"}


def test_a_record_beyond_the_clients_limit_fails_the_send(
    client: TransportClient, topics: TopicFactory
) -> None:
    [topic] = topics("too-large-here", partitions=1)
    sink = client.sink(max_request_bytes=10_000)
    with pytest.raises(TransportError, match=topic):
        sink.send([output(topic, 0), output(topic, 1, value=b"x" * 20_000)])
    sink.send([output(topic, 2)])
    assert read(client.source(topic), 1)


def test_an_unknown_topic_fails_the_send_in_time(
    client: TransportClient, topics: TopicFactory
) -> None:
    sink = client.sink(delivery_timeout_ms=2_000)
    started = time.monotonic()
    with pytest.raises(TransportError, match="no-such-topic"):
        sink.send([output("no-such-topic", 1)])
    assert time.monotonic() - started < 15
    [topic] = topics("known", partitions=1)
    sink.send([output(topic, 1)])
    assert len(read(client.source(topic), 1)) == 1


def test_topics_are_created_once(client: TransportClient, topics: TopicFactory) -> None:
    [there] = topics("there", partitions=2)
    absent = f"absent-{time.time_ns()}"
    settings = client.settings()
    assert missing_topics(settings, [absent, there]) == [absent]
    created = create_topics(settings, [there, absent], partitions=2, replication=1)
    assert created == {there: "exists", absent: "created"}
    assert missing_topics(settings, [absent, there]) == []
    with pytest.raises(TransportError, match="not a name"):
        create_topics(settings, ["not a name"], partitions=1)
