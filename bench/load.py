"""An even load on the input topic, and the time until each record's output can be read."""

import time
from collections.abc import Sequence
from threading import Thread
from typing import Any, NamedTuple

from confluent_kafka import Consumer, Producer, TopicPartition

from bench.broker import Topics
from bench.errors import BenchError
from bench.traffic import BenchRecord

_TICK_S = 0.002
#: How long the last outputs may take to come before the program counts as overrun.
_DRAIN_S = 20.0


class Offered(NamedTuple):
    """What came of a load.

    Attributes:
        latencies_ms: of the outputs whose records were due after the warm-up, sorted.
        missing: outputs that had not come when the wait for them was given up.
        drain_s: from the time that the last record was due to the last output.
    """

    latencies_ms: list[int]
    missing: int
    drain_s: float


class Load:
    """A producer and a reader, each in a thread of its own.

    A record's timestamp is the time at which it was *due*, and both outputs copy it: a producer
    that falls behind makes the latency longer instead of hiding it. Timestamps are whole
    milliseconds, so up to one is added to every latency.

    Args:
        bootstrap_servers: the cluster.
        topics: the persisted one must keep the timestamps of its records.
        partitions: of each.
    """

    def __init__(self, bootstrap_servers: str, topics: Topics, partitions: int) -> None:
        self._topics = topics
        self._producer: Any = Producer(
            {"bootstrap.servers": bootstrap_servers, "acks": "all", "linger.ms": 0}
        )
        self._consumer: Any = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": topics.persisted,
                "enable.auto.commit": False,
                "fetch.queue.backoff.ms": 1,
            }
        )
        self._consumer.assign(
            [TopicPartition(topics.persisted, number, 0) for number in range(partitions)]
        )

    def close(self) -> None:
        """Disconnect."""
        self._producer.flush(5)
        self._consumer.close()

    def offer(self, records: Sequence[BenchRecord], rate: int, warm_up: int) -> Offered:
        """Produce all records at `rate` per second, and read their outputs.

        Blocks for the length of the load and, at most, 20 s more.

        Raises:
            BenchError: the producer could not write.
        """
        start_ms = time.time() * 1_000
        due_ms = [int(start_ms + 1_000 * number / rate) for number in range(len(records))]
        writer = Thread(target=self._produce, args=(records, due_ms), name="offer")
        writer.start()
        found, last = self._read(len(records), due_ms[-1])
        writer.join()
        if unsent := self._producer.flush(10):
            raise BenchError(f"the load's producer could not write {unsent} records")
        after_warm_up = sorted(late for due, late in found if due >= due_ms[warm_up])
        return Offered(after_warm_up, len(records) - len(found), (last - due_ms[-1]) / 1_000)

    def _produce(self, records: Sequence[BenchRecord], due_ms: Sequence[int]) -> None:
        produce, topic = self._producer.produce, self._topics.processed
        number = 0
        while number < len(records):
            now_ms = time.time() * 1_000
            while number < len(records) and due_ms[number] <= now_ms:
                record = records[number]
                produce(topic, record.value, record.key, timestamp=due_ms[number])
                number += 1
            self._producer.poll(0)
            time.sleep(_TICK_S)

    def _read(self, count: int, last_due_ms: int) -> tuple[list[tuple[int, int]], float]:
        """When each output's record was due, and its latency; and the time of the last one."""
        found: list[tuple[int, int]] = []
        poll, now_ms = self._consumer.poll, 0.0
        while len(found) < count:
            message = poll(0.2)
            now_ms = time.time() * 1_000
            if message is not None and message.error() is None:
                due = message.timestamp()[1]
                found.append((due, int(now_ms - due)))
            elif now_ms > last_due_ms + 1_000 * _DRAIN_S:
                break
        return found, now_ms
