"""Events per second of every row, in turn."""

import argparse
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

from bench.aims import compare_with_aims, table_of_aims
from bench.command import Command, Measured, Session, more_than_a_batch, positive
from bench.report import summarise, table_of
from bench.rounds import Figures, Servers
from bench.rows import ROWS, Row, all_rows
from bench.traffic import COPIES, Template, make_records, read_templates
from bench.workers import NATIVE, missing_engine

#: No round begins later than this after the first, so that all ends within about twenty minutes.
_LAST_START_S = 900


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rounds", type=positive, default=5, help="rounds of all rows (default: 5)"
    )
    parser.add_argument(
        "--records",
        type=more_than_a_batch,
        default=40_000,
        help="records of a round (default: 40000)",
    )
    parser.add_argument(
        "--article-records",
        type=positive,
        default=3_000,
        help="records of a round of the article's chain, at most --records (default: 3000)",
    )
    parser.add_argument(
        "--copy-size",
        type=positive,
        help=f"records of each stretch of the traffic; records / copy-size stretches run at the"
        f" same time, each with visitors of its own (default: so that there are {COPIES})",
    )
    parser.add_argument("--partitions", type=positive, default=1, help="of each topic (default: 1)")
    parser.add_argument("--capture", type=Path, help="NDJSON to replay (default: the sample)")
    parser.add_argument(
        "--whole",
        action="store_true",
        help="keep fields that hold nested JSON: records of 1.9 kB instead of 1.4",
    )
    parser.add_argument(
        "--only", nargs="+", metavar="ROW", choices=ROWS, help=f"some of: {', '.join(ROWS)}"
    )


def _measure(options: argparse.Namespace, session: Session) -> Measured:
    templates = read_templates(options.capture, whole=options.whole)
    missing = missing_engine(NATIVE)
    left_out = [name for name in options.only or ROWS if missing and f"/{NATIVE}/" in name]
    for name in left_out:
        session.console.print(f"LEFT OUT: {name}: {missing}")
    rows = all_rows(
        [name for name in options.only or ROWS if name not in left_out],
        records=options.records,
        article_records=options.article_records,
        versions=session.versions,
    )
    servers = Servers(session.broker(options.partitions), session.store())
    rounds = _all_rounds(options, rows, templates, servers, session)
    summaries = summarise(rows, rounds)
    aims = compare_with_aims(summaries)
    tables = [table_of(summaries), *([table_of_aims(aims)] if aims else [])]
    return Measured({"rows": summaries, "aims": aims, "left_out": left_out}, tables)


def _all_rounds(
    options: argparse.Namespace,
    rows: Sequence[Row],
    templates: list[Template],
    servers: Servers,
    session: Session,
) -> dict[str, list[Figures]]:
    """Run the rows in turn, round by round, so that a slow minute slows all of them."""
    console = session.console
    rounds: dict[str, list[Figures]] = defaultdict(list)
    copy_size = options.copy_size or -(-options.records // COPIES)
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
                records = make_records(
                    templates, row.records, copy_size * max(1, row.records // options.records)
                )
                figures = row.measure(
                    servers, records, lambda done: progress.update(task, completed=done)
                )
                rounds[row.name].append(figures)
            if not console.is_terminal:
                console.print(f"round {number} of {options.rounds} done")
    return rounds


COMMAND = Command(
    help="events/s: the article's programs, Quix Streams, profiler run, and the ceilings",
    add_options=_add_options,
    measure=_measure,
)
