"""Records of a topic up to its present end, read without a consumer group."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import CorruptRecordError

from profiler.config import KafkaSettings
from profiler.errors import TransportError
from profiler.kafka.client_options import (
    CALL_TIMEOUT_S,
    CLOSE_TIMEOUT_S,
    connection_options,
    translated_errors,
)
from profiler.kafka.foreign_names import read_past
from profiler.records.types import Headers, Record


def last_headers(settings: KafkaSettings, topic: str, *, count: int) -> Iterator[Headers]:
    """Read the headers of the records among the last `count` offsets of each partition.

    Records of transactions that were aborted, or are open, are among them. Blocks, for 30 s without
    a record at most.

    Raises:
        TransportError: no broker answers, or it gives no records.
    """
    for message in _messages(settings, topic, lambda _, end: end - count, "read_uncommitted"):
        yield tuple(message.headers)


def committed_records(settings: KafkaSettings, topic: str, starts: Mapping[int, int]) -> int:
    """How many committed records there are from these offsets on, by partition.

    Offsets do not say it: the end of a transaction takes one too. Blocks as `last_headers`, and
    reads every record from there on.
    """
    messages = _messages(settings, topic, lambda at, _: starts.get(at, 0), "read_committed")
    return sum(1 for _ in messages)


def latest_records(
    settings: KafkaSettings, topic: str, *, count: int, since_ms: int | None
) -> Iterator[Record]:
    """Read the committed records among the last `count` offsets of each partition.

    Blocks as `last_headers`, and commits nothing.

    Args:
        settings: how to reach the cluster.
        topic: is read to its present end.
        count: of each partition.
        since_ms: records with an earlier timestamp are left out; None leaves out none.
    """
    messages = _messages(
        settings, topic, lambda _, end: end - count, "read_committed", since_ms=since_ms
    )
    for message in messages:
        yield Record(
            topic,
            message.partition,
            message.offset,
            message.timestamp,
            message.key,
            message.value,
            tuple(message.headers),
        )


def partitions_of(settings: KafkaSettings, topic: str) -> int:
    """How many partitions a topic has; 0 where there is no such topic. Raises as `last_headers`."""
    with translated_errors(f"look at {topic}"), _reading(settings, "read_committed") as consumer:
        return len(consumer.partitions_for_topic(topic) or ())


def _messages(
    settings: KafkaSettings,
    topic: str,
    start_of: Callable[[int, int], int],
    isolation: str,
    *,
    since_ms: int | None = None,
) -> Iterator[Any]:
    """Read to the present end, from the start that is said of a partition's number and its end."""
    with (
        translated_errors(f"read the end of {topic}"),
        _reading(settings, isolation) as consumer,
    ):
        places = [
            TopicPartition(topic, partition)
            for partition in consumer.partitions_for_topic(topic) or ()
        ]
        consumer.assign(places)
        firsts, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
        if since_ms is not None:
            found = consumer.offsets_for_times(dict.fromkeys(places, since_ms))
            firsts |= {at: found[at].offset if found.get(at) else ends[at] for at in places}
        for place in places:
            consumer.seek(place, max(firsts[place], start_of(place.partition, ends[place])))
        deadline = time.monotonic() + CALL_TIMEOUT_S
        while any(consumer.position(place) < ends[place] for place in places):
            try:
                polled = list(consumer.poll(timeout_ms=1_000).values())
            except CorruptRecordError:
                polled = [read_past(settings, consumer, places)]
            for messages in polled:
                deadline = time.monotonic() + CALL_TIMEOUT_S
                yield from messages
            if time.monotonic() > deadline:
                raise TransportError(f"read the end of {topic}: no more records come")


@contextmanager
def _reading(settings: KafkaSettings, isolation: str) -> Iterator[Any]:
    """A consumer of no group."""
    consumer = KafkaConsumer(
        **connection_options(settings),
        group_id=None,
        enable_auto_commit=False,
        isolation_level=isolation,
        auto_offset_reset="earliest",
        allow_auto_create_topics=False,
        metrics_enabled=False,
    )
    try:
        yield consumer
    finally:
        consumer.close(autocommit=False, timeout_ms=CLOSE_TIMEOUT_S * 1_000)
