"""What librdkafka says of a partition may be late: it is read on where it was all the same."""

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from confluent_kafka import KafkaError, Message
from kafka import KafkaAdminClient

from profiler.kafka.librdkafka import LibrdkafkaConsumer
from servers.kafka import Kafka
from tests.kafka.clients import RealClient, assert_at_end, read

EACH = 20


@pytest.fixture(params=["range", "cooperative-sticky"])
def consumer(
    request: pytest.FixtureRequest, kafka: Kafka, kafka_admin: KafkaAdminClient
) -> Iterator[LibrdkafkaConsumer]:
    """Has read some of two partitions and committed none; it begins at 5 in partition 0."""
    with ExitStack() as stack:
        client = RealClient("librdkafka", kafka, kafka_admin, stack)
        topic = client.topic("late", partitions=2)
        client.produce_to(topic, {0: EACH, 1: EACH})
        client.alter_committed(topic, {0: 5, 1: 0})
        settings = client.settings(assignor=request.param)
        reading = LibrdkafkaConsumer(settings, topics=[topic], group=f"group-{topic}")
        yield stack.enter_context(closing(reading))


def give_up(consumer: LibrdkafkaConsumer, partition: int, offset: int) -> None:
    """Have the library say that a partition has nothing at an offset, and go on at once."""
    [topic] = {topic for topic, _ in consumer.assignment}
    error = KafkaError(KafkaError._AUTO_OFFSET_RESET)  # noqa: SLF001 - its public name
    message = Message(topic=topic, partition=partition, offset=offset, error=error)
    positions = consumer._positions  # noqa: SLF001 - no broker is late when it is told to
    assert positions.note(message)
    positions.find_again(consumer.assignment, paused=False)


@pytest.mark.parametrize("offset", [5, -1001], ids=["out of range", "none committed"])
def test_a_late_answer_moves_no_partition(consumer: LibrdkafkaConsumer, offset: int) -> None:
    places = [(record.partition, record.offset) for record in read(consumer, 30, at_once=3)]
    # The second assignment follows the first at once: nothing was read between them.
    for _ in range(2):
        give_up(consumer, 0, offset)
    places += [(record.partition, record.offset) for record in read(consumer, 5, at_once=3)]
    assert_at_end(consumer)
    assert sorted(places) == [
        *((0, offset) for offset in range(5, EACH)),
        *((1, offset) for offset in range(EACH)),
    ]
    assert consumer.gaps == 0
