"""From produce of an event to read of its output, at an even load."""

import argparse
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from rich.table import Table

from bench.aims import PASS_THROUGH, compare_with_aims, table_of_aims
from bench.broker import Topics
from bench.ceiling import output_sizes
from bench.command import Command, Measured, Session, positive
from bench.layout import keys_of, own_keys, own_topics
from bench.load import Load, Offered
from bench.report import Summary, spread
from bench.rounds import Servers
from bench.traffic import BenchRecord, make_traffic, read_templates
from bench.workers import KINDS, NATIVE, Worker, missing_engine, pass_through, profiler_run
from profiler.rules.model import PRESETS, load_rules

ROWS = (
    PASS_THROUGH,
    *(
        f"profiler/{kind}/{delivery}"
        for kind in (NATIVE, "librdkafka")
        for delivery in ("at-least-once", "exactly-once")
    ),
    "profiler/kafka-python/exactly-once",
)
#: A program that needs longer than this for its last outputs does not sustain the rate.
_SUSTAINED_S = 1.0


class Latency(NamedTuple):
    """One round of one row, in ms."""

    p50: float
    p99: float
    longest: float
    is_sustained: bool


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rate", type=positive, default=5_000, help="events/s offered (default: 5000)"
    )
    parser.add_argument(
        "--seconds",
        type=positive,
        default=15,
        help="of a round, after the warm-up (default: 15)",
    )
    parser.add_argument(
        "--warm-up", type=positive, default=5, help="seconds at the same rate before (default: 5)"
    )
    parser.add_argument("--rounds", type=positive, default=3, help="default: 3")
    parser.add_argument("--rules", choices=PRESETS, default="standard", help="default: standard")
    parser.add_argument("--partitions", type=positive, default=1, help="of each topic (default: 1)")
    parser.add_argument("--only", nargs="+", choices=ROWS, default=ROWS, help="some of the rows")


def _measure(options: argparse.Namespace, session: Session) -> Measured:
    servers = Servers(session.broker(options.partitions), session.store())
    templates = read_templates()
    count = options.rate * (options.warm_up + options.seconds)
    missing = missing_engine(NATIVE)
    left_out = [name for name in options.only if missing and f"/{NATIVE}/" in name]
    for name in left_out:
        session.console.print(f"LEFT OUT: {name}: {missing}")
    wanted = set(options.only) - set(left_out)
    found: dict[str, list[Latency]] = {name: [] for name in ROWS if name in wanted}
    for number in range(1, options.rounds + 1):
        for name, latencies in found.items():
            records = make_traffic(templates, "three", count)
            start = _starter(name, options.rules, servers, records)
            latencies.append(_latency(_round(servers, options, records, start)))
        session.console.print(f"round {number} of {options.rounds} done")
    rows = [_summary(name, latencies) for name, latencies in found.items()]
    base = next((row["p99_ms"]["median"] for row in rows if row["name"] == PASS_THROUGH), None)
    for row in rows:
        row["p99_ratio"] = base and round(row["p99_ms"]["median"] / base, 2)
    aims = compare_with_aims(rows)
    report = {"rate": options.rate, "rules": options.rules, "rows": rows, "aims": aims}
    return Measured(report, [_table(rows), *([table_of_aims(aims)] if aims else [])])


def _starter(
    name: str, rules: str, servers: Servers, records: Sequence[BenchRecord]
) -> Callable[[str, Topics], Worker]:
    if name == PASS_THROUGH:
        sizes = output_sizes(servers.store, records[:500])
        return lambda token, topics: pass_through(
            servers.broker.bootstrap_servers, topics, token, sizes
        )
    _, kind, delivery = name.split("/")
    settings = {**KINDS[kind], "rules": rules, "delivery": delivery}
    return lambda token, topics: profiler_run(settings, servers.addresses, topics, token)


def _round(
    servers: Servers,
    options: argparse.Namespace,
    records: Sequence[BenchRecord],
    start: Callable[[str, Topics], Worker],
) -> Offered:
    broker, store = servers.broker, servers.store
    keys = keys_of(records, load_rules(options.rules))
    with ExitStack() as stack:
        token, topics = stack.enter_context(own_topics(broker, keep_timestamps=True))
        stack.enter_context(own_keys(store, keys))
        worker = stack.enter_context(start(token, topics))
        broker.await_members(f"bench-{token}", [worker])
        load = Load(broker.bootstrap_servers, topics, options.partitions)
        stack.callback(load.close)
        return load.offer(records, options.rate, warm_up=options.rate * options.warm_up)


def _latency(offered: Offered) -> Latency:
    late = offered.latencies_ms
    is_sustained = not offered.missing and offered.drain_s < _SUSTAINED_S
    if not late:
        return Latency(math.inf, math.inf, math.inf, is_sustained=False)
    return Latency(late[len(late) // 2], late[len(late) * 99 // 100], late[-1], is_sustained)


def _summary(name: str, latencies: Sequence[Latency]) -> Summary:
    return {
        "name": name,
        "rounds": len(latencies),
        "p50_ms": spread([each.p50 for each in latencies]),
        "p99_ms": spread([each.p99 for each in latencies]),
        "longest_ms": spread([each.longest for each in latencies]),
        "sustained": all(each.is_sustained for each in latencies),
    }


def _table(rows: Sequence[Summary]) -> Table:
    table = Table(caption="ms from the time an event was due to the read of its output")
    for title in ("row", "p50", "p99: median (min to max)", "ratio", "longest", "rate sustained"):
        table.add_column(title)
    for row in rows:
        p99 = row["p99_ms"]
        table.add_row(
            row["name"],
            f"{row['p50_ms']['median']:.0f}",
            f"{p99['median']:.0f} ({p99['min']:.0f} to {p99['max']:.0f})",
            "-" if row["p99_ratio"] is None else f"{row['p99_ratio']:.1f}",
            f"{row['longest_ms']['median']:.0f}",
            "yes" if row["sustained"] else "NO",
        )
    return table


COMMAND = Command(
    help="p50 and p99 from produce to read at an even load, both clients and the pass-through",
    add_options=_add_options,
    measure=_measure,
)
