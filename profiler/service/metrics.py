"""Every metric: its name, what it says, and its labels. No label holds anything of a visitor.

What concerns records is counted where their batch is committed: a batch that is worked on again
counts once. docs/monitoring.md has the same list.
"""

from typing import Literal, NamedTuple


class Metric(NamedTuple):
    """One metric.

    Attributes:
        name: as it is scraped; of a histogram without ``_bucket``.
        kind: how it moves.
        help: what it says; its docstring, and the scraper's.
        labels: what tells its series apart.
        buckets: of a histogram, the upper edges, ascending.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


def _counter(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(f"{name}_total", "counter", meaning, labels)


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name, "gauge", meaning, labels)


# Records, each with its batch's commit.
CONSUMED = _counter("profiler_records_consumed", "Records that were read, and are committed.")
FLATTENED = _counter("profiler_records_flattened", "Records written to the flattened topic.")
PERSISTED = _counter("profiler_records_persisted", "Records written to the persisted topic.")
REJECTED = _counter("profiler_records_rejected", "Dead letters, by their error code.", "code")
ANONYMOUS = _counter("profiler_records_anonymous", "Passed on without a profile: no visitor id.")
PROFILED = _counter("profiler_records_profiled", "Records that got their visitor's profile.")
FORGOTTEN = _counter(
    "profiler_records_forgotten",
    "Passed on without a profile: from before their visitor was forgotten.",
)
NEW_VISITORS = _counter("profiler_visitors_new", "Visitors seen for the first time.")
REPEATED = _counter("profiler_records_repeated", "Events whose id the visit had before.")
REPLAYED = _counter("profiler_records_replayed", "Records that Redis had applied before.")
LATE = _counter("profiler_records_late", "Events older than one that was seen before.")
CORRECTED = _counter(
    "profiler_records_corrected", "Late events that moved an entry page which outputs had shown."
)
TRUNCATED = _counter(
    "profiler_records_truncated", "Events that met a limit of the rules: a value was cut."
)
TIME_REPLACED = _counter(
    "profiler_records_time_replaced", "Events whose time is not the one that their device wrote."
)
REPAIRED = _counter(
    "profiler_records_repaired", "Records applied once more, because Redis had lost them."
)
TRIGGERS = _counter(
    "profiler_triggers",
    "Triggers of the rules that fired, or were retracted, by their name.",
    *("trigger", "state"),
)
REFERENCES = _counter(
    "profiler_records_references", "Dead letters that left without their value: it was too large."
)
RESTAMPED = _counter(
    "profiler_records_restamped",
    "Outputs whose timestamp the topic refuses: it is the time of writing.",
)
LATENCY = Metric(
    "profiler_latency_seconds",
    "histogram",
    "From a record's timestamp to the commit of its outputs.",
    (),
    (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800),
)

# Batches.
BATCH_RECORDS = Metric(
    "profiler_batch_records",
    "histogram",
    "Records of a committed batch.",
    (),
    (1, 5, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000),
)
TRANSACTION = Metric(
    "profiler_transaction_seconds",
    "histogram",
    "From the begin of a transaction to the end of its commit; with exactly-once only.",
    (),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
)
TIME = _counter(
    "profiler_time_seconds",
    "What the worker's threads did. poll, commit, idle and back-pressure are the loop's, and with"
    " exactly-once commit is the third stage's; decode, redis and produce are the stages'.",
    "phase",
)
UNDER_WAY = _gauge("profiler_records_under_way", "Records that are read and not committed.")
COMMITTED_AT = _gauge(
    "profiler_last_commit_timestamp_seconds", "When a batch was last committed; 0 before the first."
)

# What goes wrong.
REDIS_ERRORS = _counter(
    "profiler_redis_errors", "How often Redis did not do as it was asked, by kind.", "kind"
)
RETRIES = _counter("profiler_retries", "Further attempts, by the server that made them.", "server")
WATCHDOG = _counter(
    "profiler_watchdog_pauses",
    "How often reading was paused: Redis answered with an error (redis-unwell), or nothing moved"
    " for 2 s in Redis (redis-slow) or on the way to Kafka (kafka-slow).",
    "reason",
)
LOOP_AGE = _gauge(
    "profiler_loop_age_seconds", "Since the loop's last turn; above 60 /healthz answers 503."
)

# The group.
REBALANCES = _counter("profiler_rebalances", "Rebalances that the worker took part in.")
GENERATION = _gauge("profiler_generation", "The worker's own count of the group's generations.")
PARTITIONS = _gauge("profiler_assigned_partitions", "Partitions that the worker owns.")
PAUSED = _gauge("profiler_paused_partitions", "Partitions that are not read now: back-pressure.")
#: Named and labelled as kafka-lag-exporter does, so that its dashboards show it.
LAG = _gauge(
    "kafka_consumergroup_group_lag",
    "Records of an owned partition that are not committed; offsets stand for them.",
    *("group", "topic", "partition"),
)

# Redis, asked every few seconds; needs the right to INFO.
REDIS_BUSY = _gauge(
    "profiler_redis_busy_ratio",
    "Share of one core that the primary's main thread used; near 1 it can do no more.",
    "primary",
)
SCRIPT_TIME = _counter(
    "profiler_redis_script_seconds",
    "Time inside scripts, of all their callers, since the primary's start.",
    "primary",
)
SCRIPT_CALLS = _counter(
    "profiler_redis_script_calls",
    "Calls of scripts, likewise since the primary's start.",
    "primary",
)

# `profiler serve`. A route is a path's template: no label has an id.
HTTP_REQUESTS = _counter(
    "profiler_http_requests",
    "Requests to profiler serve, by their route's template.",
    *("method", "route", "status"),
)
HTTP_SECONDS = Metric(
    "profiler_http_request_seconds",
    "histogram",
    "From a request's head to the last byte of its answer.",
    ("route",),
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)

# The process.
INFO = _gauge(
    "profiler_info",
    "Always 1; the labels say what runs.",
    *("version", "mode", "delivery", "engine"),
)
WORKER_UP = _gauge(
    "profiler_worker_up",
    "With --workers: whether this worker's process answers its parent.",
    "worker",
)

# `profiler audit`, a process of its own.
AUDIT_MISMATCH = _counter(
    "profiler_audit_mismatch",
    "Fields in which a stored profile is not what the topic says; of a visitor once an audit.",
    "field",
)
AUDIT_VISITORS = _counter(
    "profiler_audit_visitors", "Visitors that were audited, by what was found.", "result"
)
AUDIT_MISMATCHED = _gauge(
    "profiler_audit_mismatched_visitors",
    "Visitors that the latest audit found wrong, and did not repair.",
)
AUDITED_AT = _gauge(
    "profiler_audit_timestamp_seconds", "When the latest audit ended; 0 before the first."
)

#: Metrics that no worker has.
OF_AUDIT = (AUDIT_MISMATCH, AUDIT_VISITORS, AUDIT_MISMATCHED, AUDITED_AT)

#: All of them, in the order of the documentation.
CATALOGUE = tuple(value for value in list(vars().values()) if isinstance(value, Metric))

#: What the service tells, and no worker.
OF_SERVE = (HTTP_REQUESTS, HTTP_SECONDS)

#: What one worker tells.
OF_WORKER = tuple(each for each in CATALOGUE if each not in (*OF_SERVE, *OF_AUDIT, WORKER_UP))
