"""Records of a topic up to its present end, or between two offsets; read without a group."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import CorruptRecordError

from profiler.config import KafkaSettings
from profiler.errors import TransportError
from profiler.kafka.client_options import (
    CALL_TIMEOUT_S,
    CLOSE_TIMEOUT_S,
    onlooker_options,
    translated_errors,
)
from profiler.kafka.foreign_names import read_past
from profiler.kafka.kafka_python.messages import record_of
from profiler.records.types import Headers, Record


class Span(NamedTuple):
    """A part of a partition.

    Attributes:
        first: its first offset.
        end: the offset behind its last one.
    """

    first: int
    end: int


Spans = Mapping[int, Span]


def last_headers(settings: KafkaSettings, topic: str, *, count: int) -> Iterator[Headers]:
    """Read the headers of the records among the last `count` offsets of each partition.

    Records of transactions that were aborted, or are open, are among them. Blocks, for 30 s without
    a record at most.

    Raises:
        TransportError: no broker answers, or it gives no records.
    """
    for message in _messages(settings, topic, partial(_tails, count), "read_uncommitted"):
        yield tuple(message.headers)


def committed_records(settings: KafkaSettings, topic: str, starts: Mapping[int, int]) -> int:
    """How many committed records there are from these offsets on, by partition.

    Offsets do not say it: the end of a transaction takes one too. Blocks as `last_headers`, and
    reads every record from there on.
    """

    def rest(there: Spans) -> Spans:
        return {
            at: span._replace(first=max(span.first, starts.get(at, 0)))
            for at, span in there.items()
        }

    return sum(1 for _ in _messages(settings, topic, rest, "read_committed"))


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
        settings, topic, partial(_tails, count), "read_committed", since_ms=since_ms
    )
    return (record_of(message) for message in messages)


def spans_of(
    settings: KafkaSettings, topic: str, *, since_ms: int | None = None
) -> dict[int, Span]:
    """What there is of each partition now, up to the last committed record.

    Nothing where there is no such topic. Raises as `last_headers`.

    Args:
        settings: how to reach the cluster.
        topic: its name.
        since_ms: what has only records with earlier timestamps at its beginning begins later.
    """
    with (
        translated_errors(f"look at {topic}"),
        _reading(settings, "read_committed") as consumer,
    ):
        return _spans(consumer, _places(consumer, topic), since_ms)


def records_in(settings: KafkaSettings, topic: str, spans: Spans) -> Iterator[Record]:
    """Read the committed records of parts of a topic; what retention has taken is passed over.

    Blocks as `last_headers`, and holds one fetch in memory.
    """
    messages = _messages(settings, topic, lambda _: spans, "read_committed")
    return (record_of(message) for message in messages)


def partitions_of(settings: KafkaSettings, topic: str) -> int:
    """How many partitions a topic has; 0 where there is no such topic. Raises as `last_headers`."""
    with translated_errors(f"look at {topic}"), _reading(settings, "read_committed") as consumer:
        return len(consumer.partitions_for_topic(topic) or ())


def _tails(count: int, there: Spans) -> Spans:
    return {at: Span(max(first, end - count), end) for at, (first, end) in there.items()}


def _places(consumer: Any, topic: str) -> list[Any]:  # noqa: ANN401 - the client's
    return [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]


def _spans(consumer: Any, places: list[Any], since_ms: int | None) -> dict[int, Span]:  # noqa: ANN401 - the client's
    firsts, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
    if since_ms is not None:
        found = consumer.offsets_for_times(dict.fromkeys(places, since_ms))
        firsts |= {at: found[at].offset if found.get(at) else ends[at] for at in places}
    return {place.partition: Span(firsts[place], ends[place]) for place in places}


def _messages(
    settings: KafkaSettings,
    topic: str,
    choose: Callable[[Spans], Spans],
    isolation: str,
    *,
    since_ms: int | None = None,
) -> Iterator[Any]:
    """Read the parts that are chosen of what there is now."""
    with (
        translated_errors(f"read {topic}"),
        _reading(settings, isolation) as consumer,
    ):
        there = _spans(consumer, _places(consumer, topic), since_ms)
        # Where nothing is, the client would begin elsewhere.
        spans = {
            at: Span(max(span.first, there[at].first), min(span.end, there[at].end))
            for at, span in choose(there).items()
            if at in there and span.first < there[at].end
        }
        ends = {TopicPartition(topic, at): end for at, (_, end) in spans.items()}
        consumer.assign(list(ends))
        for place in ends:
            consumer.seek(place, spans[place.partition].first)
        deadline = time.monotonic() + CALL_TIMEOUT_S
        while any(consumer.position(place) < end for place, end in ends.items()):
            try:
                polled = list(consumer.poll(timeout_ms=1_000).values())
            except CorruptRecordError:
                polled = [read_past(settings, consumer, list(ends))]
            for messages in polled:
                deadline = time.monotonic() + CALL_TIMEOUT_S
                yield from (m for m in messages if m.offset < spans[m.partition].end)
            if time.monotonic() > deadline:
                raise TransportError(f"read {topic}: no more records come")


@contextmanager
def _reading(settings: KafkaSettings, isolation: str) -> Iterator[Any]:
    """A consumer of no group."""
    consumer = KafkaConsumer(**{**onlooker_options(settings), "isolation_level": isolation})
    try:
        yield consumer
    finally:
        consumer.close(autocommit=False, timeout_ms=CLOSE_TIMEOUT_S * 1_000)
