"""The command `export`: all that is stored of one visitor, as JSON."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from profiler.cli.get import require_utf8, unknown
from profiler.cli.options import ConfigFile, RedisUrl, RulesName, script_from, settings_from
from profiler.profiles.export import iso_of

#: Nobody else may read it: it is about a person.
_OWN_FILE = 0o600


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(export)


def export(
    visitor: Annotated[
        str,
        typer.Argument(help="The visitor id; one that begins with a hyphen goes behind --."),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="A new file, readable by its owner; default: stdout."),
    ] = None,
    config: ConfigFile = None,
    rules: RulesName = None,
    redis: RedisUrl = None,
) -> None:
    """Write all that Redis has of one visitor as a JSON object.

    It has the fields of the visitor and of each kept visit, with times also as ISO 8601. It adds
    the key, the version of the rules that wrote it, its end, and how many outputs are stored.
    A visitor who is not known exits 1.
    """
    require_utf8(visitor)
    script = script_from(settings_from(config, rules=rules, redis=redis, without_kafka=True))
    found = script.export(visitor)
    if found is None:
        raise unknown(visitor)
    document = {"id": visitor, "exported_at": iso_of(time.time_ns() // 1_000_000), **found}
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    if output is None:
        sys.stdout.write(text)
        return
    try:
        handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWN_FILE)
    except OSError as error:
        raise typer.BadParameter(str(error), param_hint="--output") from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
