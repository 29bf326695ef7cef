"""What the script costs the server: time per event, and bytes per visitor."""

import argparse
from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.table import Table

from bench.calls import batches_of, flat_events
from bench.command import Command, Measured, Session, positive
from bench.populate import Crowd, captured_inputs, populate
from bench.report import Summary, spread
from bench.store import Store
from bench.traffic import COPIES, Template, make_records, read_templates
from profiler.profiles.keys import key_of
from profiler.profiles.redis.connections import connect
from profiler.profiles.reply import Applied
from profiler.profiles.script import ProfileScript
from profiler.records.types import OUTPUT_PREFIX, FlatEvent
from profiler.rules.model import load_rules

PRESETS = ("article", "standard")
_BARE_KEY = "bare:{<id>}"
_BARE_COMMANDS = ("hset", "hgetall")
#: By the number of stretches of traffic that run at the same time: many visitors at once, as on a
#: busy site; the throughput rows' traffic; the sample's own order.
_COPIES = {
    "one visitor's event per call": 500,
    "traffic of make bench": COPIES,
    "sample's order": 1,
}
#: What `docs/operations.md` recommends, beside the default.
_VALUE_LIMITS = {"default": (), "2048": ("--hash-max-listpack-value", "2048")}


class Cost(NamedTuple):
    """Microseconds per event, for the script and for a bare HSET and HGETALL.

    First what the commands took (by the clock: a busy machine adds to it), then CPU time of the
    whole server, with sockets and parsing.
    """

    script_us: float
    bare_us: float
    script_cpu_us: float
    bare_cpu_us: float
    events_per_call: float


def _add_options(parser: argparse.ArgumentParser) -> None:
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


def _measure(options: argparse.Namespace, session: Session) -> Measured:
    templates = read_templates()
    times = _times(options, session, templates)
    sizes = _sizes(options, session, templates)
    return Measured({"time": times, "memory": sizes}, [_time_table(times), _size_table(sizes)])


def _times(
    options: argparse.Namespace, session: Session, templates: list[Template]
) -> list[Summary]:
    store = session.private_store()
    found: dict[tuple[str, str], list[Cost]] = {}
    for number in range(1, options.rounds + 1):
        for traffic, copies in _COPIES.items():
            copy_size = -(-options.records // copies)
            events = flat_events(make_records(templates, options.records, copy_size))
            for preset in PRESETS:
                cost = _cost(store, preset, events)
                found.setdefault((preset, traffic), []).append(cost)
        session.console.print(f"server time: round {number} of {options.rounds} done")
    return [
        {
            "preset": preset,
            "traffic": traffic,
            **{name: spread([getattr(cost, name) for cost in costs]) for name in Cost._fields},
        }
        for (preset, traffic), costs in sorted(found.items())
    ]


def _cost(store: Store, preset: str, events: Sequence[FlatEvent]) -> Cost:
    """Apply the events, and then store and read the very profiles that came of them."""
    rules = load_rules(preset)
    visitor = rules.identity.visitor[0]
    client: Any = connect(store.url, timeout_s=30)
    try:
        script = ProfileScript(client, rules)
        script.register()
        before, outcomes = store.usage(["evalsha"]), []
        for some in batches_of(events):
            outcomes += script.apply(some)
        scripted = store.usage(["evalsha"]).since(before)
        before = store.usage(_BARE_COMMANDS)
        pairs = list(zip(events, outcomes, strict=True))
        for batch in batches_of(pairs):
            pipe = client.pipeline(transaction=False)
            for event, outcome in batch:
                if isinstance(outcome, Applied):
                    key = key_of(_BARE_KEY, event.fields[visitor])
                    pipe.hset(key, mapping=_fields(outcome))
                    pipe.hgetall(key)
            pipe.execute()
        bare = store.usage(_BARE_COMMANDS).since(before)
    finally:
        store.empty()
        client.close()
    count = len(events)
    return Cost(
        script_us=scripted.command_us / count,
        bare_us=bare.command_us / count,
        script_cpu_us=scripted.cpu_us / count,
        bare_cpu_us=bare.cpu_us / count,
        events_per_call=count / scripted.calls,
    )


def _fields(outcome: Applied) -> dict[str, str]:
    """The fields of the profile, as text, without what only describes the event."""
    return {
        name.removeprefix(OUTPUT_PREFIX): str(value)
        for name, value in outcome.profile.items()
        if name.startswith((OUTPUT_PREFIX + "visit_", OUTPUT_PREFIX + "visitor_"))
        and value is not None
    }


def _sizes(
    options: argparse.Namespace, session: Session, templates: list[Template]
) -> list[Summary]:
    windows = load_rules("standard").limits
    crowds = [
        Crowd(options.visitors, visits=2, events=10),
        Crowd(options.full_visitors, visits=windows.visits, events=windows.event_ids),
    ]
    found = []
    for limit, arguments in _VALUE_LIMITS.items():
        store = session.private_store(*arguments)
        for preset in PRESETS:
            rules = load_rules(preset)
            for crowd in crowds:
                session.console.print(f"memory: {preset}, {crowd.visitors} visitors, {limit}")
                empty = store.used_bytes()
                populate(store, rules, crowd, captured_inputs(rules, templates))
                keys = crowd.keys(rules)
                found.append(
                    {
                        "preset": preset,
                        "hash_max_listpack_value": limit,
                        **crowd._asdict(),
                        "bytes_per_visitor": round(store.bytes_per_key(keys)),
                        "used_memory_per_visitor": round(
                            (store.used_bytes() - empty) / crowd.visitors
                        ),
                        "encodings": store.encodings(keys),
                    }
                )
                store.empty()
    return found


def _time_table(times: Sequence[Summary]) -> Table:
    table = Table(
        caption="µs in commands per event (INFO commandstats): median, min to max; bare: HSET and"
        " HGETALL of the same fields"
    )
    for title in ("preset", "traffic", "events/call", "script µs", "bare µs", "ratio"):
        table.add_column(title)
    for row in times:
        script, bare = row["script_us"], row["bare_us"]
        table.add_row(
            row["preset"],
            row["traffic"],
            f"{row['events_per_call']['median']:.1f}",
            *(f"{us['median']:.1f} ({us['min']:.1f} to {us['max']:.1f})" for us in (script, bare)),
            f"{script['median'] / bare['median']:.1f}",
        )
    return table


def _size_table(sizes: Sequence[Summary]) -> Table:
    table = Table(caption="bytes per visitor: MEMORY USAGE; all: growth of used_memory")
    for title in ("preset", "visitors", "visits x events", "listpack-value", "bytes", "all"):
        table.add_column(title)
    table.add_column("encodings")
    for row in sizes:
        table.add_row(
            row["preset"],
            f"{row['visitors']:,}",
            f"{row['visits']} x {row['events']}",
            row["hash_max_listpack_value"],
            f"{row['bytes_per_visitor']:,}",
            f"{row['used_memory_per_visitor']:,}",
            ", ".join(f"{name} {count:,}" for name, count in row["encodings"].items()),
        )
    return table


COMMAND = Command(
    help="the script's cost: server time per event of both presets, and bytes per visitor",
    add_options=_add_options,
    measure=_measure,
)
