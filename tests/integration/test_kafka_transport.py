"""The contract of `profiler.kafka.protocol.Source`, kept by every adapter on a real broker."""

import time
from collections import defaultdict
from contextlib import closing
from itertools import pairwise

import pytest

from profiler.errors import TransportError
from tests.integration.transport_client import (
    TopicFactory,
    TransportClient,
    assert_at_end,
    next_offsets,
    numbers,
    output,
    read,
)


def test_many_records_are_read_once_and_in_order(
    client: TransportClient, topics: TopicFactory
) -> None:
    [topic] = topics("order", partitions=3)
    client.sink().send(output(topic, number) for number in range(1_200))
    source = client.source(topic)
    records = read(source, 1_200)
    assert_at_end(source)
    assert numbers(records) == list(range(1_200))
    by_partition, by_key = defaultdict(list), defaultdict(list)
    for record in records:
        by_partition[record.partition].append(record.offset)
        by_key[record.key].append(int(record.value or b""))
    assert len(by_partition) == 3
    assert all(offsets == list(range(len(offsets))) for offsets in by_partition.values())
    assert all(values == sorted(values) for values in by_key.values())
    assert len(source.assignment) == 3


def test_a_poll_groups_by_partition(client: TransportClient, topics: TopicFactory) -> None:
    [topic] = topics("grouped", partitions=3)
    client.sink().send(output(topic, number) for number in range(600))
    source = client.source(topic)
    read(source, 1)
    time.sleep(1)  # both clients read ahead
    partitions = [r.partition for r in source.poll(timeout_ms=1_000, max_records=600)]
    assert len(set(partitions)) >= 2
    changes = sum(1 for a, b in pairwise(partitions) if a != b)
    assert changes == len(set(partitions)) - 1


def test_a_new_consumer_continues_after_the_commit(
    client: TransportClient, topics: TopicFactory
) -> None:
    [topic] = topics("commit", partitions=3)
    client.sink().send(output(topic, number) for number in range(100))
    with closing(client.source(topic)) as first:
        done = read(first, 40, at_once=7)
        first.commit(next_offsets(done))
    second = client.source(topic)
    rest = read(second, 60)
    assert_at_end(second)
    assert numbers(done + rest) == list(range(100))


def test_without_a_commit_all_is_delivered_again(
    client: TransportClient, topics: TopicFactory
) -> None:
    [topic] = topics("no-commit", partitions=3)
    client.sink().send(output(topic, number) for number in range(50))
    with closing(client.source(topic)) as first:
        read(first, 50)
    assert numbers(read(client.source(topic), 50)) == list(range(50))


def test_rewind_goes_back_to_the_commit(client: TransportClient, topics: TopicFactory) -> None:
    [topic] = topics("rewind", partitions=2)
    client.sink().send(output(topic, number) for number in range(60))
    source = client.source(topic)
    done = read(source, 20, at_once=6)
    source.commit(next_offsets(done))
    lost = read(source, 30, at_once=6)
    source.rewind()
    again = read(source, 40)
    assert_at_end(source)
    assert numbers(done + again) == list(range(60))
    assert set(lost) <= set(again)


@pytest.mark.parametrize("reset", ["earliest", "latest"])
def test_rewind_without_a_commit_loses_nothing(
    client: TransportClient, topics: TopicFactory, reset: str
) -> None:
    [topic] = topics("rewind-first", partitions=2)
    source = client.source(topic, auto_offset_reset=reset)
    while len(source.assignment) < 2:
        source.poll(timeout_ms=200, max_records=1)
    assert_at_end(source)
    client.sink().send(output(topic, number) for number in range(20))
    first = read(source, 20)
    source.rewind()
    assert set(read(source, 20)) == set(first)
    assert_at_end(source)


def test_pause_and_keep_alive_lose_nothing(client: TransportClient, topics: TopicFactory) -> None:
    [topic] = topics("pause", partitions=3)
    client.sink().send(output(topic, number) for number in range(200))
    source = client.source(topic, max_poll_interval_ms=6_000)
    stuck = read(source, 50, at_once=50)
    source.pause()
    assert source.poll(timeout_ms=200, max_records=500) == []
    until = time.monotonic() + 9  # beyond the session timeout and the poll interval
    while time.monotonic() < until:
        assert source.keep_alive()
    source.commit(next_offsets(stuck))
    source.resume()
    assert numbers(stuck + read(source, 150)) == list(range(200))
    assert_at_end(source)


def test_a_member_that_does_not_poll_cannot_commit(
    client: TransportClient, topics: TopicFactory
) -> None:
    [topic] = topics("silent", partitions=1)
    client.sink().send(output(topic, number) for number in range(10))
    source = client.source(topic, max_poll_interval_ms=6_000)
    batch = read(source, 10)
    time.sleep(8)
    with pytest.raises(TransportError):
        source.commit(next_offsets(batch))
    source.rewind()
    assert numbers(read(source, 10)) == list(range(10))


def test_lag_counts_what_was_not_polled(client: TransportClient, topics: TopicFactory) -> None:
    [topic] = topics("lag", partitions=1)
    client.sink().send(output(topic, number) for number in range(30))
    source = client.source(topic)
    assert source.lag() == 0
    read(source, 10, at_once=10)
    assert source.lag() == 20
    read(source, 20)
    assert source.lag() == 0
