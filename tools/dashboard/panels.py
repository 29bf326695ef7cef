"""What the dashboard shows: rows of panels, and each panel's queries.

Over 250 lines: one list, to be read from top to bottom.
"""

from typing import Literal, NamedTuple

#: Every query is about the processes that the dashboard's variable chooses.
WHERE = 'instance=~"$instance"'
RATE = "$__rate_interval"


class Query(NamedTuple):
    """A line of a panel, or several.

    Attributes:
        expr: PromQL.
        legend: names a line; ``{{label}}`` stands for a label's value.
    """

    expr: str
    legend: str


class Panel(NamedTuple):
    """One panel.

    Attributes:
        title: what it shows.
        meaning: what to make of it; shown at the title's ``i``.
        unit: Grafana's name of the unit.
        queries: its lines.
        width: of 24.
        kind: lines over time, or one number.
        is_stacked: whether lines stand on each other.
        limits: from where on a number is amber, and from where on it is red.
    """

    title: str
    meaning: str
    unit: str
    queries: tuple[Query, ...]
    width: int = 8
    kind: Literal["timeseries", "stat"] = "timeseries"
    is_stacked: bool = False
    limits: tuple[float, float] | None = None


def rate(metric: str) -> str:
    """So many a second."""
    return f"rate({metric}{{{WHERE}}}[{RATE}])"


def each(metric: str, label: str) -> tuple[Query, ...]:
    """A line for each value of a label, so many a second."""
    return (Query(f"sum by ({label}) ({rate(metric)})", f"{{{{{label}}}}}"),)


def records(*names: str) -> tuple[Query, ...]:
    """A line for each counter of records."""
    return tuple(
        Query(f"sum({rate(f'profiler_records_{name}_total')})", name.replace("_", " "))
        for name in names
    )


def quantiles(metric: str) -> tuple[Query, ...]:
    """The median and the slow ones."""
    buckets = f"sum by (le) ({rate(f'{metric}_bucket')})"
    return tuple(
        Query(f"histogram_quantile({share}, {buckets})", f"p{round(100 * share)}")
        for share in (0.5, 0.95, 0.99)
    )


def phases(*names: str) -> tuple[Query, ...]:
    """The share of a thread's time, averaged over the workers."""
    chosen = f'phase=~"{"|".join(names)}", {WHERE}'
    spent = f"rate(profiler_time_seconds_total{{{chosen}}}[{RATE}])"
    return (Query(f"avg by (phase) ({spent})", "{{phase}}"),)


def gauge(metric: str, how: str = "sum") -> str:
    """All workers together."""
    return f"{how}({metric}{{{WHERE}}})"


_LAG = "kafka_consumergroup_group_lag"

