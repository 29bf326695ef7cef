"""Throughput on one Redis server and on the three primaries of a cluster, in turn."""

import argparse
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial

from rich.table import Table

from bench.broker import Topics
from bench.calls import batches_of, flat_events
from bench.command import Command, Measured, Session, more_than_a_batch, positive
from bench.report import Summary, summarise
from bench.rounds import Figures, Progress, Servers, Stream, measure_stream
from bench.rows import Row
from bench.store import Store, Usage
from bench.traffic import BenchRecord, make_traffic, read_templates
from bench.workers import KINDS, NATIVE, check_engine, profiler_run
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.rules.model import PRESETS, load_rules
from servers.redis_cluster import RedisCluster

ONE, MANY = "one server", "three primaries"


class ClusterStore(Store):
    """The primaries as one; of keys it knows nothing but how to delete all."""

    def __init__(self, cluster: RedisCluster) -> None:
        super().__init__(cluster.url)
        self._each = [Store(node.url) for node in cluster.primaries]

    def close(self) -> None:
        """Disconnect."""
        super().close()
        for store in self._each:
            store.close()

    def usage(self, commands: Sequence[str]) -> Usage:
        """The counters of all of them together."""
        return Usage(*map(sum, zip(*(store.usage(commands) for store in self._each), strict=True)))

    def empty(self) -> None:
        """Delete every key."""
        for store in self._each:
            store.empty()


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=positive, default=5, help="default: 5")
    parser.add_argument(
        "--records", type=more_than_a_batch, default=40_000, help="of a round (default: 40000)"
    )
    parser.add_argument("--rules", choices=PRESETS, default="article", help="default: article")
    parser.add_argument(
        "--kind", choices=tuple(KINDS), default=NATIVE, help="of worker (default: native)"
    )


def _measure(options: argparse.Namespace, session: Session) -> Measured:
    check_engine(options.kind)
    broker = session.broker(1)
    many = ClusterStore(session.cluster())
    stores = {ONE: session.private_store(), MANY: many}
    measures = {
        "profiler run": partial(_worker, options.kind, options.rules),
        "calls alone": partial(_calls, options.rules),
    }
    rows = {
        Row(f"{what}, {where}", options.records, measure): where
        for what, measure in measures.items()
        for where in stores
    }
    templates = read_templates()
    rounds: dict[str, list[Figures]] = {row.name: [] for row in rows}
    try:
        for number in range(1, options.rounds + 1):
            for row, where in rows.items():
                records = make_traffic(templates, "three", row.records)
                servers = Servers(broker, stores[where])
                rounds[row.name].append(row.measure(servers, records, lambda _done: None))
                servers.store.empty()
            session.console.print(f"round {number} of {options.rounds} done")
    finally:
        many.close()
    summaries = summarise(list(rows), rounds)
    for summary in summaries:
        what, _, _ = summary["name"].partition(",")
        base = next(one for one in summaries if one["name"] == f"{what}, {ONE}")
        medians = [one["events_per_second"]["median"] for one in (summary, base)]
        summary["ratio_to_one_server"] = round(medians[0] / medians[1], 2)
    return Measured(
        {"kind": options.kind, "rules": options.rules, "rows": summaries}, [_table(summaries)]
    )


def _worker(
    kind: str,
    rules: str,
    servers: Servers,
    records: Sequence[BenchRecord],
    on_progress: Progress,
) -> Figures:
    """`profiler run`, at least once."""

    def build(token: str, topics: Topics) -> Stream:
        settings = {**KINDS[kind], "rules": rules, "delivery": "at-least-once"}
        return Stream([profiler_run(settings, servers.addresses, topics, token)])

    return measure_stream(servers, records, build, commands=("evalsha",), on_progress=on_progress)


def _calls(
    rules: str, servers: Servers, records: Sequence[BenchRecord], _on_progress: Progress
) -> Figures:
    """The script's calls as the worker sends them, batch after batch, and nothing else."""
    first, *others = batches_of(flat_events(records))
    with closing(connect(servers.store.url, timeout_s=30)) as client:
        script = ProfileScript(client, load_rules(rules))
        script.register()
        script.apply(first)
        before = servers.store.usage(["evalsha"])
        cpu_s, started = time.process_time(), time.perf_counter()
        for batch in others:
            script.apply(batch)
        seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu_s
        used = servers.store.usage(["evalsha"]).since(before)
    events = sum(map(len, others))
    return Figures(
        events_per_second=events / seconds,
        worker_cpu_us=1e6 * cpu_s / events,
        redis_command_us=used.command_us / events,
        redis_cpu_us=used.cpu_us / events,
        redis_calls=used.calls / events,
    )


def _table(rows: Sequence[Summary]) -> Table:
    table = Table(caption="medians; CPU in µs per event, Redis: of all its servers together")
    table.add_column("row", no_wrap=True)
    for title in ("events/s", "min", "max", "ratio", "worker CPU", "Redis CPU"):
        table.add_column(title, justify="right")
    for row in rows:
        table.add_row(
            row["name"],
            *(f"{row['events_per_second'][name]:,.0f}" for name in ("median", "min", "max")),
            f"{row['ratio_to_one_server']:.2f}",
            *(f"{row[name]['median']:.1f}" for name in ("worker_cpu_us", "redis_cpu_us")),
        )
    return table


COMMAND = Command(
    help="events/s on one Redis server and on three primaries of a cluster",
    add_options=_add_options,
    measure=_measure,
)
