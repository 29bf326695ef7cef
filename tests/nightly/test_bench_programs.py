"""The programs that the bench measures do what the article's programs do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from kafka import KafkaConsumer

from bench.broker import Broker, Topics
from bench.kafka_streams_program import StreamsProgram
from bench.layout import own_topics
from bench.traffic import make_records, read_templates
from bench.workers import Worker, program
from profiler.records.flatten import decode_processed
from profiler.records.json_objects import Limits
from profiler.servers.processes import wait_until
from servers.kafka import Kafka
from tests.oracles.article import ArticleProgram

PATIENCE_S = 120
COUNT = 700


@pytest.mark.parametrize("changelog", ["no-changelog", "changelog"])
def test_quix_streams_does_the_same_job(kafka: Kafka, quix: Path, changelog: str) -> None:
    def worker(token: str, topics: Topics) -> Worker:
        return program(
            "quix_streams",
            *(kafka.bootstrap_servers, token, *topics[:3], changelog, ""),
            output_topic=topics.persisted,
            interpreter=quix,
        )

    _does_the_same_job(kafka, worker)


@pytest.mark.parametrize("changelog", ["no-changelog", "changelog"])
def test_kafka_streams_does_the_same_job(
    kafka: Kafka, kafka_streams: StreamsProgram, changelog: str
) -> None:
    def worker(token: str, topics: Topics) -> Worker:
        return kafka_streams.worker(kafka.bootstrap_servers, token, topics, changelog)

    _does_the_same_job(kafka, worker)


def _does_the_same_job(kafka: Kafka, build: Callable[[str, Topics], Worker]) -> None:
    """The oracle's outputs, in the bench's traffic; and no topic is left."""
    records = make_records(read_templates(None), COUNT, copy_size=100)
    with Broker(kafka.bootstrap_servers, 1) as broker, own_topics(broker) as (token, topics):
        broker.fill(topics.processed, records)
        with build(token, topics) as worker:
            _await(broker, worker)
        flattened = _values(kafka, topics.flattened)
        persisted = _values(kafka, topics.persisted)
    article = ArticleProgram()
    events = [decode_processed(record.value, Limits()) for record in records]
    assert flattened == events
    assert persisted == [article.apply(event) for event in events]


def test_the_pass_through_writes_two_records_for_one(kafka: Kafka) -> None:
    records = make_records(read_templates(None), COUNT, copy_size=100)
    with Broker(kafka.bootstrap_servers, 1) as broker, own_topics(broker) as (token, topics):
        broker.fill(topics.processed, records)
        worker = program(
            "passthrough",
            *(kafka.bootstrap_servers, token, *topics[:3], "100", "200", "500"),
            output_topic=topics.persisted,
        )
        with worker:
            _await(broker, worker)
        flattened, persisted = (
            [(message.key, len(message.value)) for message in _messages(kafka, topic)]
            for topic in (topics.flattened, topics.persisted)
        )
    assert flattened == [(record.key, 100) for record in records]
    assert persisted == [(record.key, 200) for record in records]


def _await(broker: Broker, worker: Worker) -> None:
    topic = worker.output_topic
    wait_until(
        lambda: broker.counts([topic])[topic] >= COUNT or not worker.running,
        timeout=PATIENCE_S,
        interval=0.2,
    )
    assert broker.counts([topic])[topic] == COUNT, worker.last_output()


def _values(kafka: Kafka, topic: str) -> list[dict[str, Any]]:
    return [orjson.loads(message.value) for message in _messages(kafka, topic)]


def _messages(kafka: Kafka, topic: str) -> list[Any]:
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=kafka.bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        consumer_timeout_ms=PATIENCE_S * 1_000,
    )
    try:
        return [next(consumer) for _ in range(COUNT)]
    finally:
        consumer.close()
