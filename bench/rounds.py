"""One round of one row on real servers: fill, start the programs, watch, read the clocks."""

import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from bench.broker import Broker, Topics
from bench.errors import BenchError
from bench.store import Store
from bench.traffic import BenchRecord
from bench.workers import Worker

#: Each look costs the broker a request, and its interval is the error of the workers' CPU time.
_LOOK_EVERY_S = 0.05
_GIVE_UP_AFTER_S = 120.0

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Figures:
    """What one round of a row came to; the rest are per event."""

    events_per_second: float
    worker_cpu_us: float | None
    redis_command_us: float
    redis_cpu_us: float
    redis_calls: float
    bytes_per_visitor: float


@dataclass(frozen=True)
class Servers:
    """Where all rows run."""

    broker: Broker
    store: Store


@dataclass(frozen=True)
class Stream:
    """What a row starts for one round.

    Attributes:
        workers: not started.
        groups: consumer groups that must begin at offset 0, with the topic that each reads.
    """

    workers: Sequence[Worker]
    groups: Sequence[tuple[str, str]] = ()


def measure_stream(
    servers: Servers,
    records: Sequence[BenchRecord],
    build: Callable[[str, Topics], Stream],
    *,
    commands: Sequence[str],
    keys: Sequence[str],
    on_progress: Progress,
) -> Figures:
    """Run programs over filled topics.

    Args:
        servers: where.
        records: what the input topic is filled with, before anything starts.
        build: makes the programs for a unique word and the topics.
        commands: what they send to Redis.
        keys: what they write there; deleted at the end.
        on_progress: called with the number of outputs so far.
    """
    broker, store = servers.broker, servers.store
    # As long as "tracking": the input topic's name is part of every stored profile.
    token = uuid.uuid4().hex[: len("tracking")]
    with ExitStack() as stack:
        topics = broker.make_topics(token)
        stack.callback(broker.remove, topics)
        broker.fill(topics.processed, records)
        stream = build(token, topics)
        for group, topic in stream.groups:
            broker.start_group_at_zero(group, topic)
        stack.callback(store.forget, keys)
        before = store.usage(commands)
        for worker in stream.workers:
            stack.enter_context(worker)
        worker_us = _watch(broker, stream.workers, topics.persisted, len(records), on_progress)
        used = store.usage(commands).since(before)
        span = broker.span(topics.persisted)
        total = len(records)
        return Figures(
            events_per_second=span.events / span.seconds,
            worker_cpu_us=None if worker_us is None else worker_us / total,
            redis_command_us=used.command_us / total,
            redis_cpu_us=used.cpu_us / total,
            redis_calls=used.calls / total,
            bytes_per_visitor=store.bytes_per_key(keys),
        )


def _watch(
    broker: Broker, workers: Sequence[Worker], topic: str, total: int, on_progress: Progress
) -> float | None:
    """Wait for the last output.

    Returns:
        CPU time of all workers, each from the last look that found its output empty.
    """
    idle_us = [worker.cpu_us() for worker in workers]
    deadline = time.monotonic() + _GIVE_UP_AFTER_S
    while True:
        counts = broker.counts({topic, *(worker.output_topic for worker in workers)})
        for place, worker in enumerate(workers):
            if not counts[worker.output_topic]:
                idle_us[place] = worker.cpu_us()
        on_progress(counts[topic])
        if counts[topic] >= total:
            break
        for worker in workers:
            if not worker.running:
                raise BenchError(f"a program ended early:\n{worker.last_output()}")
        if time.monotonic() > deadline:
            raise BenchError(
                f"{counts[topic]} of {total} outputs within {_GIVE_UP_AFTER_S:.0f} s;"
                f" the last output:\n{workers[-1].last_output()}"
            )
        time.sleep(_LOOK_EVERY_S)
    used_us = 0.0
    for idle, worker in zip(idle_us, workers, strict=True):
        now = worker.cpu_us()
        if idle is None or now is None:
            return None
        used_us += now - idle
    return used_us
