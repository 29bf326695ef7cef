"""How many instructions the script takes a call and an event, counted by valgrind.

A count says what CPU time says, but a busy machine does not change it: the script's is the same
again to less than 1 %. It does not see what waits for memory.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from bench.command import Command, Measured, Session
from bench.counting import Case, Counted, count_instructions
from bench.errors import BenchError
from bench.report import Summary
from bench.traffic import TRAFFICS
from servers.redis import FLAVOURS

PRESETS = ("standard", "lean", "article")

#: At most so many instructions an event may take inside EVALSHA, by preset and traffic.
BUDGETS = {
    ("standard", "one"): 237_000,
    ("standard", "three"): 137_000,
    ("standard", "twenty"): 96_000,
    ("lean", "one"): 140_000,
    ("lean", "three"): 80_000,
    ("lean", "twenty"): 55_000,
    ("article", "one"): 90_000,
    ("article", "three"): 45_000,
    ("article", "twenty"): 27_000,
}

#: With stored outputs a call may take at most so many times as many, by traffic.
STORED_BUDGETS = {"one": 1.42, "three": 1.4, "twenty": 1.15}


def _add_options(parser: argparse.ArgumentParser) -> None:
    for name, all_of in (("preset", PRESETS), ("traffic", tuple(TRAFFICS)), ("server", FLAVOURS)):
        parser.add_argument(
            f"--{name}", nargs="+", choices=all_of, default=all_of, help="default: all"
        )
    parser.add_argument(
        "--batches",
        type=int,
        choices=range(1, 21),
        metavar="N",
        default=4,
        help="to count of each stream, 1 to 20 (default: 4)",
    )
    parser.add_argument(
        "--script",
        type=Path,
        metavar="FILE",
        help="Lua in place of the rendered preset, of which there must be one; takes its calls",
    )


def _measure(options: argparse.Namespace, session: Session) -> Measured:
    if options.script and len(options.preset) > 1:
        raise BenchError("--script needs --preset: whose calls does it take?")
    script = options.script and options.script.read_text(encoding="utf-8")
    cases = [Case(preset, traffic) for preset in options.preset for traffic in options.traffic]
    rows = []
    for flavour in options.server:
        found, stored = (
            count_instructions(
                flavour,
                cases,
                batches=options.batches,
                script=script,
                stores=stores,
                say=session.console.print,
            )
            for stores in (False, True)
        )
        rows += [_summary(case, counted, stored[case]) for case, counted in found.items()]
    return Measured({"script": str(options.script or ""), "rows": rows}, [_table(rows)])


def _summary(case: Case, counted: Counted, stored: Counted) -> Summary:
    return {
        "server": counted.server,
        **case._asdict(),
        "calls": counted.calls,
        "events": counted.events,
        "instructions_per_call": round(counted.script / counted.calls),
        "instructions_per_event": round(counted.per_event),
        "bare_instructions_per_event": round(counted.bare / counted.events),
        "budget_per_event": BUDGETS[case],
        "stored_instructions_per_event": round(stored.per_event),
        "stored_ratio": round(stored.per_event / counted.per_event, 3),
    }


def _table(rows: Sequence[Summary]) -> Table:
    table = Table(
        caption="thousands of instructions inside EVALSHA; stored: with stored outputs, and so many"
        " times as many; bare: HSET, HGETALL of the same fields"
    )
    for title in ("server", "preset", "traffic", "events/call", "a call", "an event"):
        table.add_column(title)
    for title in ("budget", "stored, an event", "times", "bare, an event"):
        table.add_column(title)
    for row in rows:
        table.add_row(
            row["server"],
            row["preset"],
            row["traffic"],
            f"{row['events'] / row['calls']:.1f}",
            *(
                f"{row[name] / 1_000:.1f}"
                for name in (
                    *("instructions_per_call", "instructions_per_event"),
                    *("budget_per_event", "stored_instructions_per_event"),
                )
            ),
            f"{row['stored_ratio']:.2f}",
            f"{row['bare_instructions_per_event'] / 1_000:.1f}",
        )
    return table


COMMAND = Command(
    help="instructions of the script a call and an event, on Redis and Valkey under valgrind",
    add_options=_add_options,
    measure=_measure,
)
