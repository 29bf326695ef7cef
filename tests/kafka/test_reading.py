"""The contract of `profiler.kafka.protocol.Consumer`, kept by every adapter.

Over 250 lines: one contract, read from top to bottom.
"""

import logging
import time
from collections import defaultdict
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from profiler.errors import TransportError
from profiler.kafka import CommittedOffset
from profiler.kafka.librdkafka.messages import UNREADABLE
from profiler.kafka.protocol import Consumer
from tests.kafka.clients import (
    PATIENCE_S,
    SESSION_MS,
    Client,
    assert_at_end,
    join,
    next_offsets,
    numbers,
    output,
    read,
)

if TYPE_CHECKING:
    from profiler.records.types import Headers, Record


def test_many_records_are_read_once_and_in_order(client: Client) -> None:
    topic = client.topic("order", partitions=3)
    client.producer().send(output(topic, number) for number in range(1_200))
    consumer = client.consumer(topic)
    records = read(consumer, 1_200)
    assert_at_end(consumer)
    assert numbers(records) == list(range(1_200))
    by_partition, by_key = defaultdict(list), defaultdict(list)
    for record in records:
        by_partition[record.partition].append(record.offset)
        by_key[record.key].append(int(record.value or b""))
    assert len(by_partition) == 3
    assert all(offsets == list(range(len(offsets))) for offsets in by_partition.values())
    assert all(values == sorted(values) for values in by_key.values())
    assert len(consumer.assignment) == 3


def test_a_poll_groups_by_partition(client: Client) -> None:
    topic = client.topic("grouped", partitions=3)
    client.producer().send(output(topic, number) for number in range(600))
    consumer = client.consumer(topic)
    join(consumer, 3)
    deadline = time.monotonic() + PATIENCE_S
    partitions: list[int] = []
    while len(set(partitions)) < 2:  # until one poll finds what was read ahead of two partitions
        partitions = [r.partition for r in consumer.poll(timeout_ms=100, max_records=600).records]
        if not partitions:
            consumer.rewind()
        assert time.monotonic() < deadline
    changes = sum(1 for a, b in pairwise(partitions) if a != b)
    assert changes == len(set(partitions)) - 1


def test_a_poll_brings_no_more_than_it_was_asked_for(client: Client) -> None:
    topic = client.topic("most", partitions=2)
    client.producer().send(output(topic, number) for number in range(40))
    consumer = client.consumer(topic)
    found: list[Record] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(found) < 40:
        records = consumer.poll(timeout_ms=200, max_records=7).records
        assert len(records) <= 7
        found += records
        assert time.monotonic() < deadline
    assert numbers(found) == list(range(40))


def test_a_poll_says_who_the_member_is(client: Client) -> None:
    topic = client.topic("metadata")
    client.producer().send([output(topic, 1)])
    consumer = client.consumer(topic)
    join(consumer, 1)
    deadline = time.monotonic() + PATIENCE_S
    while not (polled := consumer.poll(timeout_ms=1_000, max_records=1)).records:
        assert time.monotonic() < deadline
    assert len(polled.records) == 1
    assert polled.generation == consumer.generation > 0
    assert polled.group_metadata is not None


def seconds_of_a_poll(consumer: Consumer, *, timeout_ms: int) -> float:
    """How long a poll takes that brings nothing."""
    started = time.monotonic()
    assert consumer.poll(timeout_ms=timeout_ms, max_records=1).records == []
    return time.monotonic() - started


def test_a_poll_without_records_ends_in_time(client: Client) -> None:
    consumer = client.consumer(client.topic("empty"))
    join(consumer, 1)
    found = [seconds_of_a_poll(consumer, timeout_ms=300) for _ in range(3)]
    assert 0.25 < min(found) < 2
    # The quickest of some: a busy machine may hold any one of them up.
    assert min(seconds_of_a_poll(consumer, timeout_ms=0) for _ in range(20)) < 0.25


def test_a_record_that_comes_ends_the_wait(client: Client) -> None:
    topic = client.topic("wakes")
    producer, consumer = client.producer(), client.consumer(topic)
    join(consumer, 1)
    assert_at_end(consumer)
    producer.send([output(topic, 1)])
    started = time.monotonic()
    assert len(consumer.poll(timeout_ms=PATIENCE_S * 1_000, max_records=10).records) == 1
    assert time.monotonic() - started < PATIENCE_S / 2


