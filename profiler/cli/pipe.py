"""`profiler pipe`: lines in, lines with profiles out."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from profiler.cli import EXIT_FAILED
from profiler.cli.options import (
    ConfigFile,
    InputKind,
    RulesName,
    effective_from,
    mode_of,
    on_own_server,
    remembering_script_from,
)
from profiler.config.catalogue import FLAGS
from profiler.config.load import DEFAULT
from profiler.engine import choose_engine
from profiler.servers.embedded import EmbeddedStore
from profiler.service import logs
from profiler.worker.pipe import run_pipe
from profiler.worker.pipe_input import open_lines
from profiler.worker.pipe_stop import Patience


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(pipe)


def pipe(
    *,
    input_: InputKind = "processed",
    rejects: Annotated[
        Path | None, typer.Option(help="Also write rejected lines' reports to this file.")
    ] = None,
    triggers: Annotated[
        Path | None,
        typer.Option(help="Write what the rules' triggers fire and retract to this file."),
    ] = None,
    decompress: Annotated[
        bool, typer.Option("--decompress", help="Read gzip; what is not compressed, as it is.")
    ] = False,
    config: ConfigFile = None,
    rules: RulesName = None,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds until a Redis that is away is given up.")
    ] = 300,
    redis: Annotated[
        str | None,
        typer.Option(
            FLAGS["redis.url"],
            help="redis:// URL; default: the setting redis.url. Where nothing sets that, as with"
            " --own-redis.",
        ),
    ] = None,
    own_redis: Annotated[
        bool,
        typer.Option(
            "--own-redis", help="Use a Redis of its own, which is thrown away at the end."
        ),
    ] = False,
) -> None:
    """NDJSON from standard input, each record with its profile to standard output.

    A line is {"key": ..., "value": {...}, "timestamp": ms}; key and timestamp may be left out.
    What triggers fire and retract goes to the file of --triggers, a line of the same form each.
    Rejected lines go to standard error, as {"line": ..., "code": ..., "reason": ...}. Exits 0,
    also where some lines were rejected, and 1 where all of them were. While Redis is away, it is
    tried again, and standard error says so. Who gives up, by --wait or a signal, names the last
    line whose result is written, and exits 1.
    """
    if own_redis and redis is not None:
        raise typer.BadParameter("give it, or --redis, and not both", param_hint="--own-redis")
    logs.configure("warning")
    patience = Patience(wait)
    patience.watch_signals()
    with ExitStack() as stack:
        settings, origins = effective_from(config, rules=rules, redis=redis, without_kafka=True)
        if own_redis or origins["redis.url"] == DEFAULT:
            settings = on_own_server(settings, stack.enter_context(EmbeddedStore()).url)
        engine = choose_engine(settings.engine)
        # An archive may go into new keys, whose visitors were forgotten under others.
        script = remembering_script_from(settings, is_needed=False)
        patience.until_redis_answers(script.register)
        stdin = patience.reading(sys.stdin.fileno())
        done = run_pipe(
            open_lines(stdin, decompress=decompress),
            engine(mode_of(input_), settings, script),
            script,
            settings,
            patience=patience,
            output=sys.stdout.buffer,
            errors=sys.stderr,
            rejects=stack.enter_context(rejects.open("w", encoding="utf-8")) if rejects else None,
            triggers=stack.enter_context(triggers.open("wb")) if triggers else None,
        )
        if done.lines and done.rejected == done.lines:
            raise typer.Exit(EXIT_FAILED)
