"""What the throughput table is to show, worked out from one run; only ratios of one run count."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.table import Table

from bench.report import Summary

_FAST, _FAST_STANDARD = "profiler/librdkafka/article", "profiler/librdkafka/standard"
_AT_LEAST_ONCE = f"{_FAST_STANDARD}/at-least-once"
_SLOW = "profiler/kafka-python/article"
_CHAIN, _QUIX = "article-chain", "quix-streams"
_CEILINGS = ("ceiling/kafka", "ceiling/script/article")


class _Aim(NamedTuple):
    """A bound on a figure of the rows; `figure` raises KeyError where a row is missing."""

    what: str
    bound: float
    figure: Callable[[Mapping[str, Summary]], float]
    is_most: bool = False


def _speed(rows: Mapping[str, Summary], name: str) -> float:
    return float(rows[name]["events_per_second"]["median"])


def _ratio(over: str, under: str) -> Callable[[Mapping[str, Summary]], float]:
    return lambda rows: _speed(rows, over) / _speed(rows, under)


def _share_of_ceiling(rows: Mapping[str, Summary]) -> float:
    return _speed(rows, _FAST) / min(_speed(rows, name) for name in _CEILINGS)


def _cpu_us(rows: Mapping[str, Summary]) -> float:
    used = rows[_FAST]["worker_cpu_us"]
    if used is None:
        raise KeyError(_FAST)  # no /proc here
    return float(used["median"])


_AIMS = (
    _Aim(f"{_FAST} / {_CHAIN}", 60, _ratio(_FAST, _CHAIN)),
    _Aim(f"{_FAST} / {_QUIX}", 2, _ratio(_FAST, _QUIX)),
    _Aim(f"{_FAST} / the lower of {' and '.join(_CEILINGS)}", 0.35, _share_of_ceiling),
    _Aim(f"{_FAST}: worker CPU, µs per event", 16, _cpu_us, is_most=True),
    _Aim(f"{_FAST_STANDARD} / {_FAST}", 0.6, _ratio(_FAST_STANDARD, _FAST)),
    _Aim(f"{_FAST_STANDARD} / {_AT_LEAST_ONCE}", 0.75, _ratio(_FAST_STANDARD, _AT_LEAST_ONCE)),
    _Aim(f"{_SLOW} / {_CHAIN}", 15, _ratio(_SLOW, _CHAIN)),
)


def compare_with_aims(summaries: Sequence[Summary]) -> list[dict[str, Any]]:
    """The figure beside each aim; aims whose rows were not measured are left out."""
    return list(_compared({summary["name"]: summary for summary in summaries}))


def _compared(rows: Mapping[str, Summary]) -> Iterator[dict[str, Any]]:
    for aim in _AIMS:
        try:
            figure = aim.figure(rows)
        except KeyError:
            continue
        is_met = figure <= aim.bound if aim.is_most else figure >= aim.bound
        bound = {"at_most" if aim.is_most else "at_least": aim.bound}
        yield {"aim": aim.what, **bound, "figure": round(figure, 2), "met": is_met}


def table_of_aims(aims: Sequence[Mapping[str, Any]]) -> Table:
    """What is printed."""
    table = Table()
    for title in ("aim", "bound", "figure", "met"):
        table.add_column(title)
    for aim in aims:
        bound = f"≥ {aim['at_least']:g}" if "at_least" in aim else f"≤ {aim['at_most']:g}"
        table.add_row(aim["aim"], bound, f"{aim['figure']:.2f}", "yes" if aim["met"] else "NO")
    return table