def test_a_new_consumer_continues_after_the_commit(client: Client) -> None:
    topic = client.topic("commit", partitions=3)
    client.producer().send(output(topic, number) for number in range(100))
    with closing(client.consumer(topic)) as first:
        done = read(first, 40, at_once=7)
        first.commit(next_offsets(done), generation=first.generation)
    second = client.consumer(topic)
    rest = read(second, 60)
    assert_at_end(second)
    assert numbers(done + rest) == list(range(100))


def test_without_a_commit_all_is_delivered_again(client: Client) -> None:
    topic = client.topic("no-commit", partitions=3)
    client.producer().send(output(topic, number) for number in range(50))
    with closing(client.consumer(topic)) as first:
        read(first, 50)
    assert numbers(read(client.consumer(topic), 50)) == list(range(50))


def test_a_commit_of_another_generation_or_partition_is_refused(client: Client) -> None:
    topic = client.topic("refused")
    client.producer().send(output(topic, number) for number in range(10))
    consumer = client.consumer(topic)
    batch = read(consumer, 10)
    with pytest.raises(TransportError, match="assignment changed"):
        consumer.commit(next_offsets(batch), generation=consumer.generation - 1)
    with pytest.raises(TransportError, match="assignment changed"):
        consumer.commit({(topic, 1): 1}, generation=consumer.generation)
    consumer.rewind()
    assert read(consumer, 10) == batch


def test_rewind_goes_back_to_the_commit(client: Client) -> None:
    topic = client.topic("rewind", partitions=2)
    client.producer().send(output(topic, number) for number in range(60))
    consumer = client.consumer(topic)
    done = read(consumer, 20, at_once=6)
    consumer.commit(next_offsets(done), generation=consumer.generation)
    lost = read(consumer, 30, at_once=6)
    consumer.rewind()
    again = read(consumer, 40)
    assert_at_end(consumer)
    assert numbers(done + again) == list(range(60))
    assert set(lost) <= set(again)


@pytest.mark.parametrize("reset", ["earliest", "latest"])
def test_rewind_without_a_commit_loses_nothing(client: Client, reset: str) -> None:
    topic = client.topic("rewind-first", partitions=2)
    consumer = client.consumer(topic, auto_offset_reset=reset)
    join(consumer, 2)
    assert_at_end(consumer)
    client.producer().send(output(topic, number) for number in range(20))
    first = read(consumer, 20)
    consumer.rewind()
    assert set(read(consumer, 20)) == set(first)
    assert_at_end(consumer)


def test_latest_begins_at_the_end(client: Client) -> None:
    topic = client.topic("latest")
    producer = client.producer()
    producer.send(output(topic, number) for number in range(20))
    consumer = client.consumer(topic, auto_offset_reset="latest")
    join(consumer, 1)
    assert_at_end(consumer)
    producer.send([output(topic, 20)])
    assert numbers(read(consumer, 1)) == [20]


def test_pause_and_keep_alive_lose_nothing(client: Client) -> None:
    topic = client.topic("pause", partitions=3)
    client.producer().send(output(topic, number) for number in range(200))
    consumer = client.consumer(topic, max_poll_interval_ms=SESSION_MS)
    stuck, generation = read(consumer, 50, at_once=50), consumer.generation
    consumer.pause()
    assert consumer.poll(timeout_ms=200, max_records=500).records == []
    until = time.monotonic() + SESSION_MS / 1_000 + 1  # beyond the session and the poll interval
    while time.monotonic() < until:
        consumer.keep_alive()
    assert consumer.generation == generation
    consumer.commit(next_offsets(stuck), generation=generation)
    consumer.resume()
    assert numbers(stuck + read(consumer, 150)) == list(range(200))
    assert_at_end(consumer)


def test_keep_alive_pauses_by_itself(client: Client) -> None:
    topic = client.topic("alive", partitions=2)
    producer, consumer = client.producer(), client.consumer(topic)
    join(consumer, 2)
    consumer.keep_alive()
    producer.send(output(topic, number) for number in range(20))
    for _ in range(10):
        consumer.keep_alive(timeout_ms=50)
    assert consumer.poll(timeout_ms=200, max_records=500).records == []
    consumer.resume()
    assert numbers(read(consumer, 20)) == list(range(20))


def test_a_member_that_does_not_poll_cannot_commit(client: Client) -> None:
    topic = client.topic("silent", partitions=1)
    client.producer().send(output(topic, number) for number in range(10))
    first = client.consumer(topic, max_poll_interval_ms=SESSION_MS)
    batch = read(first, 10)
    with closing(client.consumer(topic)) as second:
        join_or_read = [second.poll(timeout_ms=200, max_records=1)]
        deadline = time.monotonic() + PATIENCE_S
        while not second.assignment:
            join_or_read.append(second.poll(timeout_ms=200, max_records=1))
            assert time.monotonic() < deadline
        with pytest.raises(TransportError):
            first.commit(next_offsets(batch), generation=first.generation)
    first.rewind()
    assert numbers(read(first, 10)) == list(range(10))


