"""What `--metrics` costs a worker: beside one without it, and each part by itself.

The worker that serves metrics is scraped every second, fifteen times as often as is usual. CPU time
of a whole worker scatters by several per cent on a shared machine, so the parts are added up too.
"""

import argparse
import time
import urllib.request
import uuid
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from functools import partial
from statistics import median
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import SecretStr
from rich.table import Table

from bench.command import Command, Measured, Session, more_than_a_batch, positive
from bench.layout import keys_of
from bench.report import spread
from bench.rounds import Figures, Servers, Stream, measure_stream
from bench.traffic import COPIES, BenchRecord, make_records, read_templates
from bench.workers import profiler_run
from profiler.config.settings import BatchSettings, KafkaSettings, RedisSettings, Settings
from profiler.kafka.admin.groups import open_groups
from profiler.kafka.admin.topics import create_topics
from profiler.rules.model import load_rules
from profiler.servers.ports import LOOPBACK, free_port
from profiler.service.group_lag import EVERY_S as LAG_EVERY_S
from profiler.service.group_lag import GroupLag
from profiler.service.redis_load import EVERY_S as LOAD_EVERY_S
from profiler.service.redis_load import RedisLoad
from profiler.service.telemetry import Telemetry
from profiler.worker.observer import CommittedBatch, LoopState, Observer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.broker import Topics

OFF, ON = "without", "with --metrics"
_SCRAPE_EVERY_S = 1.0
_BATCHES = 2_000
_CALLS = 100
_STATE = LoopState(frozenset([("tracking_processed", 0)]), 1, is_paused=False, under_way=500)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=positive, default=5, help="of both (default: 5)")
    parser.add_argument(
        "--records",
        type=more_than_a_batch,
        default=40_000,
        help="records of a round (default: 40000)",
    )


