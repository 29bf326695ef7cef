"""CPU of producing with librdkafka, in slices of 950 kB a topic and in one go, in turn.

Run it with ``python -m bench.slices``; it starts a Kafka of its own, or takes the one that
``PROFILER_TEST_KAFKA`` names. A batch is 500 records for each of two topics, as the worker sends
it: about 0.6 MB flattened and 1.14 MB persisted.
"""

import statistics
import time
import uuid
from contextlib import ExitStack, closing

from bench.made_up import BATCHES, BYTES, EVENTS, ROUNDS, batch_of
from profiler.config import KafkaSettings
from profiler.kafka.admin.topics import create_topics
from profiler.kafka.librdkafka import LibrdkafkaProducer, sending
from profiler.records.types import OutputRecord
from servers.kafka import shared_kafka

_SLICES = {"in slices": sending.SLICE_BYTES, "in one go": 1 << 40}


def main() -> None:
    """Print the microseconds of CPU and of time for an event, of every round."""
    with ExitStack() as stack:
        kafka = shared_kafka(stack)
        settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
        topics = {f"slices-{name}-{uuid.uuid4().hex[:8]}": size for name, size in BYTES.items()}
        create_topics(settings, topics, partitions=1, replication=1)
        batch = batch_of(topics)
        found: dict[str, list[float]] = {name: [] for name in _SLICES}
        for _ in range(ROUNDS):
            for name, slice_bytes in _SLICES.items():
                sending.SLICE_BYTES = slice_bytes
                cpu, elapsed = _round(settings, batch)
                found[name].append(cpu)
                print(f"{name}: {cpu:.1f} µs of CPU, {elapsed:.1f} µs an event")
        for name, cpus in found.items():
            print(f"{name}: median {statistics.median(cpus):.1f} µs of CPU an event")


def _round(settings: KafkaSettings, batch: list[OutputRecord]) -> tuple[float, float]:
    with closing(LibrdkafkaProducer(settings)) as sender:
        sender.send(batch)
        cpu, clock = time.process_time(), time.perf_counter()
        for _ in range(BATCHES):
            sender.send(batch)
        scale = 1e6 / (BATCHES * EVENTS)
        return (time.process_time() - cpu) * scale, (time.perf_counter() - clock) * scale


if __name__ == "__main__":
    main()
