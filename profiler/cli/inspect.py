"""Commands that look and prepare: get, topics."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from profiler.cli.options import (
    Brokers,
    ConfigFile,
    RedisUrl,
    RulesName,
    script_from,
    settings_from,
)
from profiler.kafka.topics import create_topics


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(get)
    topics = typer.Typer(help="The topics of the pipeline.", no_args_is_help=True)
    topics.command()(create)
    app.add_typer(topics, name="topics")


def get(
    visitor: Annotated[str, typer.Argument(help="The visitor id.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    config: ConfigFile = None,
    rules: RulesName = None,
    redis: RedisUrl = None,
) -> None:
    """Print one visitor's profile, as the latest visit left it; an unknown visitor exits 1."""
    script = script_from(settings_from(config, rules=rules, redis=redis))
    stored = script.read(visitor)
    if stored is None:
        Console(stderr=True).print(f"no profile is stored for {visitor!r}", markup=False)
        raise typer.Exit(1)
    if as_json or not Console().is_terminal:
        typer.echo(json.dumps(stored, ensure_ascii=False))
        return
    table = Table("field", "value", title=visitor)
    for name, value in stored.items():
        table.add_row(name, str(value))
    Console().print(table)


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