def _measure(options: argparse.Namespace, session: Session) -> Measured:
    servers = Servers(session.broker(1), session.store())
    templates = read_templates(None)
    rounds: dict[str, list[Figures]] = defaultdict(list)
    for number in range(1, options.rounds + 1):
        # In another order each time: a machine that slows down slows both.
        for name in (OFF, ON) if number % 2 else (ON, OFF):
            records = make_records(templates, options.records, -(-options.records // COPIES))
            rounds[name].append(_round(servers, records, is_on=name == ON))
        session.console.print(f"round {number} of {options.rounds} done")
    costs = {name: _cost_of_a_batch(observer) for name, observer in _observers().items()}
    without_us = median([figures.worker_cpu_us or 0.0 for figures in rounds[OFF]])
    parts = _parts(servers, costs[ON] - costs[OFF], without_us)
    report: dict[str, Any] = {
        name: {
            "worker_cpu_us": spread([f.worker_cpu_us or 0.0 for f in rounds[name]]),
            "events_per_second": spread([f.events_per_second for f in rounds[name]]),
            "calls_of_a_batch_us": round(costs[name], 1),
        }
        for name in (OFF, ON)
    }
    pairs = zip(rounds[ON], rounds[OFF], strict=True)
    ratios = [(on.worker_cpu_us or 0.0) / (off.worker_cpu_us or 1.0) for on, off in pairs]
    report |= {"ratio": spread(ratios), "parts": [part._asdict() for part in parts]}
    return Measured(report, [_table(report), _table_of(parts)])


class Part(NamedTuple):
    """A part of the cost.

    Attributes:
        what: is done again and again.
        cpu_ms: of the process, each time.
        per_cent: of one core; of the calls of a batch, of what the batch takes otherwise.
    """

    what: str
    cpu_ms: float
    per_cent: float


def _parts(servers: Servers, batch_us: float, without_us: float) -> list[Part]:
    telemetry = Telemetry("run", Settings(), engine="python")
    telemetry.turned(_STATE)
    kafka = KafkaSettings(bootstrap_servers=servers.broker.bootstrap_servers)
    topic = f"metrics-{uuid.uuid4().hex[:8]}"
    create_topics(kafka, [topic], partitions=1, replication=1)
    owned = frozenset([(topic, 0)])
    lag = GroupLag(kafka, topic, lambda: owned, telemetry.store)
    load = RedisLoad(RedisSettings(url=SecretStr(servers.store.url)), telemetry.store)
    otherwise_us = BatchSettings().max_records * without_us
    parts = [Part("the calls of a batch", batch_us / 1e3, 100 * batch_us / otherwise_us)]
    with open_groups(kafka) as groups:
        for what, call, every_s in (
            ("a scrape, every 15 s", telemetry.metrics, 15.0),
            ("the lag, every 10 s", partial(lag.look, groups), LAG_EVERY_S),
            ("Redis, every 5 s", load.look, LOAD_EVERY_S),
        ):
            call()
            started = time.process_time()
            for _ in range(_CALLS):
                call()
            each_s = (time.process_time() - started) / _CALLS
            parts.append(Part(what, 1e3 * each_s, 100 * each_s / every_s))
    return parts


def _round(servers: Servers, records: Sequence[BenchRecord], *, is_on: bool) -> Figures:
    address = f"{LOOPBACK}:{free_port()}"
    settings = {"rules": "standard", "kafka__client": "librdkafka"}
    settings |= {"metrics__listen": address} if is_on else {}

    def build(token: str, topics: "Topics") -> Stream:
        return Stream([profiler_run(settings, servers.addresses, topics, token)])

    keys = keys_of(records, load_rules("standard"))
    with _scraped(address):
        return measure_stream(
            servers,
            records,
            build,
            commands=("evalsha",),
            keys=keys,
            on_progress=lambda _done: None,
        )


@contextmanager
def _scraped(address: str) -> "Iterator[None]":
    over = Event()

    def scrape() -> None:
        while not over.wait(_SCRAPE_EVERY_S):
            with suppress(OSError):
                urllib.request.urlopen(f"http://{address}/metrics", timeout=5).read()

    thread = Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _observers() -> dict[str, Observer]:
    return {OFF: Observer(), ON: Telemetry("run", Settings(), engine="python")}


def _cost_of_a_batch(observer: Observer) -> float:
    """µs of all calls that a full batch takes; the median."""
    records = BatchSettings().max_records
    now_ms = int(time.time() * 1_000)
    stamps = [now_ms - 3 * number for number in range(records)]
    counts = Counter(dict.fromkeys(("read", "profiled", "late", "repeated"), records))
    written = Counter({"tracking_flattened": records, "tracking_persisted": records})
    batch = CommittedBatch(records, counts, Counter(bad_json=3), written, stamps, Counter())
    times = []
    for _ in range(_BATCHES):
        started = time.perf_counter()
        for phase in ("decode", "redis", "produce", "commit", "commit", "back-pressure"):
            with observer.during(phase):
                pass
        observer.spent("poll", 0.001)
        observer.turned(_STATE)
        observer.transacted(0.01)
        observer.committed(batch)
        times.append((time.perf_counter() - started) * 1e6)
    return median(times)


def _table(report: dict[str, Any]) -> Table:
    table = Table(caption=f"medians; with / without, worker CPU: {report['ratio']}")
    table.add_column("worker")
    for title in ("worker CPU, µs an event", "events/s", "calls of a batch, µs"):
        table.add_column(title, justify="right")
    for name in (OFF, ON):
        found = report[name]
        table.add_row(
            name,
            f"{found['worker_cpu_us']['median']:.1f}",
            f"{found['events_per_second']['median']:,.0f}",
            f"{found['calls_of_a_batch_us']:.1f}",
        )
    return table


def _table_of(parts: Sequence[Part]) -> Table:
    table = Table(caption="CPU of the process; % of a core, of a batch: of what it takes otherwise")
    table.add_column("part")
    table.add_column("ms each", justify="right")
    table.add_column("%", justify="right")
    for part in parts:
        table.add_row(part.what, f"{part.cpu_ms:.3f}", f"{part.per_cent:.2f}")
    return table


COMMAND = Command(help="what --metrics costs a worker", add_options=_add_options, measure=_measure)
