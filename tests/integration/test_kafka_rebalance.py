"""Rebalances: what every adapter of `profiler.kafka.protocol.Source` keeps in them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from profiler.errors import TransportError
from profiler.kafka.protocol import Source
from profiler.records.types import Record
from tests.integration.transport_client import (
    PATIENCE_S,
    TopicFactory,
    TransportClient,
    assert_at_end,
    next_offsets,
    numbers,
    output,
    read,
)


@contextmanager
def polled_elsewhere(source: Source) -> Iterator[list[Record]]:
    """Poll in a thread, as another worker would: members wait for each other in a rebalance."""
    records: list[Record] = []
    ended = Event()

    def poll() -> None:
        while not ended.is_set():
            records.extend(source.poll(timeout_ms=200, max_records=500))

    thread = Thread(target=poll)
    thread.start()
    try:
        yield records
    finally:
        ended.set()
        thread.join()


def test_keep_alive_tells_when_the_batch_may_be_anothers(
    client: TransportClient, topics: TopicFactory
) -> None:
    [topic] = topics("join", partitions=4)
    client.sink().send(output(topic, number) for number in range(80))
    first = client.source(topic)
    done = read(first, 20)
    first.commit(next_offsets(done))
    stuck, epoch = read(first, 30), first.assignment_epoch
    assert first.keep_alive()
    assert first.assignment_epoch == epoch
    deadline = time.monotonic() + PATIENCE_S
    with polled_elsewhere(client.source(topic)) as others:
        while first.keep_alive():
            assert time.monotonic() < deadline
        with pytest.raises(TransportError, match="assignment changed"):
            first.commit(next_offsets(stuck))
        assert first.assignment_epoch != epoch
        first.rewind()
        first.resume()
        mine: list[Record] = []
        while len(mine) + len(others) < 60:
            mine += first.poll(timeout_ms=200, max_records=500)
            assert time.monotonic() < deadline
        assert_at_end(first)
    assert len(first.assignment) == 2
    assert numbers(done + mine + others) == list(range(80))


def test_what_a_rebalance_leaves_uncommitted_is_read_again(
    client: TransportClient, topics: TopicFactory
) -> None:
    """Also of a partition that stays with its member."""
    [topic] = topics("stay", partitions=2)
    client.sink().send(output(topic, number) for number in range(80))
    first = client.source(topic)
    committed = read(first, 10)
    first.commit(next_offsets(committed))
    uncommitted = read(first, 70)
    with polled_elsewhere(client.source(topic)) as others:
        deadline = time.monotonic() + PATIENCE_S
        mine: list[Record] = []
        while len(mine) + len(others) < 70:
            mine += first.poll(timeout_ms=200, max_records=500)
            assert time.monotonic() < deadline, f"{len(mine)} + {len(others)} records came again"
    assert mine
    assert others
    assert numbers(mine + others) == numbers(uncommitted)


def test_partitions_that_arrive_during_a_pause_wait(
    client: TransportClient, topics: TopicFactory
) -> None:
    [topic] = topics("arrive", partitions=4)
    first, second = client.source(topic), client.source(topic)
    deadline = time.monotonic() + PATIENCE_S
    with polled_elsewhere(second):
        while not len(first.assignment) == len(second.assignment) == 2:
            first.poll(timeout_ms=200, max_records=1)
            assert time.monotonic() < deadline
    client.sink().send(output(topic, number) for number in range(80))
    second.close()
    while len(first.assignment) < 4:
        first.keep_alive()
        assert time.monotonic() < deadline
    for _ in range(5):
        first.keep_alive()
    assert first.poll(timeout_ms=500, max_records=500) == []
    first.rewind()
    first.resume()
    assert numbers(read(first, 80)) == list(range(80))
    assert_at_end(first)


def test_partitions_that_were_lost_during_a_pause_are_read_when_they_come_back(
    client: TransportClient, topics: TopicFactory
) -> None:
    [topic] = topics("come-back", partitions=4)
    first = client.source(topic)
    deadline = time.monotonic() + PATIENCE_S
    while len(first.assignment) < 4:
        first.poll(timeout_ms=100, max_records=1)
        assert time.monotonic() < deadline
    second = client.source(topic)
    with polled_elsewhere(second):
        while len(second.assignment) < 2:
            first.keep_alive()
            assert time.monotonic() < deadline
    first.resume()
    second.close()
    while len(first.assignment) < 4:
        first.poll(timeout_ms=100, max_records=1)
        assert time.monotonic() < deadline
    client.sink().send(output(topic, number) for number in range(80))
    assert numbers(read(first, 80)) == list(range(80))
    assert_at_end(first)
