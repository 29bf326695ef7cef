"""One round of one row on real servers: fill, start the programs, watch, read the clocks."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from bench.broker import Broker, Topics
from bench.errors import BenchError
from bench.layout import own_keys, own_topics
from bench.store import Store
from bench.traffic import BenchRecord
from bench.workers import Worker

#: Each look costs the broker a request.
_LOOK_EVERY_S = 0.05
#: The share of a round's records that comes before anything is counted, but for a row's own.
_WARM_UP = 0.1
_GIVE_UP_AFTER_S = 120.0

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Figures:
    """What one round of a row came to; the rest are per event. None: unknown, or no Redis."""

    events_per_second: float
    worker_cpu_us: float | None
    redis_command_us: float | None = None
    redis_cpu_us: float | None = None
    redis_calls: float | None = None
    bytes_per_visitor: float | None = None


@dataclass(frozen=True)
class Servers:
    """Where all rows run."""

    broker: Broker
    store: Store

    @property
    def addresses(self) -> dict[str, str]:
        """As settings of the profiler."""
        return {
            "kafka__bootstrap_servers": self.broker.bootstrap_servers,
            "redis__url": self.store.url,
        }


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
    on_progress: Progress,
    commands: Sequence[str] = (),
    keys: Sequence[str] = (),
    warm_up: float = _WARM_UP,
) -> Figures:
    """Run programs over filled topics.

    Args:
        servers: where.
        records: what the input topic is filled with, before anything starts.
        build: makes the programs for a unique word and the topics.
        on_progress: called with the number of outputs so far.
        commands: what they send to Redis; none of them uses it where this is empty.
        keys: what they write there; deleted at the end.
        warm_up: the share of the records that comes before anything is counted.
    """
    broker, store = servers.broker, servers.store
    with ExitStack() as stack:
        token, topics = stack.enter_context(own_topics(broker))
        broker.fill(topics.processed, records)
        stream = build(token, topics)
        for group, topic in stream.groups:
            broker.start_group_at_zero(group, topic)
        stack.enter_context(own_keys(store, keys))
        before = store.usage(commands)
        for worker in stream.workers:
            stack.enter_context(worker)
        first = int(warm_up * len(records))
        meters = [_Meter(worker, first, len(records)) for worker in stream.workers]
        worker_us = _watch(broker, meters, topics.persisted, len(records), on_progress)
        used = store.usage(commands).since(before)
        span = broker.span(topics.persisted, first)
        speed = span.events / span.seconds
        if not commands:
            return Figures(events_per_second=speed, worker_cpu_us=worker_us)
        total = len(records)
        return Figures(
            events_per_second=speed,
            worker_cpu_us=worker_us,
            redis_command_us=used.command_us / total,
            redis_cpu_us=used.cpu_us / total,
            redis_calls=used.calls / total,
            bytes_per_visitor=store.bytes_per_key(keys) if keys else None,
        )


class _Meter:
    """CPU time of one program per output, from the last look within the warm-up to its last one."""

    def __init__(self, worker: Worker, warm_up: int, total: int) -> None:
        self.worker = worker
        self._warm_up = warm_up
        self._total = total
        self._begin = self._end = (0, worker.cpu_us())

    def look(self, count: int) -> None:
        if self._end[0] >= self._total:
            return
        self._end = (count, self.worker.cpu_us())
        if count <= self._warm_up:
            self._begin = self._end

    def cpu_us(self) -> float | None:
        (first, idle_us), (last, used_us) = self._begin, self._end
        if idle_us is None or used_us is None or last == first:
            return None
        return (used_us - idle_us) / (last - first)


def _watch(
    broker: Broker, meters: Sequence[_Meter], topic: str, total: int, on_progress: Progress
) -> float | None:
    """Wait for the last output.

    Returns:
        CPU time of all workers per event; None where it cannot be known.
    """
    workers = [meter.worker for meter in meters]
    deadline = time.monotonic() + _GIVE_UP_AFTER_S
    while True:
        counts = broker.counts({topic, *(worker.output_topic for worker in workers)})
        for meter in meters:
            meter.look(counts[meter.worker.output_topic])
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
    each = [meter.cpu_us() for meter in meters]
    return None if None in each else sum(cpu_us for cpu_us in each if cpu_us is not None)
