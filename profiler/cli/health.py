"""The command `health`: whether the worker on this machine is alive, for a container's check."""

from typing import Annotated

import typer

from profiler.cli import EXIT_FAILED
from profiler.cli.options import ConfigFile, settings_from
from profiler.config.catalogue import FLAGS
from profiler.service.asking import ask


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(health)


def health(
    *,
    config: ConfigFile = None,
    metrics: Annotated[
        str | None,
        typer.Option(FLAGS["metrics.listen"], help="Where it was told to serve its pages."),
    ] = None,
) -> None:
    """Ask the worker on this machine for /healthz; exits 1 where it is not well.

    The worker is found by the setting metrics.listen. Where that is empty, nothing can be asked:
    the command says so and exits 0.
    """
    place = settings_from(config, metrics=metrics, without_kafka=True).metrics.address
    if place is None:
        typer.echo("nothing is known: metrics.listen is not set")
        return
    answer = ask(place, "/healthz")
    if answer.reason:
        typer.echo(f"unwell: {answer.reason}")
        raise typer.Exit(EXIT_FAILED)
    typer.echo("well")
