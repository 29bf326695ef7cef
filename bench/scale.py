"""Throughput against the number of workers, and whose CPU time it takes."""

import argparse
import os
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass

from rich.table import Table

from bench.command import Command, Measured, Session, positive
from bench.errors import BenchError
from bench.layout import keys_of, own_keys, own_topics
from bench.machine import cpu_us, idle_us, pid_listening_on
from bench.report import Summary, spread
from bench.rounds import Servers
from bench.traffic import BenchRecord, make_traffic, read_templates
from bench.workers import KINDS, NATIVE, Worker, check_engine, profiler_run
from profiler.rules.model import PRESETS, load_rules

_LOOK_EVERY_S = 0.1
_GIVE_UP_AFTER_S = 120.0
#: Of the outputs: before it is the warm-up; after it some partitions are empty, their workers idle.
_FIRST_SHARE, _LAST_SHARE = 0.1, 0.9


@dataclass(frozen=True)
class Clocks:
    """Counters at one moment: outputs, seconds, and CPU time in µs; None where unknown."""

    outputs: int
    at_s: float
    workers: float | None
    redis: float | None
    broker: float | None
    idle: float | None


@dataclass(frozen=True)
class Rate:
    """Between two moments: events per second, and cores in use (cores without work: idle)."""

    events_per_second: float
    workers: float | None
    redis: float | None
    broker: float | None
    idle: float | None


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers", nargs="+", type=positive, default=[1, 2, 4], help="default: 1 2 4"
    )
    parser.add_argument("--rounds", type=positive, default=3, help="default: 3")
    parser.add_argument(
        "--records", type=positive, default=300_000, help="of a round (default: 300000)"
    )
    parser.add_argument(
        "--kind", choices=tuple(KINDS), default=NATIVE, help="of worker (default: native)"
    )
    parser.add_argument("--rules", choices=PRESETS, default="standard", help="default: standard")
    parser.add_argument(
        "--partitions", type=positive, help="of each topic (default: the most workers)"
    )


def _measure(options: argparse.Namespace, session: Session) -> Measured:
    check_engine(options.kind)
    partitions = options.partitions or max(options.workers)
    servers = Servers(session.broker(partitions), session.store())
    templates = read_templates()
    found: dict[int, list[Rate]] = {number: [] for number in options.workers}
    for round_number in range(1, options.rounds + 1):
        for number, rates in found.items():
            records = make_traffic(templates, "three", options.records)
            rates.append(_round(servers, options, records, number))
        session.console.print(f"round {round_number} of {options.rounds} done")
    rows = [_summary(number, rates) for number, rates in found.items()]
    about = {"kind": options.kind, "rules": options.rules, "partitions": partitions}
    return Measured({**about, "rows": rows}, [_table(rows)])


def _round(
    servers: Servers, options: argparse.Namespace, records: Sequence[BenchRecord], number: int
) -> Rate:
    broker, store = servers.broker, servers.store
    keys = keys_of(records, load_rules(options.rules))
    settings = {**KINDS[options.kind], "rules": options.rules, "delivery": "at-least-once"}
    with ExitStack() as stack:
        token, topics = stack.enter_context(own_topics(broker))
        stack.enter_context(own_keys(store, keys))
        workers = [
            stack.enter_context(
                profiler_run(
                    {**settings, "worker_id": f"bench-{index}"}, servers.addresses, topics, token
                )
            )
            for index in range(number)
        ]
        broker.await_members(f"bench-{token}", workers)
        # All are there before the first record, and filling costs them nothing.
        _signal(workers, signal.SIGSTOP)
        broker.fill(topics.processed, records)
        _signal(workers, signal.SIGCONT)
        _await(servers, topics.persisted, workers, int(_FIRST_SHARE * len(records)))
        begin = _read_clocks(servers, topics.persisted, workers)
        _await(servers, topics.persisted, workers, int(_LAST_SHARE * len(records)))
        end = _read_clocks(servers, topics.persisted, workers)
        if end.outputs == begin.outputs:
            raise BenchError("all outputs came at once: give more --records")
        return _rate(begin, end)


def _signal(workers: Sequence[Worker], number: signal.Signals) -> None:
    for worker in workers:
        os.kill(worker.pid, number)


def _await(servers: Servers, topic: str, workers: Sequence[Worker], outputs: int) -> None:
    deadline = time.monotonic() + _GIVE_UP_AFTER_S
    while (found := servers.broker.counts([topic])[topic]) < outputs:
        for worker in workers:
            if not worker.running:
                raise BenchError(f"a worker ended early:\n{worker.last_output()}")
        if time.monotonic() > deadline:
            raise BenchError(f"{found} of {outputs} outputs in {_GIVE_UP_AFTER_S:.0f} s")
        time.sleep(_LOOK_EVERY_S)


def _read_clocks(servers: Servers, topic: str, workers: Sequence[Worker]) -> Clocks:
    used = [worker.cpu_us() for worker in workers]
    port = int(servers.broker.bootstrap_servers.rpartition(":")[2])
    broker_pid = pid_listening_on(port)
    return Clocks(
        outputs=servers.broker.counts([topic])[topic],
        at_s=time.monotonic(),
        workers=None if None in used else sum(each for each in used if each is not None),
        redis=servers.store.usage([]).cpu_us,
        broker=None if broker_pid is None else cpu_us(broker_pid),
        idle=idle_us(),
    )


def _rate(begin: Clocks, end: Clocks) -> Rate:
    seconds = end.at_s - begin.at_s

    def cores(before: float | None, after: float | None) -> float | None:
        if before is None or after is None:
            return None
        return (after - before) / 1e6 / seconds

    return Rate(
        events_per_second=(end.outputs - begin.outputs) / seconds,
        workers=cores(begin.workers, end.workers),
        redis=cores(begin.redis, end.redis),
        broker=cores(begin.broker, end.broker),
        idle=cores(begin.idle, end.idle),
    )


def _summary(number: int, rates: Sequence[Rate]) -> Summary:
    summary: Summary = {"name": f"{number} workers", "workers": number, "rounds": len(rates)}
    each = [asdict(rate) for rate in rates]
    summary["events_per_second"] = spread([one["events_per_second"] for one in each])
    summary["cores"] = {}
    for who in ("workers", "redis", "broker", "idle"):
        values = [one[who] for one in each if one[who] is not None]
        summary["cores"][who] = spread(values) if values else None
    return summary


def _table(rows: Sequence[Summary]) -> Table:
    table = Table(caption="events/s: median (min to max); CPU: cores in use, medians")
    for title in ("workers", "events/s", "workers CPU", "Redis CPU", "broker CPU", "idle"):
        table.add_column(title, justify="right")
    for row in rows:
        speed, all_cores = row["events_per_second"], row["cores"].values()
        table.add_row(
            str(row["workers"]),
            f"{speed['median']:,.0f} ({speed['min']:,.0f} to {speed['max']:,.0f})",
            *("-" if cores is None else f"{cores['median']:.2f}" for cores in all_cores),
        )
    return table


COMMAND = Command(
    help="events/s against the number of workers, and the cores that all parts use",
    add_options=_add_options,
    measure=_measure,
)
