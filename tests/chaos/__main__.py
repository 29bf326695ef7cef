"""`python -m tests.chaos`: the rows of the fault matrix, the proof of the oracle, the soak."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.chaos import report
from tests.chaos.protections import PROTECTIONS
from tests.chaos.rows import ROWS
from tests.chaos.runner import Result, Runner
from tests.chaos.scene import CLIENTS

_BUILD = Path(__file__).parents[2] / "build"


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    found = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description="Run the worker under injected faults, on real Kafka and Redis, and judge what"
        " came out by a fold in Python. Writes build/chaos.json; ends with 1 when a row is wrong.",
    )
    found.add_argument("--list", action="store_true", help="list the rows and end")
    found.add_argument("--rows", default="", help="names with commas between; default: all")
    found.add_argument(
        "--client", choices=[*CLIENTS, "both"], default="both", help="default: one after the other"
    )
    found.add_argument("--seed", type=int, default=7, help="of traffic and faults; default: 7")
    found.add_argument(
        "--scale", type=float, default=1.0, help="how often each fault is done; default: 1"
    )
    found.add_argument(
        "--minutes", type=float, default=0.0, help="begin no row after so long; default: no limit"
    )
    found.add_argument(
        "--without",
        default="",
        metavar="PROTECTION",
        help=f"switch off, names with commas between: {', '.join(PROTECTIONS)}",
    )
    return found


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    given = parser().parse_args(arguments)
    if given.list:
        for name, row in ROWS.items():
            report.CONSOLE.print(f"{name:24} {row.what}", markup=False)
        return 0
    names = list(filter(None, given.rows.split(","))) or list(ROWS)
    without = list(filter(None, given.without.split(",")))
    for unknown in {*names} - ROWS.keys() | {*without} - PROTECTIONS.keys():
        sys.stderr.write(f"no such row or protection: {unknown}; see --list and --help\n")
        return 2
    clients = CLIENTS if given.client == "both" else (given.client,)
    results: list[Result] = []
    began = time.monotonic()
    try:
        with Runner() as runner:
            for name in names:
                for client in clients:
                    if client not in ROWS[name].clients:
                        continue
                    if given.minutes and time.monotonic() - began > given.minutes * 60:
                        continue
                    report.CONSOLE.print(f"[dim]{name} {client}: {ROWS[name].what}[/dim]")
                    result = runner.run(
                        name,
                        ROWS[name],
                        client=client,
                        seed=given.seed,
                        without=without,
                        scale=given.scale,
                    )
                    results.append(result)
                    report.line(result)
                    report.write(results, _BUILD / "chaos.json")
    except KeyboardInterrupt:
        report.CONSOLE.print("[red]interrupted[/red]")
    report.table(results, "inputs, and what became of them")
    return 0 if results and all(result.is_right for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
