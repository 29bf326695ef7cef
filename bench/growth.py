"""How cost and memory grow: with visitors, with a hot key, with the fields that rules use."""

import argparse
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import fmean

from rich.table import Table

from bench.calls import batches_of, time_calls
from bench.command import Command, Measured, Session, more_than_a_batch, positive
from bench.crowd_stream import measure_worker
from bench.machine import free_bytes
from bench.populate import populate
from bench.report import Summary, spread
from bench.rounds import Servers
from bench.series import Series, all_series
from bench.store import Store
from bench.traffic import read_templates
from profiler.config.settings import BatchSettings
from profiler.records.types import FlatEvent
from profiler.rules.model import PRESETS

#: A generous guess of what a visitor takes, to be refused before memory is full.
_VISITOR_BYTES = 4_000


class _Runner:
    """Rounds of one series; no visitor but the hot one is used twice with the same state."""

    def __init__(self, series: Series, store: Store) -> None:
        self.series = series
        self.store = store
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
        part = min(count, self.series.crowd.visitors)
        timed = [
            time_calls(self.store, self.series.rules, batches_of(list(self._events(part))))
            for _ in range(count // part)
        ]
        return fmean(t.events_per_second for t in timed), fmean(t.command_us for t in timed)

    def _events(self, count: int) -> Iterator[FlatEvent]:
        crowd, rules, inputs = self.series.crowd, self.series.rules, self.series.inputs
        needed = count // 2 if self.series.hot else count
        if len(self._unused) < needed:
            self._refill()
        hot = crowd.visitors - 1
        for step in range(needed):
            yield crowd.next_event(rules, inputs, self._unused.pop())
            if self.series.hot:
                yield crowd.next_event(rules, inputs, hot, step)

    def _refill(self) -> None:
        self.store.empty()
        populate(self.store, self.series.rules, self.series.crowd, self.series.inputs)
        ordinary = self.series.crowd.visitors - self.series.hot
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
    parser.add_argument(
        "--worker-rounds",
        type=int,
        default=3,
        help="rounds of profiler run on the same visitors; 0: none (default: 3)",
    )
    parser.add_argument(
        "--records",
        type=more_than_a_batch,
        default=20_000,
        help="of a round of profiler run (default: 20000)",
    )
    parser.add_argument("--rules", choices=PRESETS, default="standard", help="default: standard")


def _measure(options: argparse.Namespace, session: Session) -> Measured:
    # Two batches: one is the warm-up.
    least = 2 * BatchSettings().max_records
    runners: dict[str, _Runner] = {}
    skipped = []
    for series in all_series(options.rules, options.sizes, least=least):
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
    workers = _with_workers(options, session, list(runners.values()))
    rows = [
        {
            "name": name,
            "worker_events_per_second": spread(workers[name]) if name in workers else None,
            "events_per_second": spread([speed for speed, _ in found[name]]),
            "command_us": spread([us for _, us in found[name]]),
            "bytes_per_visitor": runner.bytes_per_visitor,
            "used_memory_per_visitor": runner.used_per_visitor,
        }
        for name, runner in runners.items()
    ]
    report = {"rules": options.rules, "rows": rows, "left_out": skipped}
    return Measured(report, [_table(rows)])


def _with_workers(
    options: argparse.Namespace, session: Session, runners: Sequence[_Runner]
) -> dict[str, list[float]]:
    """Events per second of a worker on each series that has the preset's rules."""
    found: dict[str, list[float]] = defaultdict(list)
    if not options.worker_rounds:
        return found
    broker, templates = session.broker(1), read_templates()
    for number in range(1, options.worker_rounds + 1):
        for runner in runners:
            series = runner.series
            if series.rules.name != options.rules:
                continue
            speed = measure_worker(
                Servers(broker, runner.store),
                templates,
                series.crowd,
                rules=options.rules,
                hot=series.hot,
                count=options.records,
            )
            found[series.name].append(speed)
        session.console.print(f"workers: round {number} of {options.worker_rounds} done")
    return found


def _table(rows: Sequence[Summary]) -> Table:
    table = Table(
        caption="script: alone, one event per call but for the hot visitor; µs in commands; worker:"
        " profiler run; bytes: MEMORY USAGE; all: growth of used_memory"
    )
    for title in (
        "series",
        "script/s",
        "µs/event: median (min to max)",
        "worker/s",
        "bytes",
        "all",
    ):
        table.add_column(title)
    for row in rows:
        us, worker = row["command_us"], row["worker_events_per_second"]
        table.add_row(
            row["name"],
            f"{row['events_per_second']['median']:,.0f}",
            f"{us['median']:.1f} ({us['min']:.1f} to {us['max']:.1f})",
            f"{worker['median']:,.0f}" if worker else "-",
            f"{row['bytes_per_visitor']:,}",
            f"{row['used_memory_per_visitor']:,}",
        )
    return table


COMMAND = Command(
    help="cost and memory against visitors in the store, a hot key, and fields used",
    add_options=_add_options,
    measure=_measure,
)
