"""What the script costs: CPU time and bytes per event, and memory per visitor."""

import argparse
import time
from collections.abc import Sequence
from itertools import product
from statistics import median
from typing import Any, NamedTuple

from rich.table import Table

from bench.bare import BARE_COMMANDS, send_bare
from bench.calls import batches_of, flat_events
from bench.command import Command, Measured, Session, positive
from bench.operations import add_options, measure_operations, operation_tables
from bench.report import Summary, spread
from bench.sizes import measure_sizes, size_table
from bench.store import Store
from bench.traffic import TRAFFICS, Template, make_traffic, read_templates
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent
from profiler.rules.model import load_rules
from servers.redis import FLAVOURS

PRESETS = ("article", "lean", "standard")


class Cost(NamedTuple):
    """What an event costs, by the script and by a bare HSET and HGETALL of the same profile.

    Attributes:
        script_cpu_us: CPU time of the whole server, with sockets and parsing.
        bare_cpu_us: the same.
        script_us: what the commands took, by the clock: a busy machine adds to it.
        bare_us: the same.
        client_cpu_us: CPU time of the caller, which packs the event and decodes the answer.
        wire_bytes: received and sent by the server.
        bare_wire_bytes: the same.
        events_per_call: of the script.
    """

    script_cpu_us: float
    bare_cpu_us: float
    script_us: float
    bare_us: float
    client_cpu_us: float
    wire_bytes: float
    bare_wire_bytes: float
    events_per_call: float


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--server", nargs="+", choices=FLAVOURS, default=FLAVOURS, help="default: all, in turn"
    )
    parser.add_argument("--rounds", type=positive, default=5, help="default: 5")
    parser.add_argument(
        "--records", type=positive, default=20_000, help="events of a round (default: 20000)"
    )
    parser.add_argument(
        "--visitors",
        type=positive,
        default=100_000,
        help="visitors in memory, two visits of ten events each (default: 100000)",
    )
    parser.add_argument(
        "--full-visitors",
        type=positive,
        default=1_000,
        help="visitors with eight visits and full windows of event ids (default: 1000)",
    )
    add_options(parser)


def _measure(options: argparse.Namespace, session: Session) -> Measured:
    templates = read_templates()
    times = _times(options, session, templates)
    sizes = measure_sizes(options, session, templates, PRESETS)
    operations = measure_operations(options, session)
    return Measured(
        {"time": times, "memory": sizes, **operations},
        [_time_table(times), size_table(sizes), *operation_tables(operations)],
    )


def _times(
    options: argparse.Namespace, session: Session, templates: list[Template]
) -> list[Summary]:
    stores = {flavour: session.private_store(flavour=flavour) for flavour in options.server}
    found: dict[tuple[str, str, str], list[Cost]] = {}
    for number in range(1, options.rounds + 1):
        for traffic in TRAFFICS:
            events = flat_events(make_traffic(templates, traffic, options.records))
            for flavour, preset in product(stores, PRESETS):
                cost = _cost(stores[flavour], preset, events)
                found.setdefault((flavour, preset, traffic), []).append(cost)
        session.console.print(f"server time: round {number} of {options.rounds} done")
    return [
        {
            "server": flavour,
            "preset": preset,
            "traffic": traffic,
            **{name: spread([getattr(cost, name) for cost in costs]) for name in Cost._fields},
            "cpu_ratio": round(
                median(cost.script_cpu_us for cost in costs)
                / median(cost.bare_cpu_us for cost in costs),
                2,
            ),
        }
        for flavour, preset, traffic in product(stores, PRESETS, TRAFFICS)
        for costs in [found[flavour, preset, traffic]]
    ]


def _cost(store: Store, preset: str, events: Sequence[FlatEvent]) -> Cost:
    """Apply the events, and then store and read the very profiles that came of them."""
    rules = load_rules(preset)
    client: Any = connect(store.url, timeout_s=30)
    try:
        script = ProfileScript(client, rules)
        script.register()
        before, client_s = store.usage(["evalsha"]), time.process_time()
        outcomes = [outcome for some in batches_of(events) for outcome in script.apply(some)]
        client_s = time.process_time() - client_s
        scripted = store.usage(["evalsha"]).since(before)
        before = store.usage(BARE_COMMANDS)
        for some, theirs in zip(batches_of(events), batches_of(outcomes), strict=True):
            send_bare(client, rules, some, theirs)
        bare = store.usage(BARE_COMMANDS).since(before)
    finally:
        store.empty()
        client.close()
    count = len(events)
    return Cost(
        script_cpu_us=scripted.cpu_us / count,
        bare_cpu_us=bare.cpu_us / count,
        script_us=scripted.command_us / count,
        bare_us=bare.command_us / count,
        client_cpu_us=1e6 * client_s / count,
        wire_bytes=scripted.wire_bytes / count,
        bare_wire_bytes=bare.wire_bytes / count,
        events_per_call=count / scripted.calls,
    )


def _time_table(times: Sequence[Summary]) -> Table:
    table = Table(
        caption="an event's µs of the server's CPU: median (min to max); bare: HSET and HGETALL of"
        " the same fields; client: µs of the caller's CPU; bytes: received and sent"
    )
    for title in ("server", "preset", "traffic", "events/call", "script µs", "bare µs", "ratio"):
        table.add_column(title)
    for title in ("client µs", "bytes"):
        table.add_column(title)
    for row in times:
        table.add_row(
            row["server"],
            row["preset"],
            row["traffic"],
            f"{row['events_per_call']['median']:.1f}",
            *(
                f"{us['median']:.1f} ({us['min']:.1f} to {us['max']:.1f})"
                for us in (row["script_cpu_us"], row["bare_cpu_us"])
            ),
            f"{row['cpu_ratio']:.1f}",
            f"{row['client_cpu_us']['median']:.1f}",
            f"{row['wire_bytes']['median']:,.0f}",
        )
    return table


COMMAND = Command(
    help="the script's cost: CPU time and bytes per event, and memory per visitor",
    add_options=_add_options,
    measure=_measure,
)
