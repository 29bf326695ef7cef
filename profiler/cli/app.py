"""The command line's tree of commands."""

from typing import Annotated

import typer

from profiler import __version__
from profiler.cli import (
    audit,
    check,
    config,
    demo,
    explain,
    export,
    forget,
    get,
    health,
    lua,
    pipe,
    rejected,
    replay,
    rules,
    run,
    serve,
    topics,
)

app = typer.Typer(
    name="profiler",
    help="Give every tracking event the profile of its visitor, as of that moment.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback signature
    if wanted:
        print(f"profiler {__version__}")  # noqa: T201 - the answer to --version
        raise typer.Exit


@app.callback()
def _root(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="And exit.")
    ] = False,
) -> None:
    pass


_VISITORS = (get, explain, export, forget)

_OF_OPERATORS = (check, health, rejected, audit, topics, config, rules, lua)

for command in (run, serve, replay, pipe, demo, *_VISITORS, *_OF_OPERATORS):
    command.add_to(app)
