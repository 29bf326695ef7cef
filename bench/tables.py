"""The tables of the docs from the reports in build/: `python -m bench.tables [--check]`.

A table stands in a page between ``<!-- figures: NAME -->`` and ``<!-- end -->``, and is written
anew from the reports that it needs. Where one of these is not there, the table stays as it is.

Over 250 lines: a short function for each table.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.aims import PASS_THROUGH
from bench.capacity import Assumed, capacity_rows, costs_of
from bench.stage_steps import STAGES

Report = Mapping[str, Any]

_PAGES = ("docs/performance.md", "docs/performance-method.md")
_BLOCK = re.compile(r"(<!-- figures: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_NATIVE, _PYTHON = "profiler/native", "profiler/librdkafka"


def main() -> None:
    """Write the tables into the pages, and say which were written."""
    options = _options()
    reports = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in options.build.glob("*.json")
    }
    is_old = False
    for page in map(Path, _PAGES):
        old = page.read_text(encoding="utf-8")
        new = filled(old, reports, say=print)
        is_old |= new != old
        if not options.check:
            page.write_text(new, encoding="utf-8")
    if options.check and is_old:
        sys.exit("the pages have other figures than the reports: python -m bench.tables")


def filled(page: str, reports: Mapping[str, Report], *, say: Callable[[str], None]) -> str:
    """The page with every table made anew whose reports are there.

    Args:
        page: its text.
        reports: by the name of their file, without the ending.
        say: takes a line for each table.

    Raises:
        KeyError: the page has a table that nobody makes.
    """

    def made(block: re.Match[str]) -> str:
        needed, make = TABLES[block[2]]
        if missing := [name for name in needed if name not in reports]:
            say(f"{block[2]}: stays, {', '.join(f'{name}.json' for name in missing)} is missing")
            return block[0]
        say(f"{block[2]}: written")
        return f"{block[1]}{make(*(reports[name] for name in needed))}\n{block[3]}"

    return _BLOCK.sub(made, page)


def markdown(titles: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1) -> str:
    """A table whose first columns are texts, and whose others are figures."""
    lines = [titles, [*["---"] * texts, *["---:"] * (len(titles) - texts)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _headline(bench: Report, latency: Report, recovery: Report, scale: Report) -> str:
    rows, late = _by_name(bench), _by_name(latency)
    chain, quix, streams = (
        _ratios(rows, name) for name in ("article_chain", "quix_streams", "kafka_streams")
    )
    fast = [kind for kind in (_NATIVE, _PYTHON) if f"{kind}/article" in rows]
    speeds = scale["rows"]
    best = max(_median(row["events_per_second"]) for row in speeds)
    gain = best / _median(speeds[0]["events_per_second"])
    most = max(row["workers"] for row in speeds)
    return markdown(
        ["question", "answer"],
        [
            [
                "How fast is one worker?",
                "; ".join(
                    f"{_engine(kind)}: {chain[f'{kind}/article']} times the article's programs,"
                    f" {quix[f'{kind}/article']} times Quix Streams,"
                    f" {streams[f'{kind}/article']} times Kafka Streams"
                    for kind in fast
                ),
            ],
            [
                "What does exactly once cost?",
                "; ".join(
                    f"{_engine(kind)}: {_price(rows, kind):.0%} of the events/s" for kind in fast
                ),
            ],
            [
                "How long does an event take?",
                "; ".join(
                    f"{_engine(name)}, {name.rpartition('/')[2].replace('-', ' ')}: p50"
                    f" {_median(row['p50_ms']):.0f} ms, p99 {_median(row['p99_ms']):.0f} ms"
                    for name, row in late.items()
                    if name.startswith((_NATIVE, _PYTHON))
                ),
            ],
            [
                "How long is it away after a crash?",
                "; ".join(
                    f"{row['name']}, {row['visitors']:,} visitors: {_median(row['seconds']):.1f} s"
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


def _throughput(bench: Report) -> str:
    titles = [
        *("row", "events/s", "least", "greatest", "to the chain", "to Quix", "to Kafka Streams"),
        *("worker CPU, µs", "to `ceiling/kafka`", "Redis CPU, µs"),
    ]
    rows = [
        [
            f"`{row['name']}`",
            *(f"{row['events_per_second'][which]:,.0f}" for which in ("median", "min", "max")),
            *(
                _text(row[f"ratio_to_{name}"], form)
                for name, form in (
                    *(("article_chain", ".1f"), ("quix_streams", ".2f")),
                    ("kafka_streams", ".2f"),
                )
            ),
            _text(row["worker_cpu_us"], ".1f"),
            _text(row["cpu_ratio_to_ceiling_kafka"], ".1f"),
            _text(row["redis_cpu_us"], ".1f"),
        ]
        for row in bench["rows"]
    ]
    return markdown(titles, rows)


def _aims(bench: Report, latency: Report) -> str:
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


def _latency(latency: Report) -> str:
    titles = [
        *("row", "p50", "p99, median", "least", "greatest"),
        *("p99 against the pass-through", "sustained"),
    ]
    rows = [
        [
            row["name"] if row["name"] == PASS_THROUGH else f"`{row['name']}`",
            f"{_median(row['p50_ms']):.0f}",
            *(f"{row['p99_ms'][which]:.0f}" for which in ("median", "min", "max")),
            _text(row["p99_ratio"], ".1f"),
            "yes" if row["sustained"] else "not in every round",
        ]
        for row in latency["rows"]
    ]
    return markdown(titles, rows)


def _recovery(recovery: Report) -> str:
    rows = [
        [
            f"`{row['name']}`",
            f"{row['visitors']:,}",
            *(f"{row['seconds'][which]:.1f}" for which in ("median", "min", "max")),
        ]
        for row in recovery["rows"]
    ]
    return markdown(["row", "visitors", "seconds, median", "least", "greatest"], rows)


def _scale(scale: Report) -> str:
    titles = [
        *("workers", "events/s, median", "least", "greatest", "workers' cores", "Redis'"),
        *("broker's", "idle"),
    ]
    rows = [
        [
            str(row["workers"]),
            *(f"{row['events_per_second'][which]:,.0f}" for which in ("median", "min", "max")),
            *(_text(row["cores"][who], ".2f") for who in ("workers", "redis", "broker", "idle")),
        ]
        for row in scale["rows"]
    ]
    return markdown(titles, rows)


def _cluster(cluster: Report) -> str:
    titles = [
        *("row", "events/s, median", "least", "greatest", "ratio"),
        *("worker CPU, µs", "Redis CPU, µs"),
    ]
    rows = [
        [
            row["name"],
            *(f"{row['events_per_second'][which]:,.0f}" for which in ("median", "min", "max")),
            _text(row["ratio_to_one_server"], ".2f"),
            _text(row["worker_cpu_us"], ".1f"),
            _text(row["redis_cpu_us"], ".1f"),
        ]
        for row in cluster["rows"]
    ]
    return markdown(titles, rows)


def _stages(stages: Report) -> str:
    titles = ["stage", *(f"{row['kind']}, `{row['preset']}`" for row in stages["rows"])]
    each = [row["instructions_per_event"] for row in stages["rows"]]
    rows = [[stage, *(f"{counts[stage] / 1_000:.1f}" for counts in each)] for stage in STAGES]
    rows.append(["**sum**", *(f"**{sum(counts.values()) / 1_000:.0f}**" for counts in each)])
    return markdown(titles, rows)


def _delivery(bench: Report) -> str:
    rows = _by_name(bench)
    pairs = [
        (f"{kind}/standard{more}", f"{kind}/standard")
        for kind in (_NATIVE, _PYTHON)
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
                f"{_speed(rows, name):,.0f}",
                f"{_speed(rows, name) / _speed(rows, base):.2f}",
                _text(rows[name]["worker_cpu_us"], ".1f"),
                _text(rows[name]["redis_cpu_us"], ".1f"),
            ]
            for name, base in pairs
        ],
    )


def _capacity(bench: Report, cost: Report) -> str:
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


def _machine(bench: Report) -> str:
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


#: By name: the reports that a table needs, and what makes it.
TABLES: Mapping[str, tuple[Sequence[str], Callable[..., str]]] = {
    "headline": (("bench", "latency", "recovery", "scale"), _headline),
    "throughput": (("bench",), _throughput),
    "aims": (("bench", "latency"), _aims),
    "latency": (("latency",), _latency),
    "recovery": (("recovery",), _recovery),
    "scale": (("scale",), _scale),
    "cluster": (("cluster",), _cluster),
    "stages": (("stages",), _stages),
    "delivery": (("bench",), _delivery),
    "capacity": (("bench", "cost"), _capacity),
    "machine": (("bench",), _machine),
}


def _price(rows: Mapping[str, Mapping[str, Any]], kind: str) -> float:
    """Which part of the events/s exactly once takes."""
    base = f"{kind}/standard"
    return 1 - _speed(rows, f"{base}/exactly-once") / _speed(rows, base)


def _engine(name: str) -> str:
    return "native" if name.startswith(_NATIVE) else "Python"


def _by_name(report: Report) -> dict[str, Mapping[str, Any]]:
    return {row["name"]: row for row in report["rows"]}


def _ratios(rows: Mapping[str, Mapping[str, Any]], under: str) -> dict[str, str]:
    return {name: _text(row[f"ratio_to_{under}"], ".1f") for name, row in rows.items()}


def _speed(rows: Mapping[str, Mapping[str, Any]], name: str) -> float:
    return _median(rows[name]["events_per_second"])


def _median(figure: Mapping[str, float]) -> float:
    return figure["median"]


def _text(figure: Mapping[str, float] | float | None, form: str) -> str:
    """A figure, or the median of one; empty where it is not known."""
    if isinstance(figure, Mapping):
        figure = figure["median"]
    return "" if figure is None else format(figure, form)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.tables", description=__doc__)
    parser.add_argument("--build", type=Path, default=Path("build"), help="default: build")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where it would")
    return parser.parse_args()


if __name__ == "__main__":
    main()
