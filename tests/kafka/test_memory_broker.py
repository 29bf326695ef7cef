"""The faults that a test can ask the broker in memory for, and what its clients then do."""

import time
from threading import Timer

import pytest

from profiler.errors import RecordTooLargeError, TimestampRefusedError, TransportError
from profiler.kafka.memory import (
    MemoryBroker,
    MemoryConsumer,
    MemoryProducer,
    memory_transactional_producer,
)
from profiler.records.types import OutputRecord
from tests.kafka.clients import next_offsets, numbers, output, read

TOPIC, GROUP = "topic", "group"


@pytest.fixture
def broker() -> MemoryBroker:
    made = MemoryBroker()
    made.create_topic(TOPIC, partitions=2)
    return made


def member(broker: MemoryBroker, call_timeout_s: float = 0.05) -> MemoryConsumer:
    return MemoryConsumer(broker, topics=[TOPIC], group=GROUP, call_timeout_s=call_timeout_s)


def test_a_broker_that_is_away_fails_every_call_in_time_and_loses_nothing(
    broker: MemoryBroker,
) -> None:
    producer = MemoryProducer(broker, delivery_timeout_ms=50)
    producer.send(output(TOPIC, number) for number in range(10))
    consumer = member(broker)
    batch = read(consumer, 10)
    broker.stop()
    started = time.monotonic()
    assert consumer.poll(timeout_ms=50, max_records=1).records == []
    consumer.keep_alive(timeout_ms=50)
    for call in (
        lambda: consumer.commit(next_offsets(batch), generation=1, timeout_s=0.05),
        consumer.rewind,
        lambda: producer.send([output(TOPIC, 10)]),
        lambda: member(broker),
        lambda: MemoryProducer(broker, delivery_timeout_ms=50),
    ):
        with pytest.raises(TransportError, match="does not answer"):
            call()
    assert 0.3 < time.monotonic() - started < 10
    assert broker.committed(GROUP) == {}
    broker.start()
    consumer.commit(next_offsets(batch), generation=consumer.generation)
    assert broker.committed(GROUP) == next_offsets(batch)


def test_a_call_goes_on_as_soon_as_the_broker_is_back(broker: MemoryBroker) -> None:
    producer = MemoryProducer(broker)
    broker.stop()
    Timer(0.1, broker.start).start()
    started = time.monotonic()
    producer.send([output(TOPIC, 1)])
    assert 0.05 < time.monotonic() - started < 5
    assert numbers(broker.records(TOPIC)) == [1]


def test_a_topic_that_refuses_keeps_what_was_sent_before(broker: MemoryBroker) -> None:
    """So a caller cannot take a failed send for one that wrote nothing."""
    broker.create_topic("other")
    broker.refuse_topic("other", "NotEnoughReplicasError")
    producer = MemoryProducer(broker)
    with pytest.raises(TransportError, match="produce to other: NotEnoughReplicasError"):
        producer.send([output(TOPIC, 1), output("other", 2), output(TOPIC, 3)])
    assert numbers(broker.records(TOPIC)) == [1]
    broker.accept_topic("other")
    producer.send([output("other", 2)])
    assert numbers(broker.records("other")) == [2]


def test_an_acknowledgement_that_does_not_come_fails_the_send(broker: MemoryBroker) -> None:
    broker.withhold_acknowledgements(TOPIC)
    with pytest.raises(TransportError, match="not acknowledged"):
        MemoryProducer(broker, delivery_timeout_ms=50).send([output(TOPIC, 1)])
    assert numbers(broker.records(TOPIC)) == [1]
    Timer(0.1, broker.give_acknowledgements, [TOPIC]).start()
    MemoryProducer(broker).send([output(TOPIC, 2)])
    assert numbers(broker.records(TOPIC)) == [1, 2]


def test_a_commit_can_be_refused(broker: MemoryBroker) -> None:
    MemoryProducer(broker).send([output(TOPIC, 1)])
    consumer = member(broker)
    batch = read(consumer, 1)
    broker.refuse_commits(GROUP)
    with pytest.raises(TransportError, match="refuses"):
        consumer.commit(next_offsets(batch), generation=consumer.generation)
    consumer.commit(next_offsets(batch), generation=consumer.generation)
    assert broker.committed(GROUP) == next_offsets(batch)


def test_a_member_that_was_given_up_cannot_commit_and_reads_again(broker: MemoryBroker) -> None:
    MemoryProducer(broker).send(output(TOPIC, number) for number in range(10))
    consumer = member(broker)
    batch, generation = read(consumer, 10), consumer.generation
    broker.expel(GROUP)
    with pytest.raises(TransportError, match="UnknownMemberIdError"):
        consumer.commit(next_offsets(batch), generation=generation)
    assert numbers(read(consumer, 10)) == list(range(10))
    assert consumer.generation > generation


