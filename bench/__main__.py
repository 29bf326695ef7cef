"""The command line: `python -m bench`."""

import argparse
import json
import signal
import sys
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import pytest
from rich.console import Console
from rich.progress import Progress

from bench.broker import Broker
from bench.errors import BenchError
from bench.machine import command_line, describe_machine, describe_versions
from bench.report import summarise, table_of
from bench.rounds import Figures, Servers
from bench.rows import Row, all_rows
from bench.store import Store
from bench.traffic import Template, make_records, read_templates
from profiler.errors import ProfilerError
from profiler.settings import BatchSettings
from tests.servers import USED
from tests.servers.kafka import shared_kafka
from tests.servers.redis import shared_store

#: No round begins later than this after the first, so that all ends within about five minutes.
_LAST_START_S = 240


def main() -> None:
    """Measure, print, and write the JSON."""
    options = _options()
    # Ctrl-C and an ordinary kill both unwind the stack, which ends every child.
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console() if sys.stdout.isatty() else Console(width=110)
    report: dict[str, Any] = {"command": command_line(), "machine": describe_machine()}
    try:
        report |= _measure(options, console)
    except KeyboardInterrupt:
        sys.exit(130)
    except (pytest.skip.Exception, pytest.fail.Exception, BenchError, ProfilerError) as error:
        sys.exit(f"bench: {error}")
    for what in ("machine", "versions"):
        console.print(", ".join(f"{name} {text}" for name, text in report[what].items()))
    console.print(report["command"])
    console.print(table_of(report["rows"]))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of all rows (default: 5)")
    parser.add_argument(
        "--records", type=int, default=20_000, help="records of a round (default: 20000)"
    )
    parser.add_argument(
        "--article-records",
        type=int,
        default=3_000,
        help="records of a round of the article's chain, at most --records (default: 3000)",
    )
    parser.add_argument(
        "--copy-size",
        type=int,
        default=500,
        help="records of each stretch of the traffic; records / copy-size stretches run at the"
        " same time, each with visitors of its own (default: 500)",
    )
    parser.add_argument("--partitions", type=int, default=1, help="of each topic (default: 1)")
    parser.add_argument("--capture", type=Path, help="NDJSON to replay (default: the sample)")
    parser.add_argument(
        "--output", type=Path, default=Path("build/bench.json"), help="default: build/bench.json"
    )
    options = parser.parse_args()
    # The first batch is the warm-up.
    if options.records <= (batch := BatchSettings().max_records):
        parser.error(f"--records must be more than a batch, {batch}")
    if min(options.rounds, options.article_records, options.copy_size, options.partitions) < 1:
        parser.error("numbers must be positive")
    return options


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _measure(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    templates = read_templates(options.capture)
    rows = all_rows(records=options.records, article_records=options.article_records)
    with ExitStack() as stack:
        console.print("starting Kafka and Redis")
        kafka = shared_kafka(stack)
        store = Store(shared_store(stack, "redis7").url)
        stack.callback(store.close)
        broker = stack.enter_context(Broker(kafka.bootstrap_servers, options.partitions))
        for what, where in USED.items():
            console.print(f"{what}: {where}")
        rounds = _all_rounds(options, rows, templates, Servers(broker, store), console)
        versions = describe_versions(redis=store.version(), kafka=broker.version())
    return {"versions": versions, "rows": summarise(rows, rounds)}


def _all_rounds(
    options: argparse.Namespace,
    rows: list[Row],
    templates: list[Template],
    servers: Servers,
    console: Console,
) -> dict[str, list[Figures]]:
    """Run the rows in turn, round by round, so that a slow minute slows all of them."""
    rounds: dict[str, list[Figures]] = defaultdict(list)
    started = time.monotonic()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        for number in range(1, options.rounds + 1):
            if time.monotonic() - started > _LAST_START_S:
                console.print(f"time is up: {number - 1} of {options.rounds} rounds")
                break
            for row in rows:
                progress.reset(
                    task,
                    total=row.records,
                    description=f"{row.name} (round {number} of {options.rounds})",
                )
                records = make_records(templates, row.records, options.copy_size)
                figures = row.measure(
                    servers, records, lambda done: progress.update(task, completed=done)
                )
                rounds[row.name].append(figures)
            if not console.is_terminal:
                console.print(f"round {number} of {options.rounds} done")
    return rounds


if __name__ == "__main__":
    main()
