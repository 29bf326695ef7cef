"""Commands about the settings: show, init, schema."""

import json
from pathlib import Path
from typing import Annotated

import typer

from profiler.cli.options import Brokers, ConfigFile, RedisUrl, RulesName, effective_from
from profiler.config import json_schema, render_effective, render_starter
from profiler.errors import ProfilerError


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    config = typer.Typer(help="The settings.", no_args_is_help=True)
    for command in (show, init, schema):
        config.command()(command)
    app.add_typer(config, name="config")


def show(
    *,
    config: ConfigFile = None,
    rules: RulesName = None,
    redis: RedisUrl = None,
    bootstrap_servers: Brokers = None,
) -> None:
    """Print the settings in effect as TOML, where each comes from, and secrets masked."""
    effective = effective_from(config, rules=rules, redis=redis, brokers=bootstrap_servers)
    typer.echo(render_effective(effective), nl=False)


def init(
    path: Annotated[Path, typer.Argument(help="Where; a file that exists is left alone.")] = Path(
        "profiler.toml"
    ),
) -> None:
    """Write a settings file to start from: every setting explained, with its default."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(render_starter())
    except FileExistsError as error:
        raise ProfilerError(f"{path} exists; nothing was written") from error
    except OSError as error:
        raise ProfilerError(f"{path}: {error.strerror}") from error
    typer.echo(f"wrote {path}")


def schema() -> None:
    """Print the JSON Schema of profiler.toml, for editors and other checks."""
    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
