"""The transport's ceiling: one record in, two out, and no other work.

The bare client library under the options and in the loop of the worker: batches of the same size,
produced by an idempotent producer with all acknowledgements, and committed once every record of
the batch is acknowledged. While one batch is acknowledged the next is read. Values are made
beforehand, of the mean sizes of the job's outputs; keys and timestamps are copied.
"""

import signal
import sys
from types import FrameType
from typing import Any, NoReturn

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

_, bootstrap_servers, group_id, topic_in, topic_flattened, topic_out, *numbers = sys.argv
flattened_bytes, persisted_bytes, max_records = map(int, numbers)
FLATTENED, PERSISTED = b"x" * flattened_bytes, b"x" * persisted_bytes

# As `profiler.kafka.librdkafka` has them.
consumer: Any = Consumer(
    {
        "bootstrap.servers": bootstrap_servers,
        "group.id": group_id,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "max.partition.fetch.bytes": 4 * 1024 * 1024,
        "queued.max.messages.kbytes": 32 * 1024,
        "fetch.queue.backoff.ms": 5,
    }
)
producer = Producer(
    {
        "bootstrap.servers": bootstrap_servers,
        "acks": "all",
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "linger.ms": 5,
        "queue.buffering.max.messages": 0,
        "queue.buffering.max.kbytes": 2_097_151,
        "delivery.report.only.error": True,
    }
)


def _failed(error: Any, _message: object) -> NoReturn:  # noqa: ANN401 - a KafkaError
    raise KafkaException(error)


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


def _finish(offsets: dict[int, int]) -> None:
    """Wait for the batch under way, and commit it."""
    if offsets:
        # Linger ends with it, as in the worker's sink.
        producer.flush()
        places = [TopicPartition(topic_in, number, after) for number, after in offsets.items()]
        consumer.commit(offsets=places, asynchronous=False)


def main() -> None:
    """Work until killed."""
    signal.signal(signal.SIGTERM, _stop)
    consumer.subscribe([topic_in])
    under_way: dict[int, int] = {}
    produce = producer.produce
    while True:
        messages: list[Any] = consumer.consume(max_records, 0)
        if not messages:
            _finish(under_way)
            under_way = {}
            messages = consumer.consume(1, 0.5)
        _finish(under_way)
        under_way = {}
        for message in messages:
            if (error := message.error()) is not None:
                raise KafkaException(error)
            key, at = message.key(), message.timestamp()[1]
            produce(topic_flattened, FLATTENED, key, -1, _failed, None, at)
            produce(topic_out, PERSISTED, key, -1, _failed, None, at)
            under_way[message.partition()] = message.offset() + 1


if __name__ == "__main__":
    main()
