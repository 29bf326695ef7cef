"""The first table of the page about performance."""

from collections.abc import Mapping
from typing import Any

from bench.tables.figures import (
    NATIVE,
    PYTHON,
    Report,
    by_name,
    engine,
    markdown,
    median,
    ratios,
    speed,
)


def headline(bench: Report, latency: Report, recovery: Report, scale: Report) -> str:
    """Short answers to the questions that are asked first."""
    rows, late = by_name(bench), by_name(latency)
    chain, quix, streams = (
        ratios(rows, name) for name in ("article_chain", "quix_streams", "kafka_streams")
    )
    fast = [kind for kind in (NATIVE, PYTHON) if f"{kind}/article" in rows]
    speeds = scale["rows"]
    best = max(median(row["events_per_second"]) for row in speeds)
    gain = best / median(speeds[0]["events_per_second"])
    most = max(row["workers"] for row in speeds)
    return markdown(
        ["question", "answer"],
        [
            [
                "How fast is one worker?",
                "; ".join(
                    f"{engine(kind)}: {chain[f'{kind}/article']} times the article's programs,"
                    f" {quix[f'{kind}/article']} times Quix Streams,"
                    f" {streams[f'{kind}/article']} times Kafka Streams"
                    for kind in fast
                ),
            ],
            [
                "What does exactly once cost?",
                "; ".join(
                    f"{engine(kind)}: {_price(rows, kind):.0%} of the events/s" for kind in fast
                ),
            ],
            [
                "How long does an event take?",
                "; ".join(
                    f"{engine(name)}, {name.rpartition('/')[2].replace('-', ' ')}: p50"
                    f" {median(row['p50_ms']):.0f} ms, p99 {median(row['p99_ms']):.0f} ms"
                    for name, row in late.items()
                    if name.startswith((NATIVE, PYTHON))
                ),
            ],
            [
                "How long is it away after a crash?",
                "; ".join(
                    f"{row['name']}, {row['visitors']:,} visitors: {median(row['seconds']):.1f} s"
                    for row in recovery["rows"]
                    if row["visitors"] == max(one["visitors"] for one in recovery["rows"])
                ),
            ],
            [
                "Do more workers help?",
                f"until the cores are used: {gain:.1f} times the events/s with up to {most}",
            ],
        ],
        texts=2,
    )


def _price(rows: Mapping[str, Mapping[str, Any]], kind: str) -> float:
    """Which part of the events/s exactly once takes."""
    base = f"{kind}/standard"
    return 1 - speed(rows, f"{base}/exactly-once") / speed(rows, base)
