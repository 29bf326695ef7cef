"""The last records of a topic, read without a consumer group."""

import time
from collections.abc import Iterator

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
from profiler.records.types import Headers


def last_headers(settings: KafkaSettings, topic: str, *, count: int) -> Iterator[Headers]:
    """Read the headers of the last `count` records of each partition.

    Blocks, for 30 s without a record at most.

    Raises:
        TransportError: no broker answers, or it gives no records.
    """
    with translated_errors(f"read the end of {topic}"):
        consumer = KafkaConsumer(
            **connection_options(settings),
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )
        try:
            places = [
                TopicPartition(topic, partition)
                for partition in consumer.partitions_for_topic(topic) or ()
            ]
            consumer.assign(places)
            starts, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
            for place in places:
                consumer.seek(place, max(starts[place], ends[place] - count))
            deadline = time.monotonic() + CALL_TIMEOUT_S
            while any(consumer.position(place) < ends[place] for place in places):
                try:
                    polled = list(consumer.poll(timeout_ms=1_000).values())
                except CorruptRecordError:
                    polled = [read_past(settings, consumer, places)]
                for messages in polled:
                    deadline = time.monotonic() + CALL_TIMEOUT_S
                    yield from (tuple(message.headers) for message in messages)
                if time.monotonic() > deadline:
                    raise TransportError(f"read the end of {topic}: no more records come")
        finally:
            consumer.close(autocommit=False, timeout_ms=CLOSE_TIMEOUT_S * 1_000)
