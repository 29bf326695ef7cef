"""Figures of reports as texts, and rows of texts as a table of a page."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Report = Mapping[str, Any]

#: How the names of the profiler's rows begin, by engine.
NATIVE, PYTHON = "profiler/native", "profiler/librdkafka"


def markdown(titles: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1) -> str:
    """A table whose first columns are texts, and whose others are figures."""
    lines = [titles, [*["---"] * texts, *["---:"] * (len(titles) - texts)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def by_name(report: Report) -> dict[str, Mapping[str, Any]]:
    """The rows of a report."""
    return {row["name"]: row for row in report["rows"]}


def ratios(rows: Mapping[str, Mapping[str, Any]], under: str) -> dict[str, str]:
    """How many times as fast as a baseline each row is; empty where that is not known."""
    return {name: text(row[f"ratio_to_{under}"], ".1f") for name, row in rows.items()}


def speed(rows: Mapping[str, Mapping[str, Any]], name: str) -> float:
    """The events a second of a row, the median."""
    return median(rows[name]["events_per_second"])


def median(figure: Mapping[str, float]) -> float:
    """The median of a figure."""
    return figure["median"]


def engine(name: str) -> str:
    """The engine of a row, in a word."""
    return "native" if name.startswith(NATIVE) else "Python"


def text(figure: Mapping[str, float] | float | None, form: str) -> str:
    """A figure, or the median of one; empty where it is not known."""
    if isinstance(figure, Mapping):
        figure = figure["median"]
    return "" if figure is None else format(figure, form)
