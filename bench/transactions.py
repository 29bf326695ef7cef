"""Milliseconds that a transaction costs, beside the same batch at least once, on both clients.

Run it with ``python -m bench.transactions``; it starts a Kafka of its own, or takes the one that
``PROFILER_TEST_KAFKA`` names. A batch is 500 records with two outputs each, as the worker sends
it: about 0.6 MB flattened and 1.14 MB persisted; then its offset is committed.
"""

import statistics
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack, closing

from bench.made_up import BATCHES, BYTES, ROUNDS, batch_of
from profiler.config import KafkaSettings
from profiler.kafka import (
    Consumer,
    Polled,
    open_consumer,
    open_producer,
    open_transactional_producer,
)
from profiler.kafka.admin.topics import create_topics
from servers.kafka import shared_kafka


def main() -> None:
    """Print median and 90th percentile of each client's ways, which take turns for five rounds."""
    with ExitStack() as stack:
        kafka = shared_kafka(stack)
        for client in ("librdkafka", "kafka-python"):
            settings = KafkaSettings.model_validate(
                {"client": client, "bootstrap_servers": kafka.bootstrap_servers}
            )
            for name, times in _measured(settings).items():
                p90 = statistics.quantiles(times, n=10)[-1]
                median = statistics.median(times)
                print(f"{client}, {name}: median {median:.1f} ms, p90 {p90:.1f} ms")


def _measured(settings: KafkaSettings) -> dict[str, list[float]]:
    with ExitStack() as stack:
        ways = _ways(settings, stack)
        found: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                way()  # the first after a pause
                for _ in range(BATCHES):
                    started = time.perf_counter()
                    way()
                    found[name].append((time.perf_counter() - started) * 1_000)
        return found


def _ways(settings: KafkaSettings, stack: ExitStack) -> dict[str, Callable[[], None]]:
    token = uuid.uuid4().hex[:8]
    topics = {f"transactions-{name}-{token}": size for name, size in BYTES.items()}
    source = f"transactions-source-{token}"
    create_topics(settings, [source, *topics], partitions=1, replication=1)
    batch = batch_of(topics)
    offsets = {(source, 0): 1}
    consumer = stack.enter_context(closing(open_consumer(settings, topics=[source], group=source)))
    member = _joined(consumer)
    plain = stack.enter_context(closing(open_producer(settings)))
    producer = stack.enter_context(
        closing(open_transactional_producer(settings, transactional_id=source))
    )
    producer.init(timeout_s=30)

    def at_least_once() -> None:
        plain.send(batch)
        consumer.commit(offsets, generation=member.generation)

    def transaction() -> None:
        producer.stage(offsets, metadata="", group_metadata=member.group_metadata)
        producer.send(batch)
        producer.commit(timeout_s=10)

    return {"at least once": at_least_once, "transaction": transaction}


def _joined(consumer: Consumer) -> Polled:
    while True:
        polled = consumer.poll(timeout_ms=200, max_records=1)
        if consumer.assignment:
            return polled


if __name__ == "__main__":
    main()
