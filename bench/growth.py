"""How cost and memory grow: with visitors, with a hot key, with the fields that rules use."""

import argparse
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import NamedTuple

from rich.table import Table

from bench.calls import batches_of, time_calls
from bench.command import Command, Measured, Session, more_than_a_batch, positive
from bench.machine import free_bytes
from bench.populate import Crowd, Inputs, captured_inputs, populate
from bench.report import Summary, spread
from bench.store import Store
from bench.traffic import read_templates
from profiler.records import FlatEvent
from profiler.rules import MAX_INPUTS, PRESETS, Rules, load_rules, parse_rules
from profiler.settings import BatchSettings

_VISITS, _EVENTS = 2, 2
_FIELDS = (1, 10, min(100, MAX_INPUTS))
#: Of the hot-key and the fields series.
_FEW_VISITORS = 10_000
#: A generous guess of what a visitor takes, to be refused before memory is full.
_VISITOR_BYTES = 4_000
_FLAT_TEXT = "a value of ordinary length"


class Series(NamedTuple):
    """One line of the table: a store of its own, and how to make a round's events.

    Attributes:
        name: what differs.
        crowd: put into the store beforehand, and again whenever its visitors are used up.
        hot: whether one visitor takes half of all events.
    """

    name: str
    crowd: Crowd
    rules: Rules
    inputs: Inputs
    hot: bool = False


class _Runner:
    """Rounds of one series; no visitor but the hot one is used twice with the same state."""

    def __init__(self, series: Series, store: Store) -> None:
        self._series = series
        self._store = store
        self._unused: list[int] = []
        empty = store.used_bytes()
        self._refill()
        crowd = series.crowd
        self.used_per_visitor = round((store.used_bytes() - empty) / crowd.visitors)
        self.bytes_per_visitor = round(store.bytes_per_key(crowd.keys(series.rules)))

    def round(self, count: int) -> tuple[float, float]:
        """Send `count` events, in parts where the crowd is smaller; one warm-up batch each.

        Returns:
            Events per second, and microseconds in commands per event; means over the parts.
        """
        part = min(count, self._series.crowd.visitors)
        timed = [
            time_calls(self._store, self._series.rules, batches_of(list(self._events(part))))
            for _ in range(count // part)
        ]
        return fmean(t.events_per_second for t in timed), fmean(t.command_us for t in timed)

    def _events(self, count: int) -> Iterator[FlatEvent]:
        crowd, rules, inputs = self._series.crowd, self._series.rules, self._series.inputs
        needed = count // 2 if self._series.hot else count
        if len(self._unused) < needed:
            self._refill()
        hot = crowd.visitors - 1
        for step in range(needed):
            yield crowd.next_event(rules, inputs, self._unused.pop())
            if self._series.hot:
                yield crowd.next_event(rules, inputs, hot, step)

    def _refill(self) -> None:
        self._store.empty()
        populate(self._store, self._series.rules, self._series.crowd, self._series.inputs)
        ordinary = self._series.crowd.visitors - self._series.hot
        self._unused = random.sample(range(ordinary), ordinary)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=positive, default=7, help="default: 7")
    parser.add_argument(
        "--events",
        type=more_than_a_batch,
        default=5_000,
        help="of a round of a series (default: 5000)",
    )
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=positive,
        default=[1_000, 10_000, 100_000, 1_000_000],
        help="visitors in the store; at least two batches (default: 1000 10000 100000 1000000)",
    )
    parser.add_argument("--rules", choices=PRESETS, default="standard", help="default: standard")


def _measure(options: argparse.Namespace, session: Session) -> Measured:
    # Two batches: one is the warm-up.
    least = 2 * BatchSettings().max_records
    runners: dict[str, _Runner] = {}
    skipped = []
    for series in _all_series(options.rules, options.sizes, least=least):
        needed = series.crowd.visitors * _VISITOR_BYTES
        if needed > (free := free_bytes()) // 2:
            session.console.print(f"{series.name}: left out, {free:,} bytes are free")
            skipped.append(series.name)
            continue
        session.console.print(f"filling: {series.name}")
        runners[series.name] = _Runner(series, session.private_store())
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for number in range(1, options.rounds + 1):
        for name, runner in runners.items():
            found[name].append(runner.round(options.events))
        session.console.print(f"round {number} of {options.rounds} done")
    rows = [
        {
            "name": name,
            "events_per_second": spread([speed for speed, _ in found[name]]),
            "command_us": spread([us for _, us in found[name]]),
            "bytes_per_visitor": runner.bytes_per_visitor,
            "used_memory_per_visitor": runner.used_per_visitor,
        }
        for name, runner in runners.items()
    ]
    report = {"rules": options.rules, "rows": rows, "left_out": skipped}
    return Measured(report, [_table(rows)])


def _all_series(preset: str, sizes: Sequence[int], least: int) -> Iterator[Series]:
    rules = load_rules(preset)
    inputs = captured_inputs(rules, read_templates())
    for size in sizes:
        yield Series(
            f"{max(size, least):,} visitors",
            Crowd(max(size, least), _VISITS, _EVENTS),
            rules,
            inputs,
        )
    few = Crowd(_FEW_VISITORS, _VISITS, _EVENTS)
    yield Series("half of the events of one visitor", few, rules, inputs, hot=True)
    for number in _FIELDS:
        made = _rules_with(number)
        text = [dict.fromkeys(made.inputs, f"{_FLAT_TEXT} {n}") for n in range(7)]
        yield Series(f"{number} input fields", few, made, text)


def _rules_with(fields: int) -> Rules:
    """Rules that keep the last value of so many fields of the event, and little else."""
    head = (
        'name = "fields"\norder = "event_time"\n'
        '[identity]\nvisitor = "u"\nvisit = "s"\nevent_id = "i"\nevent_time = "t"\n'
        '[visit]\nbounce = "visit_events"\n'
        '[[fields]]\nname = "visit_events"\nscope = "visit"\noperation = "count"\n'
    )
    each = (
        f'[[fields]]\nname = "visitor_last_{n}"\nscope = "visitor"\noperation = "last"\n'
        f'value = "query-field_{n}"\n'
        for n in range(fields)
    )
    return parse_rules(head + "".join(each), "fields.toml")


def _table(rows: Sequence[Summary]) -> Table:
    table = Table(
        caption="one event per call but for the hot visitor; script alone; µs in commands;"
        " bytes: MEMORY USAGE; all: growth of used_memory"
    )
    for title in ("series", "events/s", "µs/event: median (min to max)", "bytes/visitor", "all"):
        table.add_column(title)
    for row in rows:
        us = row["command_us"]
        table.add_row(
            row["name"],
            f"{row['events_per_second']['median']:,.0f}",
            f"{us['median']:.1f} ({us['min']:.1f} to {us['max']:.1f})",
            f"{row['bytes_per_visitor']:,}",
            f"{row['used_memory_per_visitor']:,}",
        )
    return table


COMMAND = Command(
    help="cost and memory against visitors in the store, a hot key, and fields used",
    add_options=_add_options,
    measure=_measure,
)
