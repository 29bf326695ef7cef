"""What one more field costs, by its operation: CPU time of the server an event, and bytes.

Rules with some fields of one kind are measured in turn with rules without them, on the same server
and the same events, and the difference is divided by their number.
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from bench.calls import batches_of
from bench.command import Session
from bench.errors import BenchError
from bench.report import Summary, spread
from bench.store import Store
from profiler.profiles.keys import key_of
from profiler.profiles.redis.connections import connect
from profiler.profiles.reply import Applied
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent
from profiler.rules.model import Rules, load_rules, parse_rules

LEAN = Path(__file__).parents[1] / "lua" / "presets" / "lean.toml"

DAY_MS, START_MS = 86_400_000, 1_700_000_000_000

#: So many fields of a kind at a time; their cost is a part of the whole, so that noise is, too.
FIELDS = 10

#: So many fields with a window may double a visitor's bytes.
WINDOWED = 20

VISITOR, VISIT = "query-other_domain_userid", "query-other_domain_sessionid"
PAGE, TOTAL = "query-other_page_title", "shop-total"
_TEXT, _NUMBER = f'value = "{PAGE}"', f'value = "{TOTAL}"\ndecimals = 2'

#: A field of each operation, and some forms of it.
ROWS = {
    "count": "",
    "first": _TEXT,
    "last": _TEXT,
    "last of a time": 'value = "event_time"',
    "min": _NUMBER,
    "max": _NUMBER,
    "sum": _NUMBER,
    "mean": _NUMBER,
    "unique_count": _TEXT,
    "unique_list": _TEXT,
    "first_n": _TEXT,
    "last_n": _TEXT,
    "counts": _TEXT,
    "most_frequent": _TEXT,
    "time_since": 'value = "event_time"',
    "touch": f'which = "last"\nlookback = "90 d"\nvalues = {{ a = "{PAGE}", b = "{TOTAL}" }}',
    "engaged_time": _TEXT,
    "count, 30 d": "",
    "sum, 30 d": _NUMBER,
    "mean, 30 d": _NUMBER,
    "unique_count, 30 d": _TEXT,
    "unique_count of days, 30 d": 'value = "event_day"',
    "most_frequent, 30 d": _TEXT,
}

#: What all of these rules take of an event, so that a field alone does not pay for it.
_INPUTS = (
    f'operation = "last"\n{_TEXT}',
    f'operation = "max"\n{_NUMBER}',
    'operation = "last"\nvalue = "event_day"',
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """For the command that measures this, too."""
    parser.add_argument(
        "--operations", nargs="*", choices=ROWS, default=tuple(ROWS), help="default: all, in turn"
    )


def measure_operations(options: argparse.Namespace, session: Session) -> dict[str, list[Summary]]:
    """A summary for each operation, and one for each visitor with many windows."""
    store = session.private_store()
    rules = {name: _rules([_field(name, ROWS[name])] * FIELDS) for name in options.operations}
    base, events = _rules(()), list(_events(visitors=200, days=10, a_day=4))
    costs: dict[str, list[float]] = {name: [] for name in rules}
    sizes: dict[str, float] = {}
    for number in range(options.rounds):
        for name, each in rules.items():
            without, bare = _measured(store, base, events)
            with_them, full = _measured(store, each, events)
            costs[name].append((with_them - without) / FIELDS)
            sizes[name] = (full - bare) / FIELDS
        session.console.print(f"operations: round {number + 1} of {options.rounds} done")
    operations = [
        {"operation": name, "server_us": spread(found), "bytes": round(sizes[name])}
        for name, found in costs.items()
    ]
    return {"operations": operations, "windows": _window_sizes(store) if operations else []}


def _window_sizes(store: Store) -> list[Summary]:
    """A visitor of `lean` without windows, and one with many."""
    counts = [_field("count, 30 d", "")] * WINDOWED
    windowed = parse_rules(LEAN.read_text("utf-8") + _toml(counts), "windowed")
    found = []
    for days, a_day in ((1, 20), (2, 10), (8, 10), (30, 10)):
        events = list(_events(visitors=20, days=days, a_day=a_day))
        without, with_them = (
            _measured(store, rules, events)[1] for rules in (load_rules("lean"), windowed)
        )
        found.append(
            {
                "days": days,
                "events_a_day": a_day,
                "bytes": round(without),
                "bytes_with_windows": round(with_them),
                "ratio": round(with_them / without, 2),
            }
        )
    return found


def _field(name: str, body: str) -> str:
    operation, _, window = name.partition(", ")
    window = f'\nwindow = "{window}"' if window else ""
    return f'operation = "{operation.partition(" ")[0]}"{window}\n{body}'


def _toml(fields: Iterable[str]) -> str:
    return "".join(
        f'[[fields]]\nname = "visitor_field_{number}"\nscope = "visitor"\n{field}\n'
        for number, field in enumerate(fields)
    )


def _rules(fields: Iterable[str]) -> Rules:
    head = LEAN.read_text("utf-8").partition("[predicates]")[0].replace("lean", "one_more")
    count = '[[fields]]\nname = "visit_events"\nscope = "visit"\noperation = "count"\n'
    own = "".join(
        f'[[fields]]\nname = "visitor_input_{number}"\nscope = "visitor"\n{field}\n'
        for number, field in enumerate(_INPUTS)
    )
    bounce = '[visit]\nbounce = "visit_events"\n'
    return parse_rules(f"{head}{bounce}{count}{own}{_toml(fields)}", "one_more")


def _events(*, visitors: int, days: int, a_day: int) -> Iterator[FlatEvent]:
    """In order of time: a visit of each visitor on each day."""
    for day in range(days):
        for number in range(a_day):
            at = START_MS + day * DAY_MS + number * 20_000
            for visitor in range(visitors):
                page = f"Some page of the shop, number {(visitor + number * day) % 7}"
                fields = {
                    VISITOR: f"0123456789abcdef{visitor:04}",
                    VISIT: f"01234567-89ab-cdef-{visitor:04}-{day:012}",
                    "query-other_event_id": f"{visitor}-{day}-{number}",
                    "query-other_dvce_created_tstamp": at,
                    "query-other_eventtype": "Pageview",
                    PAGE: page,
                    TOTAL: number + 0.5,
                }
                yield FlatEvent("", 0, at, fields)


def _measured(store: Store, rules: Rules, events: Sequence[FlatEvent]) -> tuple[float, float]:
    """CPU time of the server an event, µs, and bytes a visitor."""
    client: Any = connect(store.url, timeout_s=30)
    try:
        script = ProfileScript(client, rules)
        script.register()
        before = store.usage(["evalsha"])
        for some in batches_of(events):
            if not all(isinstance(outcome, Applied) for outcome in script.apply(some)):
                raise BenchError("the script refused an event")
        used = store.usage(["evalsha"]).since(before)
        visitors = {event.fields[VISITOR] for event in events}
        size = store.bytes_per_key(key_of(rules.store.key, visitor) for visitor in visitors)
    finally:
        store.empty()
        client.close()
    return used.cpu_us / len(events), size


def operation_tables(found: dict[str, list[Summary]]) -> list[Table]:
    """What is printed."""
    costs = Table(caption="one more field: an event's µs of the server's CPU, and bytes")
    for title in ("operation", "µs", "least", "greatest", "bytes"):
        costs.add_column(title)
    for row in found["operations"]:
        us = row["server_us"]
        costs.add_row(
            row["operation"],
            *(f"{us[name]:.1f}" for name in ("median", "min", "max")),
            f"{row['bytes']}",
        )
    windows = Table(caption=f"bytes of a visitor of `standard`, and with {WINDOWED} counts of 30 d")
    for title in ("days", "events a day", "without", "with", "times"):
        windows.add_column(title)
    for row in found["windows"]:
        windows.add_row(*(f"{value:,}" for value in row.values()))
    return [costs, windows] if found["operations"] else []
