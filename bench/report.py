"""The rounds' figures as JSON and as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from rich.table import Table

from bench.rounds import Figures
from bench.rows import BASELINE, KAFKA_STREAMS, QUIX, TRANSPORT, Row

Summary = dict[str, Any]

#: By name: which figure of a row is divided by the same figure of which row.
_RATIOS = (
    ("ratio_to_article_chain", "events_per_second", BASELINE),
    ("ratio_to_quix_streams", "events_per_second", QUIX),
    ("ratio_to_kafka_streams", "events_per_second", KAFKA_STREAMS),
    ("cpu_ratio_to_ceiling_kafka", "worker_cpu_us", TRANSPORT),
)

#: Of the printed table: title, what of the summary, and how it is written.
_COLUMNS = (
    ("chain", "ratio_to_article_chain", ".1f"),
    ("Quix", "ratio_to_quix_streams", ".2f"),
    ("Streams", "ratio_to_kafka_streams", ".2f"),
    ("worker µs", "worker_cpu_us", ".1f"),
    ("x kafka", "cpu_ratio_to_ceiling_kafka", ".1f"),
    ("Redis µs", "redis_cpu_us", ".1f"),
    ("calls", "redis_calls", ".2f"),
)


def summarise(rows: Sequence[Row], rounds: Mapping[str, Sequence[Figures]]) -> list[Summary]:
    """Median, minimum and maximum of every figure, and ratios of the medians.

    What is unknown is None.
    """
    summaries = [_summary(row, rounds[row.name]) for row in rows]
    for name, figure, base in _RATIOS:
        medians = {summary["name"]: _median(summary, figure) for summary in summaries}
        under = medians.get(base)
        for summary in summaries:
            over = medians[summary["name"]]
            summary[name] = round(over / under, 2) if over and under else None
    return summaries


def _median(summary: Summary, figure: str) -> float | None:
    return summary[figure] and float(summary[figure]["median"])


def _summary(row: Row, figures: Sequence[Figures]) -> Summary:
    summary: Summary = {"name": row.name, "records": row.records, "rounds": len(figures)}
    each = [asdict(one) for one in figures]
    for name in each[0]:
        values = [one[name] for one in each if one[name] is not None]
        summary[name] = spread(values) if values else None
    return summary


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, minimum and maximum."""
    found = {"median": median(values), "min": min(values), "max": max(values)}
    return {what: round(value, 2) for what, value in found.items()}


def table_of(summaries: Sequence[Summary]) -> Table:
    """What is printed; the JSON has more."""
    table = Table(
        caption="medians; chain, Quix, Streams: events/s against these rows; µs, calls per event;"
        " worker, Redis: CPU; x kafka: worker CPU against ceiling/kafka"
    )
    table.add_column("row", no_wrap=True)
    for title in ("events/s", "min", "max", *(title for title, _, _ in _COLUMNS)):
        table.add_column(title, justify="right", min_width=len(title.split()[0]))
    for summary in summaries:
        table.add_row(
            summary["name"],
            *(f"{summary['events_per_second'][name]:,.0f}" for name in ("median", "min", "max")),
            *(_text(summary[name], form) for _, name, form in _COLUMNS),
        )
    return table


def _text(figure: dict[str, float] | float | None, form: str) -> str:
    """A figure, or the median of one."""
    if isinstance(figure, dict):
        figure = figure["median"]
    return "-" if figure is None else format(figure, form)
