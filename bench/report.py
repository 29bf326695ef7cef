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
    """Median, minimum and maximum of every figure, and the ratio of the medians."""
    summaries = [_summary(row, rounds[row.name]) for row in rows]
    base = next(
        summary["events_per_second"]["median"]
        for summary in summaries
        if summary["name"] == BASELINE
    )
    for summary in summaries:
        ratio = summary["events_per_second"]["median"] / base
        summary["ratio_to_article_chain"] = round(ratio, 2)
    return summaries


def _summary(row: Row, figures: Sequence[Figures]) -> Summary:
    summary: Summary = {"name": row.name, "records": row.records, "rounds": len(figures)}
    each = [asdict(one) for one in figures]
    for name in each[0]:
        values = [one[name] for one in each if one[name] is not None]
        summary[name] = None
        if values:
            spread = {"median": median(values), "min": min(values), "max": max(values)}
            summary[name] = {what: round(value, 2) for what, value in spread.items()}
    return summary


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
        speed = summary["events_per_second"]
        worker = summary["worker_cpu_us"]
        table.add_row(
            summary["name"],
            *(f"{speed[name]:,.0f}" for name in ("median", "min", "max")),
            f"{summary['ratio_to_article_chain']:.1f}",
            f"{worker['median']:.0f}" if worker else "-",
            f"{summary['redis_cpu_us']['median']:.0f}",
            f"{summary['redis_command_us']['median']:.0f}",
            f"{summary['redis_calls']['median']:.2f}",
        )
    return table
