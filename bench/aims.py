"""What throughput and latency are to show; only ratios of two rows of one run count."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.table import Table

from bench.report import Summary
from bench.rows import BASELINE, KAFKA_STREAMS, QUIX, TRANSPORT
from bench.workers import NATIVE

#: The row of `bench.latency` with the transport alone.
PASS_THROUGH = "pass-through"  # noqa: S105 - no password
_NATIVE, _PYTHON = "profiler/native/article", "profiler/librdkafka/article"
_NATIVE_LEAN = "profiler/native/lean"
_SPEED, _CPU, _LATENCY = "events_per_second", "worker_cpu_us", "p99_ms"
#: How an aim names what it compares.
_FIGURES = {_SPEED: "events/s", _CPU: "worker CPU an event", _LATENCY: "p99"}


class _Aim(NamedTuple):
    """A bound on a ratio of the same figure of two rows."""

    over: str
    under: str
    bound: float
    figure: str = _SPEED
    is_most: bool = False

    def __str__(self) -> str:
        return f"{_FIGURES[self.figure]}: {self.over} / {self.under}"


_AIMS = (
    _Aim(_NATIVE, BASELINE, 60),
    _Aim(_NATIVE, QUIX, 2.5),
    _Aim(_NATIVE, KAFKA_STREAMS, 1.0),
    _Aim(_NATIVE, TRANSPORT, 3.0, _CPU, is_most=True),
    _Aim(_NATIVE_LEAN, _NATIVE, 0.65),
    _Aim(_PYTHON, TRANSPORT, 8, _CPU, is_most=True),
    *(
        _Aim(f"profiler/{kind}/{delivery}", PASS_THROUGH, 3, _LATENCY, is_most=True)
        for kind in ("librdkafka", NATIVE)
        for delivery in ("at-least-once", "exactly-once")
    ),
)


def compare_with_aims(summaries: Sequence[Summary]) -> list[dict[str, Any]]:
    """The figure beside each aim; aims whose rows were not measured are left out."""
    return list(_compared({summary["name"]: summary for summary in summaries}))


def _compared(rows: Mapping[str, Summary]) -> Iterator[dict[str, Any]]:
    for aim in _AIMS:
        over, under = (rows.get(name, {}).get(aim.figure) for name in (aim.over, aim.under))
        if not over or not under:
            continue  # not measured, or no /proc here
        ratio = over["median"] / under["median"]
        is_met = ratio <= aim.bound if aim.is_most else ratio >= aim.bound
        bound = {"at_most" if aim.is_most else "at_least": aim.bound}
        yield {"aim": str(aim), **bound, "figure": round(ratio, 2), "met": is_met}


def table_of_aims(aims: Sequence[Mapping[str, Any]]) -> Table:
    """What is printed."""
    table = Table()
    for title in ("aim", "bound", "figure", "met"):
        table.add_column(title)
    for aim in aims:
        bound = f"≥ {aim['at_least']:g}" if "at_least" in aim else f"≤ {aim['at_most']:g}"
        table.add_row(aim["aim"], bound, f"{aim['figure']:.2f}", "yes" if aim["met"] else "NO")
    return table
