"""A reader without a group, on a real Kafka."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Literal

import pytest
from kafka import KafkaAdminClient, KafkaProducer

from profiler.config.settings import KafkaSettings
from profiler.kafka import open_producer
from profiler.kafka.topic_reader import TopicReader
from profiler.records.types import OutputRecord, Record
from profiler.servers.processes import wait_until
from servers.kafka import Kafka
from tests.conftest import MakeTopics

Open = Callable[..., TopicReader]
PATIENCE_S = 60


@pytest.fixture
def settings(kafka: Kafka) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)


@pytest.fixture
def open_reader(settings: KafkaSettings) -> Iterator[Open]:
    with ExitStack() as stack:

        def make(*topics: str, begin: Literal["first", "end"] = "end") -> TopicReader:
            return stack.enter_context(closing(TopicReader(settings, topics, begin=begin)))

        yield make


def produce(settings: KafkaSettings, topic: str, *values: bytes) -> None:
    with closing(open_producer(settings)) as producer:
        producer.send([OutputRecord(topic, None, value, (), -1) for value in values])


def read(reader: TopicReader, count: int) -> list[bytes]:
    """Read until so many records are there."""
    found: list[Record] = []

    def is_enough() -> bool:
        found.extend(reader.poll(timeout_ms=100, max_records=500))
        return len(found) >= count

    assert wait_until(is_enough, timeout=PATIENCE_S), found
    return sorted(record.value or b"" for record in found)


def test_it_reads_what_comes_after_its_beginning(
    settings: KafkaSettings, topics: MakeTopics, open_reader: Open
) -> None:
    [topic] = topics("reader", partitions=3)
    produce(settings, topic, b"1", b"2", b"3")
    from_end, from_first = open_reader(topic), open_reader(topic, begin="first")
    produce(settings, topic, b"4", b"5")
    assert read(from_end, 2) == [b"4", b"5"]
    assert read(from_first, 5) == [b"1", b"2", b"3", b"4", b"5"]


def test_a_topic_may_be_made_later(
    settings: KafkaSettings,
    kafka_admin: KafkaAdminClient,
    topics: MakeTopics,
    open_reader: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("profiler.kafka.topic_reader._LOOK_S", 0.2)
    [early] = topics("early")
    late = f"late-{os.urandom(6).hex()}"
    alone, both = open_reader(late), open_reader(early, late)
    assert alone.poll(timeout_ms=10, max_records=1) == []
    produce(settings, early, b"1")
    assert read(both, 1) == [b"1"]
    options = {"num_partitions": 1, "replication_factor": 1}
    kafka_admin.create_topics({late: options}, wait_for_metadata=True)
    produce(settings, late, b"2")
    produce(settings, early, b"3")
    assert read(both, 2) == [b"2", b"3"]
    assert read(alone, 1) == [b"2"]


def test_what_is_aborted_is_not_seen(
    settings: KafkaSettings, topics: MakeTopics, open_reader: Open
) -> None:
    [topic] = topics("aborted")
    reader = open_reader(topic)
    with closing(
        KafkaProducer(bootstrap_servers=settings.bootstrap_servers, transactional_id=topic)
    ) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic, b"aborted").get(PATIENCE_S)
        producer.abort_transaction()
    produce(settings, topic, b"committed")
    assert read(reader, 1) == [b"committed"]


def test_it_goes_to_the_end_where_it_is_far_behind(
    settings: KafkaSettings, topics: MakeTopics, open_reader: Open
) -> None:
    [topic] = topics("behind")
    reader = open_reader(topic)
    produce(settings, topic, *(b"%d" % number for number in range(50)))
    first = read_some(reader, 10)
    assert reader.skip_if_behind(by=100) == 0
    assert reader.skip_if_behind(by=10) == 50 - first
    produce(settings, topic, b"new")
    assert read(reader, 1) == [b"new"]


def read_some(reader: TopicReader, most: int) -> int:
    """Read the first records, so many at most."""
    found: list[Record] = []

    def is_there() -> bool:
        found.extend(reader.poll(timeout_ms=100, max_records=most))
        return bool(found)

    assert wait_until(is_there, timeout=PATIENCE_S)
    return len(found)


def test_a_foreign_header_name_does_not_stop_it(
    settings: KafkaSettings, topics: MakeTopics, open_reader: Open
) -> None:
    [topic] = topics("foreign")
    reader = open_reader(topic)
    with closing(open_producer(settings)) as producer:
        producer.send([OutputRecord(topic, None, b"odd", (("\udcff", b""),), -1)])
        producer.send([OutputRecord(topic, None, b"next", (), -1)])
    assert read(reader, 2) == [b"next", b"odd"]
