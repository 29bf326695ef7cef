"""The command `topics create`."""

from typing import Annotated

import typer

from profiler.cli.options import Brokers, ConfigFile, settings_from
from profiler.kafka.topics import create_topics


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    topics = typer.Typer(help="The topics of the pipeline.", no_args_is_help=True)
    topics.command()(create)
    app.add_typer(topics, name="topics")


def create(
    *,
    partitions: Annotated[
        int,
        typer.Option(help="Of each new topic: the most workers that can share it; -1: broker's."),
    ] = -1,
    replication: Annotated[int, typer.Option(help="Copies of each partition; -1: broker's.")] = -1,
    config: ConfigFile = None,
    bootstrap_servers: Brokers = None,
) -> None:
    """Create the topics that are missing; those that exist stay as they are."""
    settings = settings_from(config, brokers=bootstrap_servers)
    outcome = create_topics(
        settings.kafka, settings.topics.all(), partitions=partitions, replication=replication
    )
    for name, what in outcome.items():
        typer.echo(f"{name}: {what}")