ROWS: dict[str, tuple[Panel, ...]] = {
    "Is it well?": (
        Panel(
            "Workers",
            "Workers that answer.",
            "none",
            (Query(gauge("profiler_info", "count"), ""),),
            *(4, "stat"),
        ),
        Panel(
            "Records/s",
            "Records committed.",
            "none",
            (Query(f"sum({rate('profiler_records_consumed_total')})", ""),),
            *(4, "stat"),
        ),
        Panel(
            "Lag",
            "Records that are not committed, all partitions.",
            "none",
            (Query(gauge(_LAG), ""),),
            *(4, "stat"),
            limits=(10_000, 100_000),
        ),
        Panel(
            "Latency, p99",
            "From a record's timestamp to its commit.",
            "s",
            (quantiles("profiler_latency_seconds")[-1]._replace(legend=""),),
            *(4, "stat"),
            limits=(5, 60),
        ),
        Panel(
            "Dead letters",
            "Their share of all records.",
            "percentunit",
            (
                Query(
                    f"(sum({rate('profiler_records_rejected_total')}) or vector(0))"
                    f" / sum({rate('profiler_records_consumed_total')})",
                    "",
                ),
            ),
            *(4, "stat"),
            limits=(0.01, 0.1),
        ),
        Panel(
            "Paused partitions",
            "Not read now: Redis or Kafka does not keep up.",
            "none",
            (Query(gauge("profiler_paused_partitions"), ""),),
            *(4, "stat"),
            limits=(1, 1),
        ),
    ),
    "Records": (
        Panel(
            "Records per second",
            "What was read, and what was written. In mode run the three are nearly one line.",
            "none",
            records("consumed", "flattened", "persisted"),
        ),
        Panel(
            "What became of them",
            "Flags of the outputs. Late, repeated and replayed events are right, and tell of the"
            " producers.",
            "none",
            records(
                *("anonymous", "forgotten", "late", "repeated", "replayed"),
                *("corrected", "truncated", "time_replaced"),
            ),
        ),
        Panel(
            "Dead letters per second",
            "By error code.",
            "none",
            each("profiler_records_rejected_total", "code"),
        ),
    ),
    "Time": (
        Panel(
            "Latency",
            "From a record's timestamp to the commit of its outputs.",
            "s",
            quantiles("profiler_latency_seconds"),
        ),
        Panel(
            "Lag by partition",
            "Records that are not committed.",
            "none",
            (
                Query(
                    f"sum by (topic, partition) ({_LAG}{{{WHERE}}})",
                    "{{topic}}-{{partition}}",
                ),
            ),
        ),
        Panel(
            "Transactions",
            "From the first output to the end of the commit. Above 15 s the broker aborts them.",
            "s",
            quantiles("profiler_transaction_seconds"),
        ),
        Panel(
            "The loop's thread",
            "idle is spare time. back-pressure: it waits for a stage.",
            "percentunit",
            phases("poll", "idle", "back-pressure"),
            is_stacked=True,
        ),
        Panel(
            "The stages' threads",
            "Each stage is one thread: the one that is near 100 % is the bottleneck.",
            "percentunit",
            phases("decode", "redis", "produce", "commit"),
        ),
        Panel(
            "Batches",
            "Records of a batch. A worker that is behind has full batches.",
            "none",
            quantiles("profiler_batch_records"),
        ),
    ),
    "Redis": (
        Panel(
            "Busy share of each primary",
            "Of one core. Near 100 % the primary can do no more: see Redis Cluster.",
            "percentunit",
            (
                Query(
                    f"max by (primary) (profiler_redis_busy_ratio{{{WHERE}}})",
                    "{{primary}}",
                ),
            ),
            limits=(0.7, 0.85),
        ),
        Panel(
            "Time of a script call",
            "Mean, of all callers.",
            "s",
            (
                Query(
                    f"max by (primary) ({rate('profiler_redis_script_seconds_total')}"
                    f" / {rate('profiler_redis_script_calls_total')})",
                    "{{primary}}",
                ),
            ),
        ),
        Panel(
            "Errors per second",
            "By kind. Each is tried again.",
            "none",
            each("profiler_redis_errors_total", "kind"),
        ),
    ),
    "Group and process": (
        Panel(
            "Partitions owned, and paused",
            "All workers together.",
            "none",
            (
                Query(gauge("profiler_assigned_partitions"), "owned"),
                Query(gauge("profiler_paused_partitions"), "paused"),
            ),
            6,
        ),
        Panel(
            "Rebalances, retries, pauses",
            "In five minutes, all workers together.",
            "none",
            (
                Query(f"sum(increase(profiler_rebalances_total{{{WHERE}}}[5m]))", "rebalances"),
                Query(
                    f"sum by (server) (increase(profiler_retries_total{{{WHERE}}}[5m]))",
                    "retries {{server}}",
                ),
                Query(f"sum(increase(profiler_watchdog_pauses_total{{{WHERE}}}[5m]))", "pauses"),
            ),
            6,
        ),
        Panel(
            "Processor",
            "Cores of each worker; one is the most.",
            "percentunit",
            (Query(rate("process_cpu_seconds_total"), "{{instance}} {{worker}}"),),
            6,
        ),
        Panel(
            "Memory",
            "Resident, of each worker.",
            "bytes",
            (Query(f"process_resident_memory_bytes{{{WHERE}}}", "{{instance}} {{worker}}"),),
            6,
        ),
    ),
    "Read service": (
        Panel(
            "Requests/s",
            "To `profiler serve`, by status.",
            "none",
            each("profiler_http_requests_total", "status"),
            12,
        ),
        Panel(
            "Time of a request",
            "From its head to the last byte of its answer.",
            "s",
            quantiles("profiler_http_request_seconds"),
            12,
        ),
    ),
    # A process of its own, and often a file of another exporter: no instance chooses it.
    "Self-audit": (
        Panel(
            "Visitors that differ",
            "Found wrong by the latest audit, and not repaired.",
            "none",
            (Query("max(profiler_audit_mismatched_visitors)", ""),),
            6,
            "stat",
            limits=(1, 1),
        ),
        Panel(
            "Audited visitors",
            "In a day, by what was found.",
            "none",
            (Query("sum by (result) (increase(profiler_audit_visitors_total[1d]))", "{{result}}"),),
            6,
        ),
        Panel(
            "Fields that differed",
            "In a day; the field says which rule to look at.",
            "none",
            (
                Query(
                    "sum by (field) (increase(profiler_audit_mismatch_total[1d])) > 0", "{{field}}"
                ),
            ),
            6,
        ),
        Panel(
            "Time since the latest audit",
            "Above the pause between two audits: they do not come to their end.",
            "s",
            (Query("time() - max(profiler_audit_timestamp_seconds)", ""),),
            6,
            "stat",
        ),
    ),
}
