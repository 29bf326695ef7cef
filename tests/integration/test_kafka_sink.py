"""The contract of `profiler.kafka.protocol.Sink`, kept by every adapter on a real broker."""

import time

import pytest

from profiler.errors import RecordTooLargeError, TransportError
from profiler.kafka.admin.topics import create_topics, missing_topics
from profiler.kafka.librdkafka.messages import UNREADABLE
from profiler.records.types import Headers, OutputRecord, Record
from servers.kafka import Kafka
from tests.integration.transport_client import (
    YESTERDAY,
    TopicFactory,
    TransportClient,
    output,
    produce_with_header_names,
    read,
)


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


@pytest.mark.parametrize(
    ("client_bytes", "record_bytes"),
    [(8_000_000, 4_000_000), (10_000, 20_000)],
    ids=["brokers-limit", "clients-limit"],
)
def test_a_record_beyond_a_limit_fails_the_send(
    client: TransportClient, topics: TopicFactory, client_bytes: int, record_bytes: int
) -> None:
    [topic] = topics("too-large", partitions=1)
    sink = client.sink(max_request_bytes=client_bytes)
    large = output(topic, 1, value=b"x" * record_bytes)
    with pytest.raises(RecordTooLargeError, match=f"{topic}.*too large"):
        sink.send([output(topic, 0), large, output(topic, 2)])
    sink.send([output(topic, 3)])
    *others, last = read(client.source(topic), 1)
    assert others or last.value in {b"0", b"2", b"3"}


@pytest.mark.parametrize("null", [(), (("null", None),)], ids=["no-null", "null"])
def test_header_names_that_are_not_utf8_come_and_go_as_the_bytes_they_are(
    client: TransportClient, topics: TopicFactory, kafka: Kafka, null: Headers
) -> None:
    [raw, copy] = topics("raw-names", "copied-names", partitions=1)
    names = [b"plain", b"\xff\xfe", "ü".encode(), b"", b"cut \xc3", b"\xed\xa0\x80"]
    produce_with_header_names(kafka.bootstrap_servers, raw, names)
    found = read(client.source(raw), 3)
    assert [record.value for record in found] == [b"before", b"with names", b"after"]
    if client.adapter == "librdkafka":
        # Its binding cannot tell such names: one of their kind stands for all headers.
        assert [record.headers for record in found] == [(), UNREADABLE, ()]
        client.sink().send([OutputRecord(copy, b"k", b"v", UNREADABLE + null, YESTERDAY)])
        [copied] = read(client.source(copy), 1)
        assert copied.headers == (("?", None), *null)
        return
    decoded = tuple((name.decode(errors="surrogateescape"), b"value") for name in names)
    assert [record.headers for record in found] == [(), decoded, ()]

    with_names = decoded + null
    client.sink().send([OutputRecord(copy, b"k", b"v", with_names, YESTERDAY)])
    [copied] = read(client.source(copy), 1)
    assert copied.headers == with_names


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
