"""Rebalances: what every adapter of `profiler.kafka.protocol.Consumer` keeps in them.

Over 250 lines: one contract, read from top to bottom.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from profiler.errors import TransportError
from profiler.kafka.protocol import Polled, Producer
from tests.kafka.clients import (
    ADAPTERS,
    PATIENCE_S,
    Client,
    assert_at_end,
    join,
    next_offsets,
    numbers,
    output,
    polled_elsewhere,
    read,
)

if TYPE_CHECKING:
    from profiler.records.types import Record

#: How often a member comes and goes: only some of these rebalances meet a record inside a poll.
_JOINS = 4


def assert_each_generation_reads_once(polled: list[Polled]) -> None:
    """In no generation is a record missing, or there twice; nothing was ever committed."""
    offsets = defaultdict(list)
    for records, generation, _ in polled:
        for record in records:
            offsets[generation, record.partition].append(record.offset)
    for where, found in offsets.items():
        assert found == list(range(len(found))), where


@contextmanager
def traffic(producer: Producer, topic: str) -> Iterator[list[int]]:
    """Send a few records every few milliseconds, in a thread; yields their numbers."""
    sent: list[int] = []
    ended = Event()

    def send() -> None:
        while not ended.wait(0.003):
            some = range(len(sent), len(sent) + 4)
            producer.send(output(topic, number, key=b"%d" % number) for number in some)
            sent.extend(some)

    thread = Thread(target=send)
    thread.start()
    try:
        yield sent
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize(
    ("client", "assignor"),
    # Only librdkafka has the other assignor.
    [*product(["memory", *ADAPTERS], ["range"]), ("librdkafka", "cooperative-sticky")],
    indirect=["client"],
)
def test_a_poll_that_rebalances_brings_nothing_twice(client: Client, assignor: str) -> None:
    """Members come and go while records do, so that some polls rebalance and find records."""
    changes = {} if client.adapter == "memory" else {"assignor": assignor}
    topic = client.topic("inside", partitions=4)
    first = client.consumer(topic, **changes)
    polled: list[Polled] = []
    deadline = time.monotonic() + 2 * PATIENCE_S

    def poll_until(partitions: int) -> None:
        while len(first.assignment) != partitions or not polled[-1].records:
            polled.append(first.poll(timeout_ms=100, max_records=500))
            assert time.monotonic() < deadline

    with traffic(client.producer(), topic) as sent:
        poll_until(4)
        for _ in range(_JOINS):
            second = client.consumer(topic, **changes)
            with polled_elsewhere(second):
                poll_until(2)
            second.close()
            poll_until(4)
    last = first.generation
    while sum(len(one.records) for one in polled if one.generation == last) < len(sent):
        polled.append(first.poll(timeout_ms=50, max_records=500))
        assert time.monotonic() < deadline
    assert first.generation == last
    assert_each_generation_reads_once(polled)
    assert len({one.generation for one in polled if one.records}) > _JOINS


def test_keep_alive_takes_part_in_a_rebalance(client: Client) -> None:
    topic = client.topic("join", partitions=4)
    client.producer().send(output(topic, number) for number in range(80))
    first = client.consumer(topic)
    done = read(first, 20)
    first.commit(next_offsets(done), generation=first.generation)
    stuck, generation = read(first, 30), first.generation
    first.keep_alive()
    assert first.generation == generation
    deadline = time.monotonic() + PATIENCE_S
    with polled_elsewhere(client.consumer(topic)) as others:
        while first.generation == generation:
            first.keep_alive()
            assert time.monotonic() < deadline
        with pytest.raises(TransportError, match="assignment changed"):
            first.commit(next_offsets(stuck), generation=generation)
        first.rewind()
        first.resume()
        mine: list[Record] = []
        while len(mine) + len(others) < 60:
            mine += first.poll(timeout_ms=200, max_records=500).records
            assert time.monotonic() < deadline
        assert_at_end(first)
    assert len(first.assignment) == 2
    assert numbers(done + mine + others) == list(range(80))


def test_what_a_rebalance_leaves_uncommitted_is_read_again(client: Client) -> None:
    """Also of a partition that stays with its member."""
    topic = client.topic("stay", partitions=2)
    client.producer().send(output(topic, number) for number in range(80))
    first = client.consumer(topic)
    committed = read(first, 10)
    first.commit(next_offsets(committed), generation=first.generation)
    uncommitted = read(first, 70)
    with polled_elsewhere(client.consumer(topic)) as others:
        deadline = time.monotonic() + PATIENCE_S
        mine: list[Record] = []
        while len(mine) + len(others) < 70:
            mine += first.poll(timeout_ms=200, max_records=500).records
            assert time.monotonic() < deadline, f"{len(mine)} + {len(others)} records came again"
    assert mine
    assert others
    assert numbers(mine + others) == numbers(uncommitted)


def test_a_rebalance_under_latest_skips_nothing_that_was_read(client: Client) -> None:
    """The reset policy counts when a partition is seen first, and not once more."""
    topic = client.topic("stay-latest", partitions=2)
    first = client.consumer(topic, auto_offset_reset="latest")
    join(first, 2)
    assert_at_end(first)
    client.producer().send(output(topic, number) for number in range(40))
    before = read(first, 40)
    second = client.consumer(topic, auto_offset_reset="latest")
    deadline = time.monotonic() + PATIENCE_S
    with polled_elsewhere(second):
        while len(first.assignment) != 1:
            first.keep_alive()
            assert time.monotonic() < deadline
    second.close()
    while len(first.assignment) != 2:
        first.keep_alive()
        assert time.monotonic() < deadline
    first.resume()
    assert set(read(first, 40)) == set(before)


def test_partitions_that_arrive_during_a_pause_wait(client: Client) -> None:
    topic = client.topic("arrive", partitions=4)
    first, second = client.consumer(topic), client.consumer(topic)
    deadline = time.monotonic() + PATIENCE_S
    with polled_elsewhere(second):
        while not len(first.assignment) == len(second.assignment) == 2:
            first.poll(timeout_ms=200, max_records=1)
            assert time.monotonic() < deadline
    client.producer().send(output(topic, number) for number in range(80))
    second.close()
    while len(first.assignment) < 4:
        first.keep_alive()
        assert time.monotonic() < deadline
    for _ in range(5):
        first.keep_alive()
    assert first.poll(timeout_ms=500, max_records=500).records == []
    first.rewind()
    first.resume()
    assert numbers(read(first, 80)) == list(range(80))
    assert_at_end(first)


def test_partitions_that_were_lost_during_a_pause_are_read_when_they_come_back(
    client: Client,
) -> None:
    topic = client.topic("come-back", partitions=4)
    first = client.consumer(topic)
    join(first, 4)
    second = client.consumer(topic)
    deadline = time.monotonic() + PATIENCE_S
    with polled_elsewhere(second):
        while len(second.assignment) != 2:
            first.keep_alive()
            assert time.monotonic() < deadline
    first.resume()
    second.close()
    while len(first.assignment) < 4:
        first.poll(timeout_ms=100, max_records=1)
        assert time.monotonic() < deadline
    client.producer().send(output(topic, number) for number in range(80))
    assert numbers(read(first, 80)) == list(range(80))
    assert_at_end(first)


def test_partitions_that_are_added_get_an_owner(client: Client) -> None:
    """Members work between their polls: what the group answers then must not be lost.

    A real client may take five minutes to see new partitions; a member that joins knows them.
    """
    topic = client.topic("grows", partitions=2)
    members = [client.consumer(topic), client.consumer(topic)]
    deadline = time.monotonic() + PATIENCE_S
    with ExitStack() as stack:
        read_elsewhere = [
            stack.enter_context(polled_elsewhere(member, pause_s=0.2)) for member in members
        ]
        while [len(member.assignment) for member in members] != [1, 1]:
            time.sleep(0.05)
            assert time.monotonic() < deadline
        client.add_partitions(topic, 6)
        members.append(client.consumer(topic))
        read_elsewhere.append(stack.enter_context(polled_elsewhere(members[2], pause_s=0.2)))
        while [len(member.assignment) for member in members] != [2, 2, 2]:
            time.sleep(0.05)
            assert time.monotonic() < deadline
        client.producer().send(output(topic, number, key=b"%d" % number) for number in range(60))
        while sum(map(len, read_elsewhere)) < 60:
            time.sleep(0.05)
            assert time.monotonic() < deadline
    assert numbers([r for records in read_elsewhere for r in records]) == list(range(60))
