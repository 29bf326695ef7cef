"""`python -m tests.chaos`: the rows of the fault matrix, the proof of the oracle, the soak."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chaos import proof, report, soak
from tests.chaos.protections import PROTECTIONS
from tests.chaos.rows import ROWS
from tests.chaos.runner import Runner
from tests.chaos.scene import CLIENTS
from tests.chaos.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.chaos.runner import Result
    from tests.chaos.scene import Client

_BUILD = Path(__file__).parents[2] / "build"


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    found = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description="Run the worker under injected faults, on real Kafka and Redis, and judge what"
        " came out by a fold in Python. Ends with 1 when a row is wrong. Writes build/chaos.json,"
        " chaos-proof.json and chaos-soak.json; the workers' logs of wrong rows go to chaos-logs.",
    )
    mode = found.add_mutually_exclusive_group()
    mode.add_argument("--list", action="store_true", help="list the rows and end")
    mode.add_argument(
        "--proof",
        action="store_true",
        help="prove the oracle: run rows without a protection each, which it must find wrong",
    )
    mode.add_argument(
        "--soak", type=float, metavar="HOURS", help="faults at random, a verdict every minute"
    )
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
        metavar="PROTECTIONS",
        help=f"switch these off in every row, with commas between: {', '.join(PROTECTIONS)}",
    )
    return found


def run_rows(runner: Runner, given: argparse.Namespace, clients: Sequence[Client]) -> bool:
    """Run rows; return whether all were right."""
    names = _names(given.rows) or list(ROWS)
    results: list[Result] = []
    until = time.monotonic() + given.minutes * 60 if given.minutes else float("inf")
    try:
        for name, client in _turns(names, clients):
            if time.monotonic() > until:
                report.CONSOLE.print(f"[yellow]no time left for {name} {client}[/yellow]")
                continue
            report.begun(name, ROWS[name].what, client)
            result = runner.run(
                name,
                ROWS[name],
                client=client,
                seed=given.seed,
                without=_names(given.without),
                scale=given.scale,
            )
            results.append(result)
            report.line(result)
            report.write([report.as_json(each) for each in results], _BUILD / "chaos.json")
    finally:
        report.table(results, "inputs, and what became of them")
    return bool(results) and all(result.is_right for result in results)


def run_proof(runner: Runner, given: argparse.Namespace, clients: Sequence[Client]) -> bool:
    """Prove the oracle; return whether it found every fault."""
    results: list[Result] = []
    try:
        for client in clients:
            for result in proof.prove(runner, client=client, seed=given.seed, scale=given.scale):
                results.append(result)
                report.line(result)
                rows = [
                    {**report.as_json(each), "found": proof.has_found(each)} for each in results
                ]
                report.write(rows, _BUILD / "chaos-proof.json")
    finally:
        report.table(results, "without a protection: each must be wrong")
    missed = [result for result in results if not proof.has_found(result)]
    for result in missed:
        report.CONSOLE.print(f"[red]the oracle missed {result.row} {result.without}[/red]")
    return not missed


def run_soak(runner: Runner, given: argparse.Namespace, clients: Sequence[Client]) -> bool:
    """Soak, on each client in turn; return whether nothing was wrong."""
    rows: list[dict[str, object]] = []
    is_right = True
    for client in clients:
        report.CONSOLE.print(f"[bold]{given.soak:g} h on {client}, seed {given.seed}[/bold]")
        minutes: list[soak.Minute] = []

        def tell(minute: soak.Minute, client: Client = client) -> None:
            minutes.append(minute)  # noqa: B023 - it is called in this turn only
            soak.show(minute)
            latest = soak.as_json(minute, client, given.seed)
            report.write([*rows, latest], _BUILD / "chaos-soak.json")

        site = Site(
            soak.SCENE,
            runner.cluster("one"),
            client=client,
            seed=given.seed,
            without=_names(given.without),
            scale=soak.SCALE,
        )
        with site:
            try:
                is_right &= soak.Soak(site, tell).run(given.soak).is_right
            except Exception:
                runner.keep_logs(site, f"soak-{client}")
                raise
            finally:
                soak.table(minutes, client)
        rows.append(soak.as_json(minutes[-1], client, given.seed))
    return is_right


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    given = parser().parse_args(arguments)
    if given.list:
        for name, row in ROWS.items():
            report.CONSOLE.print(f"{name:24} {row.what}", markup=False)
        return 0
    unknown = {*_names(given.rows)} - ROWS.keys() | {*_names(given.without)} - PROTECTIONS.keys()
    if unknown:
        sys.stderr.write(f"no such row or protection: {', '.join(sorted(unknown))}\n")
        return 2
    clients: Sequence[Client] = CLIENTS if given.client == "both" else (given.client,)
    run = run_proof if given.proof else run_soak if given.soak else run_rows
    # Ctrl-C, also in the background, and a request to stop: all that was started is ended.
    for asking in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asking, signal.default_int_handler)
    try:
        with Runner(_BUILD / "chaos-logs") as runner:
            return 0 if run(runner, given, clients) else 1
    except KeyboardInterrupt:
        report.CONSOLE.print("[red]interrupted[/red]")
        return 1


def _names(text: str) -> list[str]:
    return list(filter(None, text.split(",")))


def _turns(names: Sequence[str], clients: Sequence[Client]) -> Iterator[tuple[str, Client]]:
    for name in names:
        for client in clients:
            if client in ROWS[name].clients:
                yield name, client


if __name__ == "__main__":
    sys.exit(main())
