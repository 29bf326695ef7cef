"""Tables of the side-by-side benchmark."""

from bench.capacity import Assumed, capacity_rows, costs_of
from bench.tables.figures import NATIVE, PYTHON, Report, by_name, markdown, speed, text


def throughput(bench: Report) -> str:
    """Every row of the bench."""
    titles = [
        *("row", "events/s", "least", "greatest", "to the chain", "to Quix", "to Kafka Streams"),
        *("worker CPU, µs", "to `ceiling/kafka`", "Redis CPU, µs"),
    ]
    rows = [
        [
            f"`{row['name']}`",
            *(f"{row['events_per_second'][which]:,.0f}" for which in ("median", "min", "max")),
            *(
                text(row[f"ratio_to_{name}"], form)
                for name, form in (
                    *(("article_chain", ".1f"), ("quix_streams", ".2f")),
                    ("kafka_streams", ".2f"),
                )
            ),
            text(row["worker_cpu_us"], ".1f"),
            text(row["cpu_ratio_to_ceiling_kafka"], ".1f"),
            text(row["redis_cpu_us"], ".1f"),
        ]
        for row in bench["rows"]
    ]
    return markdown(titles, rows)


def aims(bench: Report, latency: Report) -> str:
    """The aims, and whether they are met."""
    rows = [
        [
            aim["aim"],
            f"at least {aim['at_least']:g}" if "at_least" in aim else f"at most {aim['at_most']:g}",
            f"{aim['figure']:.2f}",
            "met" if aim["met"] else "**missed**",
        ]
        for aim in (*bench["aims"], *latency["aims"])
    ]
    return markdown(["aim for one worker", "bound", "figure", ""], rows)


def delivery(bench: Report) -> str:
    """What exactly once costs."""
    rows = by_name(bench)
    pairs = [
        (f"{kind}/standard{more}", f"{kind}/standard")
        for kind in (NATIVE, PYTHON)
        if f"{kind}/standard" in rows
        for more in ("/exactly-once", "")
    ]
    return markdown(
        [
            "row",
            "events/s",
            "of at least once",
            "worker CPU, µs an event",
            "Redis CPU, µs an event",
        ],
        [
            [
                f"`{name}`",
                f"{speed(rows, name):,.0f}",
                f"{speed(rows, name) / speed(rows, base):.2f}",
                text(rows[name]["worker_cpu_us"], ".1f"),
                text(rows[name]["redis_cpu_us"], ".1f"),
            ]
            for name, base in pairs
        ],
    )


def capacity(bench: Report, cost: Report) -> str:
    """What a load needs, from the costs of an event."""
    costs = costs_of(bench, cost)
    measured = markdown(
        ["measured", "value"],
        [
            ["events/s of a worker", f"{costs.worker_events_per_second:,.0f}"],
            ["Redis' CPU, µs an event", f"{costs.redis_cpu_us:.0f}"],
            [
                "bytes a visitor, with the tables of keys and expiries",
                f"{costs.bytes_per_visitor:,.0f}",
            ],
        ],
    )
    titles = [
        *("events a day", "peak, events/s", "workers", "partitions", "primaries by CPU"),
        *("`ttl_days`", "memory, GiB", "primaries"),
    ]
    return f"{measured}\n\n{markdown(titles, capacity_rows(costs, Assumed()))}"


def machine(bench: Report) -> str:
    """Where the bench ran, and on which versions."""
    machine, versions = bench["machine"], bench["versions"]
    return markdown(
        ["part", "version"],
        [
            ["processor", f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}"],
            ["load before the run", f"{machine['load_before']:.2f}"],
            *([name, text] for name, text in versions.items()),
        ],
        texts=2,
    )
