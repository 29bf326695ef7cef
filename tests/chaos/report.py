"""The report: a line for each row while it runs, a table at the end, and a file."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from tests.chaos.verdict import FAULTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.chaos.runner import Result

FIGURES = ("inputs", "persisted", "rejected", *FAULTS)
CONSOLE = Console(highlight=False, soft_wrap=True)
#: Of the table, which a narrow terminal would cut.
_WIDTH = 150


def begun(row: str, what: str, client: str) -> None:
    """Say that a row begins."""
    CONSOLE.print(f"[dim]{row} {client}: {what}[/dim]")


def line(result: Result) -> None:
    """Print a row that has ended, and what was wrong."""
    figures = asdict(result.verdict)
    word = "[green]right[/green]" if result.is_right else "[red]WRONG[/red]"
    numbers = " ".join(f"{name} {figures[name]}" for name in FIGURES)
    off = f" without {','.join(result.without)}" if result.without else ""
    CONSOLE.print(
        f"{word} {result.row} {result.client} seed {result.seed}{off}:"
        f" {result.faults} faults in {result.seconds:.0f} s; {numbers}"
    )
    for text in [result.failure, *result.verdict.examples]:
        if text:
            CONSOLE.print(f"      {text}", markup=False)


def as_json(result: Result) -> dict[str, Any]:
    """A row of the file."""
    figures = asdict(result.verdict)
    return {
        "row": result.row,
        "client": result.client,
        "seed": result.seed,
        **{name: figures[name] for name in FIGURES},
        "replayed": figures["replayed"],
        "faults": result.faults,
        "seconds": round(result.seconds, 1),
        **({"without": list(result.without)} if result.without else {}),
        **({"failure": result.failure} if result.failure else {}),
    }


def write(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write the file, with all rows so far."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"rows": rows}, indent=1) + "\n")


def table(results: Sequence[Result], title: str) -> None:
    """Print all rows."""
    shown = Table(title=title)
    shown.add_column("row")
    shown.add_column("client")
    for name in ("faults", *FIGURES, "s"):
        shown.add_column(name, justify="right")
    shown.add_column("")
    for result in results:
        figures = asdict(result.verdict)
        shown.add_row(
            " without ".join([result.row, *result.without]),
            result.client,
            str(result.faults),
            *(str(figures[name]) for name in FIGURES),
            f"{result.seconds:.0f}",
            "right" if result.is_right else ("stuck" if result.failure else "WRONG"),
        )
    wide(shown)


def wide(shown: Table) -> None:
    """Print a table in full."""
    Console(width=max(CONSOLE.width, _WIDTH)).print(shown)
