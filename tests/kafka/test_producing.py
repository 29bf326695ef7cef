"""The contract of `profiler.kafka.protocol.Producer`, kept by every adapter."""

import time
from collections.abc import Iterator

import pytest

from profiler.errors import RecordTooLargeError, TimestampRefusedError, TransportError
from profiler.kafka.librdkafka.messages import UNREADABLE
from profiler.records.types import Headers, OutputRecord, Record
from tests.kafka.clients import YESTERDAY, Client, numbers, output, read


@pytest.fixture
def client(writer: Client) -> Client:
    """One sink after the other."""
    return writer


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
    client: Client, key: bytes | None, value: bytes | None, headers: Headers
) -> None:
    topic = client.topic("parts")
    client.producer().send([OutputRecord(topic, key, value, headers, YESTERDAY)])
    if client.adapter == "kafka-python":  # docs/adr/0022: it sends no null header
        headers = tuple((name, content or b"") for name, content in headers)
    [found] = read(client.consumer(topic), 1)
    assert found == Record(topic, 0, 0, YESTERDAY, key, value, headers)


def test_a_timestamp_that_the_topic_refuses_is_told_apart(client: Client) -> None:
    topic = client.topic("future")
    producer = client.producer()
    in_two_hours = int(time.time() * 1_000) + 7_200_000
    with pytest.raises(TimestampRefusedError, match=topic):
        producer.send([output(topic, 1), output(topic, 2, timestamp=in_two_hours)])
    producer.send([output(topic, 3), output(topic, 2, timestamp=-1)])


def test_a_record_without_a_timestamp_gets_the_time_of_sending(client: Client) -> None:
    topic = client.topic("no-timestamp")
    before = int(time.time() * 1_000)
    client.producer().send([output(topic, 1, timestamp=-1)])
    assert before <= read(client.consumer(topic), 1)[0].timestamp <= int(time.time() * 1_000)


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
    client: Client, key: bytes, murmur2: int
) -> None:
    topic = client.topic("murmur2", partitions=7)
    client.producer().send([output(topic, 1, key=key)])
    assert read(client.consumer(topic), 1)[0].partition == (murmur2 & 0x7FFFFFFF) % 7


@pytest.mark.parametrize(
    ("client_bytes", "record_bytes"),
    [(8_000_000, 4_000_000), (10_000, 20_000)],
    ids=["brokers-limit", "clients-limit"],
)
def test_a_record_beyond_a_limit_fails_the_send(
    client: Client, client_bytes: int, record_bytes: int
) -> None:
    topic = client.topic("too-large")
    producer = client.producer(max_request_bytes=client_bytes)
    large = output(topic, 1, value=b"x" * record_bytes)
    with pytest.raises(RecordTooLargeError, match=f"{topic}.*too large"):
        producer.send([output(topic, 0), large, output(topic, 2)])
    producer.send([output(topic, 3)])
    consumer = client.consumer(topic)
    found = read(consumer, 1)
    while found[-1].value != b"3":
        found += read(consumer, 1)
    assert {record.value for record in found} <= {b"0", b"2", b"3"}
    assert len(found) == len(set(found))


def test_more_than_a_request_takes_is_sent_whole_and_in_order(client: Client) -> None:
    """Two topics in turn, of 3 MB each: a client may send them in several parts."""
    first, second = client.topic("whole-a", partitions=2), client.topic("whole-b")
    client.producer().send(
        output(topic, number, value=b"%d" % number + b" " * 3_000)
        for number in range(1_000)
        for topic in (first, second)
    )
    for topic in (first, second):
        found = read(client.consumer(topic), 1_000)
        assert numbers(found) == list(range(1_000))
        by_key: dict[bytes | None, list[int]] = {}
        for record in found:
            by_key.setdefault(record.key, []).append(int(record.value or b""))
        assert all(values == sorted(values) for values in by_key.values())


@pytest.mark.parametrize("null", [(), (("null", None),)], ids=["no-null", "null"])
def test_header_names_that_are_not_utf8_go_out_as_the_bytes_they_were(
    client: Client, null: Headers
) -> None:
    topic, copy = client.topic("raw-names"), client.topic("copied-names")
    names = [b"plain", b"\xff\xfe", "ü".encode(), b"", b"cut \xc3", b"\xed\xa0\x80"]
    client.produce_with_header_names(topic, names)
    headers = read(client.consumer(topic), 3)[1].headers + null
    client.producer().send([OutputRecord(copy, b"k", b"v", headers, YESTERDAY)])
    [copied] = read(client.consumer(copy), 1)
    if client.adapter == "librdkafka":  # its binding writes UTF-8 alone
        assert headers == UNREADABLE + null
        headers = (("?", None), *null)
    if client.adapter == "kafka-python":
        headers = tuple((name, content or b"") for name, content in headers)
    assert copied.headers == headers


def test_an_unknown_topic_fails_the_send_in_time(client: Client) -> None:
    producer = client.producer(delivery_timeout_ms=2_000)
    started = time.monotonic()
    with pytest.raises(TransportError, match="no-such-topic"):
        producer.send([output("no-such-topic", 1)])
    assert time.monotonic() - started < 15
    topic = client.topic("known")
    producer.send([output(topic, 1)])
    assert len(read(client.consumer(topic), 1)) == 1


def test_an_error_of_the_records_themselves_leaves_a_producer_that_works(client: Client) -> None:
    """The records may come from a generator that fails."""
    topic = client.topic("fails")
    producer = client.producer()

    def broken() -> Iterator[OutputRecord]:
        yield output(topic, 1)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        producer.send(broken())
    producer.send([output(topic, 2)])
    consumer = client.consumer(topic)
    found = read(consumer, 1)
    while numbers(found)[-1] != 2:
        found += read(consumer, 1)
    assert numbers(found) in ([2], [1, 2])


def test_nothing_to_send_is_no_error(client: Client) -> None:
    topic = client.topic("nothing")
    producer = client.producer()
    producer.send([])
    producer.send([output(topic, 1)])
    assert numbers(read(client.consumer(topic), 1)) == [1]


def test_a_closed_producer_has_sent_all(client: Client) -> None:
    topic = client.topic("closed")
    producer = client.producer()
    producer.send(output(topic, number) for number in range(10))
    started = time.monotonic()
    producer.close()
    assert time.monotonic() - started < 9  # it may take ten seconds where something is left
    assert numbers(read(client.consumer(topic), 10)) == list(range(10))
