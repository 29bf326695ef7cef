"""How many workers, partitions and Redis primaries: `python -m bench.capacity [--help]`.

Computed from the reports of `python -m bench` and `python -m bench cost`; what is not measured is
an option. The rates are low: the measured worker shared its machine with broker and Redis.
"""

import argparse
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from bench.command import positive

_EVENTS_A_DAY = (10**8, 10**9, 10**10)
_SECONDS_A_DAY = 86_400
_TTL_DAYS = (30, 395)
#: By default the engine is the native one where it is installed, and delivery exactly once.
_ROWS = ("profiler/native/standard/exactly-once", "profiler/librdkafka/standard/exactly-once")


class Costs(NamedTuple):
    """What was measured, of the preset `standard` exactly once."""

    worker_events_per_second: float
    redis_cpu_us: float
    bytes_per_visitor: float


class Assumed(NamedTuple):
    """What was not measured.

    Attributes:
        peak: the busiest minutes against the day's average.
        share: of a worker's and a primary's capacity that the peak may use; the rest catches up
            after a fault, and carries the load of what has failed.
        events_per_visitor: over the life of a profile.
        primary_gib: memory for profiles on one primary.
    """

    peak: float = 3
    share: float = 0.5
    events_per_visitor: float = 25
    primary_gib: float = 48


class Need(NamedTuple):
    """What one load takes."""

    peak_events_per_second: float
    workers: int
    partitions: int
    primaries_by_cpu: int
    memory_gib: float
    primaries: int


def need(events_a_day: float, ttl_days: int, costs: Costs, assumed: Assumed) -> Need:
    """Compute what a load takes.

    Partitions are twice the workers, rounded up to a power of two: their number can hardly be
    changed later, since keys would move between them.
    """
    peak = events_a_day / _SECONDS_A_DAY * assumed.peak
    workers = math.ceil(peak / (costs.worker_events_per_second * assumed.share))
    by_cpu = math.ceil(peak * costs.redis_cpu_us / 1e6 / assumed.share)
    visitors = events_a_day * ttl_days / assumed.events_per_visitor
    memory_gib = visitors * costs.bytes_per_visitor / 2**30
    return Need(
        peak,
        workers,
        2 ** math.ceil(math.log2(2 * workers)),
        by_cpu,
        memory_gib,
        max(by_cpu, math.ceil(memory_gib / assumed.primary_gib)),
    )


def main() -> None:
    """Print the table as Markdown."""
    options = _options()
    costs = costs_of(_report(options.bench), _report(options.cost))
    assumed = Assumed(options.peak, options.share, options.events_per_visitor, options.primary_gib)
    console = Console(width=160)
    console.print(*_described(costs, assumed), sep="\n", highlight=False)
    table = Table(box=box.MARKDOWN)
    for title in (
        *("events a day", "at the peak, events/s", "workers", "partitions"),
        *("primaries by CPU", "ttl_days", "memory, GiB", "primaries"),
    ):
        table.add_column(title, justify="right")
    for row in capacity_rows(costs, assumed):
        table.add_row(*row)
    console.print(table)


def capacity_rows(costs: Costs, assumed: Assumed) -> Iterator[list[str]]:
    """The table's rows: what loads of 10^8 to 10^10 events a day take."""
    for events in _EVENTS_A_DAY:
        for ttl_days in _TTL_DAYS:
            found = need(events, ttl_days, costs, assumed)
            yield [
                f"10^{math.log10(events):.0f}",
                f"{found.peak_events_per_second:,.0f}",
                f"{found.workers:,}",
                f"{found.partitions:,}",
                f"{found.primaries_by_cpu:,}",
                f"{ttl_days}",
                f"{found.memory_gib:,.0f}",
                f"{found.primaries:,}",
            ]


def costs_of(bench: Mapping[str, Any], cost: Mapping[str, Any]) -> Costs:
    """Take what is needed from the two reports.

    Raises:
        SystemExit: a report lacks it.
    """
    rows = {row["name"]: row for row in bench["rows"]}
    row = next((rows[name] for name in _ROWS if name in rows), None)
    size = next(
        (
            size
            for size in cost["memory"]
            if (size["preset"], size["visits"], size["hash_max_listpack_value"])
            == ("standard", 2, "default")
        ),
        None,
    )
    if row is None or size is None:
        raise SystemExit(f"the reports have no row {_ROWS[-1]}, or no size of standard by default")
    return Costs(
        row["events_per_second"]["median"],
        row["redis_cpu_us"]["median"],
        size["used_memory_per_visitor"],
    )


def _described(costs: Costs, assumed: Assumed) -> Iterator[str]:
    yield (
        f"measured: {costs.worker_events_per_second:,.0f} events/s a worker,"
        f" {costs.redis_cpu_us:.0f} µs of Redis' CPU an event,"
        f" {costs.bytes_per_visitor:,.0f} bytes a visitor"
    )
    yield (
        f"assumed: peak {assumed.peak:g} times the average, {assumed.share:.0%} of capacity used,"
        f" {assumed.events_per_visitor:g} events a visitor, {assumed.primary_gib:g} GiB a primary"
    )


def _report(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise SystemExit(f"{path} is not there: run python -m bench, and python -m bench cost")
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return report


def _options() -> argparse.Namespace:
    default = Assumed()
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__)
    parser.add_argument("--bench", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--cost", type=Path, default=Path("build/cost.json"))
    parser.add_argument(
        "--peak", type=float, default=default.peak, help="peak against average (default: 3)"
    )
    parser.add_argument(
        "--share",
        type=float,
        default=default.share,
        help="of capacity that the peak may use (default: 0.5)",
    )
    parser.add_argument(
        "--events-per-visitor",
        type=positive,
        default=default.events_per_visitor,
        help="over the life of a profile (default: 25)",
    )
    parser.add_argument(
        "--primary-gib",
        type=positive,
        default=default.primary_gib,
        help="memory for profiles on one primary (default: 48)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
