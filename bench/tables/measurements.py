"""Tables of the further measurements, one for each report."""

from bench.aims import PASS_THROUGH
from bench.stage_steps import STAGES
from bench.tables.figures import Report, markdown, median, text


def latency(latency: Report) -> str:
    """Milliseconds from an event to its output."""
    titles = [
        *("row", "p50", "p99, median", "least", "greatest"),
        *("p99 against the pass-through", "sustained"),
    ]
    rows = [
        [
            row["name"] if row["name"] == PASS_THROUGH else f"`{row['name']}`",
            f"{median(row['p50_ms']):.0f}",
            *(f"{row['p99_ms'][which]:.0f}" for which in ("median", "min", "max")),
            text(row["p99_ratio"], ".1f"),
            "yes" if row["sustained"] else "not in every round",
        ]
        for row in latency["rows"]
    ]
    return markdown(titles, rows)


def recovery(recovery: Report) -> str:
    """Seconds from a crash to the first right output."""
    rows = [
        [
            f"`{row['name']}`",
            f"{row['visitors']:,}",
            *(f"{row['seconds'][which]:.1f}" for which in ("median", "min", "max")),
        ]
        for row in recovery["rows"]
    ]
    return markdown(["row", "visitors", "seconds, median", "least", "greatest"], rows)


def scale(scale: Report) -> str:
    """Events a second against the number of workers."""
    titles = [
        *("workers", "events/s, median", "least", "greatest", "workers' cores", "Redis'"),
        *("broker's", "idle"),
    ]
    rows = [
        [
            str(row["workers"]),
            *(f"{row['events_per_second'][which]:,.0f}" for which in ("median", "min", "max")),
            *(text(row["cores"][who], ".2f") for who in ("workers", "redis", "broker", "idle")),
        ]
        for row in scale["rows"]
    ]
    return markdown(titles, rows)


def cluster(cluster: Report) -> str:
    """One Redis against a cluster."""
    titles = [
        *("row", "events/s, median", "least", "greatest", "ratio"),
        *("worker CPU, µs", "Redis CPU, µs"),
    ]
    rows = [
        [
            row["name"],
            *(f"{row['events_per_second'][which]:,.0f}" for which in ("median", "min", "max")),
            text(row["ratio_to_one_server"], ".2f"),
            text(row["worker_cpu_us"], ".1f"),
            text(row["redis_cpu_us"], ".1f"),
        ]
        for row in cluster["rows"]
    ]
    return markdown(titles, rows)


def stages(stages: Report) -> str:
    """Thousands of instructions an event, stage by stage."""
    titles = ["stage", *(f"{row['kind']}, `{row['preset']}`" for row in stages["rows"])]
    each = [row["instructions_per_event"] for row in stages["rows"]]
    rows = [[stage, *(f"{counts[stage] / 1_000:.1f}" for counts in each)] for stage in STAGES]
    rows.append(["**sum**", *(f"**{sum(counts.values()) / 1_000:.0f}**" for counts in each)])
    return markdown(titles, rows)
