"""Commands about the settings: show."""

import typer

from profiler.cli.options import ConfigFile, settings_from
from profiler.config import render_effective


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    config = typer.Typer(help="The settings.", no_args_is_help=True)
    config.command()(show)
    app.add_typer(config, name="config")


def show(*, config: ConfigFile = None) -> None:
    """Print the settings in effect, secrets masked."""
    typer.echo(render_effective(settings_from(config)), nl=False)