def test_a_rebalance_can_be_asked_for(broker: MemoryBroker) -> None:
    MemoryProducer(broker).send(output(TOPIC, number) for number in range(10))
    consumer = member(broker)
    batch, polled = read(consumer, 10), consumer.poll(timeout_ms=0, max_records=1)
    broker.rebalance(GROUP)
    consumer.keep_alive(timeout_ms=10)
    with pytest.raises(TransportError, match="assignment changed"):
        consumer.commit(next_offsets(batch), generation=polled.generation)
    consumer.resume()
    assert numbers(read(consumer, 10)) == list(range(10))


def test_a_topic_holds_records_to_its_limits(broker: MemoryBroker) -> None:
    broker.create_topic("small", max_message_bytes=1_000)
    producer = MemoryProducer(broker)
    with pytest.raises(RecordTooLargeError, match="small"):
        producer.send([output("small", 1, value=b"x" * 1_000)])
    in_two_hours = int(time.time() * 1_000) + 7_200_000
    with pytest.raises(TimestampRefusedError, match="small"):
        producer.send([output("small", 2, timestamp=in_two_hours)])
    assert broker.records("small") == []


def test_offsets_that_a_transaction_is_about_to_commit_are_waited_for(
    broker: MemoryBroker,
) -> None:
    """Whoever reads the old ones would do the work of the transaction once more (KIP-447)."""
    MemoryProducer(broker).send(output(TOPIC, number) for number in range(10))
    consumer, other = member(broker), member(broker)
    batch = read(consumer, 10)
    polled = consumer.poll(timeout_ms=0, max_records=1)
    producer = memory_transactional_producer(broker, transactional_id="id")
    producer.init(timeout_s=1)
    broker.answer_no_commit(is_done=False)
    producer.stage(next_offsets(batch), metadata="text", group_metadata=polled.group_metadata)
    with pytest.raises(TransportError, match="no answer"):
        producer.commit(timeout_s=0.05)
    with pytest.raises(TransportError, match="Unstable"):
        consumer.rewind()
    consumer.close()
    assert other.poll(timeout_ms=50, max_records=1).records == []
    assert not other.assignment
    Timer(0.1, producer.init, kwargs={"timeout_s": 1}).start()
    assert numbers(read(other, 10)) == list(range(10))
    assert broker.committed(GROUP) == {}


def test_a_commit_may_take_effect_without_an_answer(broker: MemoryBroker) -> None:
    MemoryProducer(broker).send(output(TOPIC, number) for number in range(10))
    broker.create_topic("out")
    consumer = member(broker)
    batch = read(consumer, 10)
    metadata = consumer.poll(timeout_ms=0, max_records=1).group_metadata
    producer = memory_transactional_producer(broker, transactional_id="id")
    producer.init(timeout_s=1)
    producer.send([output("out", 1)])
    broker.answer_no_commit(is_done=True)
    offsets = next_offsets(batch)
    producer.stage(offsets, metadata="text", group_metadata=metadata)
    with pytest.raises(TransportError, match="no answer"):
        producer.commit(timeout_s=0.05)
    producer.init(timeout_s=1)
    assert numbers(broker.records("out")) == [1]
    assert broker.committed(GROUP) == offsets
    assert broker.committed_metadata(GROUP) == dict.fromkeys(offsets, "text")


def test_what_no_reader_may_see_takes_offsets(broker: MemoryBroker) -> None:
    """As in Kafka: an aborted record does, and so does the end of a transaction."""
    broker.create_topic("out")
    producer = memory_transactional_producer(broker, transactional_id="id")
    for number in range(2):
        producer.init(timeout_s=1)
        producer.send([output("out", number)])
        assert broker.records("out") == []
    producer.close()
    MemoryProducer(broker).send([output("out", 2)])
    [found] = broker.records("out")
    assert found.offset == 4
    broker.delete_records("out", 0, before=3)
    assert broker.records("out") == [found]


def test_records_without_a_key_go_around(broker: MemoryBroker) -> None:
    MemoryProducer(broker).send(OutputRecord(TOPIC, None, b"1", (), 0) for _ in range(10))
    assert {record.partition for record in broker.records(TOPIC)} == {0, 1}


def test_members_share_the_partitions_evenly() -> None:
    broker = MemoryBroker()
    broker.create_topic(TOPIC, partitions=5)
    members = [member(broker) for _ in range(3)]
    while not all(one.assignment for one in members):
        for one in members:
            one.poll(timeout_ms=10, max_records=1)
    assert sorted(len(one.assignment) for one in members) == [1, 2, 2]
    members[0].close()
    while sum(len(one.assignment) for one in members[1:]) < 5:
        for one in members[1:]:
            one.poll(timeout_ms=10, max_records=1)
    assert members[0].assignment == frozenset()


def test_no_partition_waits_for_the_end_of_another(broker: MemoryBroker) -> None:
    MemoryProducer(broker).send(output(TOPIC, number) for number in range(1_000))
    consumer = member(broker)
    found = read(consumer, 40, at_once=20)
    assert {record.partition for record in found} == {0, 1}
