"""The rounds' figures as JSON and as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from rich.table import Table

from bench.rounds import Figures
from bench.rows import BASELINE, Row

Summary = dict[str, Any]


def summarise(rows: Sequence[Row], rounds: Mapping[str, Sequence[Figures]]) -> list[Summary]:
    """Median, minimum and maximum of every figure, and the ratio of the medians.

    What is unknown is None.
    """
    summaries = [_summary(row, rounds[row.name]) for row in rows]
    speeds = {summary["name"]: summary["events_per_second"]["median"] for summary in summaries}
    base = speeds.get(BASELINE)
    for summary in summaries:
        ratio = base and round(speeds[summary["name"]] / base, 2)
        summary["ratio_to_article_chain"] = ratio
    return summaries


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
        caption="medians; µs, calls per event; worker, Redis: CPU; command: as INFO has it"
    )
    table.add_column("row", no_wrap=True)
    titles = ("events/s", "min", "max", "ratio", "worker µs", "Redis µs", "command µs", "calls")
    for title in titles:
        table.add_column(title, justify="right", min_width=len(title.split()[0]))
    for summary in summaries:
        table.add_row(
            summary["name"],
            *(f"{summary['events_per_second'][name]:,.0f}" for name in ("median", "min", "max")),
            _text(summary["ratio_to_article_chain"], ".1f"),
            *(
                _text(summary[name] and summary[name]["median"], form)
                for name, form in (
                    ("worker_cpu_us", ".1f"),
                    ("redis_cpu_us", ".1f"),
                    ("redis_command_us", ".1f"),
                    ("redis_calls", ".2f"),
                )
            ),
        )
    return table


def _text(figure: float | None, form: str) -> str:
    return "-" if figure is None else format(figure, form)