@pytest.mark.field(
    kind="streams",
    meets="retention took records that were not read",
    happens="reading goes on at the first record that is there, and the log names the gap",
)
def test_an_offset_out_of_range_is_told(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    topic = client.topic("range")
    client.producer().send(output(topic, number) for number in range(30))
    client.alter_committed(topic, {0: 5})
    client.delete_records(topic, before=12)
    with caplog.at_level(logging.WARNING):
        records = read(client.consumer(topic), 18)
    assert numbers(records) == list(range(12, 30))
    told, *_ = [r for r in caplog.records if f"{topic} [" in r.getMessage()]
    assert told.levelno == logging.WARNING
    assert f"{topic} [0]: offset" in told.getMessage()
    assert "offset 5 is out of range; reading goes on at 12," in told.getMessage()
    assert "7 records before it are gone" in told.getMessage()


@pytest.mark.field(
    kind="streams",
    meets="retention has deleted records that were not read",
    happens="reading goes on at the first record that is there; a warning names the gap",
)
@pytest.mark.parametrize("reset", ["earliest", "latest"])
def test_after_a_gap_nothing_that_is_there_is_skipped(client: Client, reset: str) -> None:
    """The reset policy is about groups that have committed nothing."""
    topic = client.topic("gap")
    client.producer().send(output(topic, number) for number in range(30))
    client.alter_committed(topic, {0: 5})
    client.delete_records(topic, before=12)
    consumer = client.consumer(topic, auto_offset_reset=reset)
    assert consumer.gaps == 0
    records = read(consumer, 18)
    assert numbers(records) == list(range(12, 30))
    assert consumer.gaps == 1
    consumer.commit(next_offsets(records), generation=consumer.generation)
    assert_at_end(consumer)
    assert consumer.gaps == 1


@pytest.mark.field(
    kind="streams",
    meets="a partition that is added while workers run",
    happens="it is read from its beginning, whatever `auto_offset_reset` says",
)
@pytest.mark.parametrize("reset", ["earliest", "latest"])
def test_a_new_partition_is_read_from_its_beginning(client: Client, reset: str) -> None:
    topic = client.topic("new", partitions=2)
    producer = client.producer()
    with closing(client.consumer(topic, auto_offset_reset=reset)) as first:
        join(first, 2)
        assert_at_end(first)
        producer.send(output(topic, number) for number in range(20))
        done = read(first, 20)
        first.commit(next_offsets(done), generation=first.generation)
    client.add_partitions(topic, 4)
    client.produce_to(topic, {2: 5, 3: 7})
    consumer = client.consumer(topic, auto_offset_reset=reset)
    found = read(consumer, 12)
    assert sorted({record.partition for record in found}) == [2, 3]
    assert [r.offset for r in found if r.partition == 3] == list(range(7))
    assert consumer.gaps == 0
    assert_at_end(consumer)


def test_latest_is_settled_for_all_partitions_at_once(client: Client) -> None:
    """Also for a partition that gave no record while the group began."""
    topic = client.topic("settled", partitions=2)
    client.produce_to(topic, {0: 4, 1: 6})
    with closing(client.consumer(topic, auto_offset_reset="latest")) as first:
        join(first, 2)
        client.produce_to(topic, {0: 1})
        done = read(first, 1)
        first.commit(next_offsets(done), generation=first.generation)
    client.produce_to(topic, {1: 2})
    found = read(client.consumer(topic, auto_offset_reset="latest"), 2)
    assert [(record.partition, record.offset) for record in found] == [(1, 6), (1, 7)]


@pytest.mark.field(
    kind="streams",
    meets="a topic that was deleted and made anew",
    happens="it is read from its beginning",
)
def test_a_topic_that_was_made_anew_begins_anew(client: Client) -> None:
    """Committed offsets of the old topic count no more."""
    topic = client.topic("anew", partitions=2)
    client.produce_to(topic, {0: 9, 1: 4})
    client.alter_committed(topic, {0: 5, 1: 3})
    consumer = client.consumer(topic)
    assert len(read(consumer, 5)) == 5
    consumer.begin_anew()
    again = read(consumer, 13)
    assert sorted((r.partition, r.offset) for r in again) == [
        *((0, offset) for offset in range(9)),
        *((1, offset) for offset in range(4)),
    ]
    consumer.rewind()
    assert set(read(consumer, 13)) == set(again)
    assert_at_end(consumer)


def test_a_rewind_tells_what_is_committed(client: Client) -> None:
    topic = client.topic("stored", partitions=3)
    client.produce_to(topic, {0: 9, 1: 9, 2: 9})
    client.alter_committed(topic, {0: 5})
    consumer = client.consumer(topic)
    read(consumer, 22)
    consumer.commit({(topic, 1): 7}, generation=consumer.generation, metadata="a note")
    stored = {(topic, 0): CommittedOffset(5, ""), (topic, 1): CommittedOffset(7, "a note")}
    assert consumer.rewind() == stored
    read(consumer, 15)
    assert_at_end(consumer)


def test_a_consumer_reads_from_before_what_is_committed(client: Client) -> None:
    topic = client.topic("before", partitions=2)
    client.produce_to(topic, {0: 9, 1: 9})
    client.alter_committed(topic, {0: 6, 1: 6})
    consumer = client.consumer(topic)
    read(consumer, 6)
    consumer.rewind()
    consumer.seek({(topic, 0): 2})
    again = [(record.partition, record.offset) for record in read(consumer, 10)]
    assert sorted(again) == [*((0, n) for n in range(2, 9)), *((1, n) for n in range(6, 9))]
    assert consumer.rewind()[topic, 0].offset == 6
    read(consumer, 6)
    assert_at_end(consumer)


def test_an_offset_behind_the_end_is_told(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    topic = client.topic("behind")
    producer = client.producer()
    producer.send(output(topic, number) for number in range(30))
    client.alter_committed(topic, {0: 1_000})
    consumer = client.consumer(topic, auto_offset_reset="latest")
    with caplog.at_level(logging.WARNING):
        assert numbers(read(consumer, 30)) == list(range(30))
    [told] = [r for r in caplog.records if f"{topic} [" in r.getMessage()]
    assert "offset 1000" in told.getMessage()
    assert "reading goes on at 0" in told.getMessage()
    assert_at_end(consumer)


def test_lag_counts_what_was_not_polled(client: Client) -> None:
    topic = client.topic("lag", partitions=1)
    client.producer().send(output(topic, number) for number in range(30))
    consumer = client.consumer(topic)
    assert consumer.lag() == 0
    read(consumer, 10, at_once=10)
    assert consumer.lag() == 20
    consumer.rewind()
    assert consumer.lag() == 30
    read(consumer, 30)
    assert consumer.lag() == 0


def test_header_names_that_are_not_utf8_come_as_the_bytes_they_are(client: Client) -> None:
    topic = client.topic("raw-names")
    names = [b"plain", b"\xff\xfe", "ü".encode(), b"", b"cut \xc3", b"\xed\xa0\x80"]
    client.produce_with_header_names(topic, names)
    client.produce_with_header_names(topic, [b"\x80"])
    consumer = client.consumer(topic)
    found = read(consumer, 6)
    assert [record.value for record in found] == [b"before", b"with names", b"after"] * 2
    assert [record.offset for record in found] == list(range(6))
    assert {record.key for record in found} == {b"k"}
    decoded = tuple((name.decode(errors="surrogateescape"), b"value") for name in names)
    expected: list[Headers] = [(), decoded, (), (), (("\udc80", b"value"),), ()]
    if client.adapter == "librdkafka":
        # Its binding cannot tell such names: one of their kind stands for all headers.
        expected = [(), UNREADABLE, (), (), UNREADABLE, ()]
    assert [record.headers for record in found] == expected
    consumer.commit(next_offsets(found), generation=consumer.generation)


def test_a_pause_at_such_a_record_loses_nothing(client: Client) -> None:
    """A client may have read such a record ahead, and must not forget it in a pause."""
    topic = client.topic("raw-pause")
    client.produce_with_header_names(topic, [b"\x80"])
    client.produce_with_header_names(topic, [b"\x80"])
    consumer = client.consumer(topic)
    found = read(consumer, 1)
    for _ in range(3):
        consumer.keep_alive()
    consumer.resume()
    found += read(consumer, 6 - len(found))
    assert [record.offset for record in found] == list(range(6))
    assert_at_end(consumer)


def test_a_closed_member_leaves_its_partitions_to_others(client: Client) -> None:
    """Sessions are so long here that no other way than leaving gives them away in time."""
    long = (
        {}
        if client.adapter == "memory"
        else dict.fromkeys(("session_timeout_ms", "max_poll_interval_ms"), 2000 * PATIENCE_S)
    )
    topic = client.topic("close", partitions=2)
    first = client.consumer(topic, **long)
    join(first, 2)
    first.close()
    join(client.consumer(topic, **long), 2)
