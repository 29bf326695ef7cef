"""Commands that process events: run, flatten, profile, pipe, demo."""

import gc
import signal
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer
from pydantic import SecretStr

from profiler import logs
from profiler.cli.options import (
    Brokers,
    ConfigFile,
    LogLevel,
    RedisUrl,
    RulesName,
    script_from,
    settings_from,
)
from profiler.demo import run_demo
from profiler.embedded import EmbeddedStore
from profiler.errors import ConfigError
from profiler.kafka import open_sink, open_source
from profiler.kafka.topics import missing_topics
from profiler.modes import claim_mode
from profiler.pipe import run_pipe
from profiler.pipeline import Mode, Pipeline
from profiler.settings import RedisSettings, Settings
from profiler.worker import Worker

if TYPE_CHECKING:
    import io

SwitchMode = Annotated[
    bool,
    typer.Option(
        "--switch-mode",
        help="Take over from the other mode (run, or flatten and profile), once it is stopped.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(run)
    app.command()(flatten)
    app.command()(profile)
    app.command()(pipe)
    app.command()(demo)


def run(
    *,
    config: ConfigFile = None,
    rules: RulesName = None,
    redis: RedisUrl = None,
    bootstrap_servers: Brokers = None,
    switch_mode: SwitchMode = False,
    log_level: LogLevel = "info",
) -> None:
    """Both stages in one process: tracking_processed to tracking_flattened and _persisted."""
    logs.configure(log_level)
    settings = settings_from(config, rules=rules, redis=redis, brokers=bootstrap_servers)
    _work("run", settings, switch_mode=switch_mode)


def flatten(
    *,
    config: ConfigFile = None,
    bootstrap_servers: Brokers = None,
    switch_mode: SwitchMode = False,
    log_level: LogLevel = "info",
) -> None:
    """The first stage alone: tracking_processed to tracking_flattened."""
    logs.configure(log_level)
    settings = settings_from(config, brokers=bootstrap_servers)
    _work("flatten", settings, switch_mode=switch_mode)


def profile(
    *,
    config: ConfigFile = None,
    rules: RulesName = None,
    redis: RedisUrl = None,
    bootstrap_servers: Brokers = None,
    switch_mode: SwitchMode = False,
    log_level: LogLevel = "info",
) -> None:
    """The second stage alone: tracking_flattened to tracking_persisted."""
    logs.configure(log_level)
    settings = settings_from(config, rules=rules, redis=redis, brokers=bootstrap_servers)
    _work("profile", settings, switch_mode=switch_mode)


def _spare_the_collector() -> None:
    """Look for garbage cycles rarely: a batch is 10^5 objects and no cycle, all freed by count.

    With Python's defaults the collector walks them again and again, a tenth of the worker's time.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _work(mode: Mode, settings: Settings, *, switch_mode: bool) -> None:
    script = None
    if mode != "flatten":
        script = script_from(settings)
        script.register()
    if missing := missing_topics(settings.kafka, settings.topics.of(mode)):
        raise ConfigError(f"no such topic: {', '.join(missing)}; run: profiler topics create")
    reader = claim_mode(mode, settings, switch=switch_mode)
    _spare_the_collector()
    stop = threading.Event()

    def finish(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, finish)
    with ExitStack() as stack:
        source = open_source(settings.kafka, topics=[reader.topic], group=reader.group)
        stack.callback(source.close)
        sink = open_sink(settings.kafka)
        stack.callback(sink.close)
        Worker(source, sink, Pipeline(mode, settings, script), settings.batch, stop).run()


def pipe(
    *,
    input_: Annotated[
        Literal["processed", "flattened"], typer.Option("--input", help="What the values are.")
    ] = "processed",
    rejects: Annotated[
        Path | None, typer.Option(help="Also write rejected lines' reports to this file.")
    ] = None,
    config: ConfigFile = None,
    rules: RulesName = None,
    redis: Annotated[
        str | None,
        typer.Option("--redis", help="redis:// URL; without it a store of its own, thrown away."),
    ] = None,
) -> None:
    """NDJSON from standard input, each record with its profile to standard output.

    A line is {"key": ..., "value": {...}, "timestamp": ms}; key and timestamp may be left out.
    Rejected lines go to standard error, as {"line": ..., "code": ..., "reason": ...}.
    """
    with ExitStack() as stack:
        settings = settings_from(config, rules=rules, redis=redis)
        if redis is None:
            # Neither the login nor the certificates that are configured are this store's.
            own = RedisSettings(url=SecretStr(stack.enter_context(EmbeddedStore()).url))
            settings = settings.model_copy(update={"redis": own})
        script = script_from(settings)
        script.register()
        mode: Mode = "run" if input_ == "processed" else "profile"
        run_pipe(
            cast("io.BufferedReader", sys.stdin.buffer),
            Pipeline(mode, settings, script, watermarks=False),
            output=sys.stdout.buffer,
            errors=sys.stderr,
            rejects=stack.enter_context(rejects.open("w", encoding="utf-8")) if rejects else None,
            max_records=settings.batch.max_records,
        )


def demo(
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Run on until Ctrl-C, for trying things by hand.")
    ] = False,
    rules: RulesName = None,
) -> None:
    """Stream captured traffic through the whole pipeline, on servers of its own."""
    raise typer.Exit(run_demo(keep=keep, rules=rules or "standard"))
