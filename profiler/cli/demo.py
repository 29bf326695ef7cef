"""`profiler demo`: the whole pipeline on servers of its own."""

from typing import Annotated

import typer

from profiler.cli.options import RulesName
from profiler.demo import run_demo


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(demo)


def demo(
    *,
    keep: Annotated[
        bool | None,
        typer.Option(
            help="Run on until Ctrl-C, with the live page and the shop.",
            show_default="on a terminal",
        ),
    ] = None,
    rules: RulesName = None,
) -> None:
    """Stream captured traffic through the whole pipeline, on servers of its own."""
    raise typer.Exit(run_demo(keep=keep, rules=rules))
