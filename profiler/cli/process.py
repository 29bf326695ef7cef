"""Commands that process events: run, flatten, profile, pipe, demo."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import structlog
import typer
from pydantic import SecretStr

from profiler.cli.options import (
    Brokers,
    ConfigFile,
    LogLevel,
    RedisUrl,
    RulesName,
    script_from,
    settings_from,
)
from profiler.config.settings import RedisSettings, Settings
from profiler.demo import run_demo
from profiler.engine.pipeline import Mode, Pipeline
from profiler.errors import ConfigError
from profiler.kafka import open_consumer, open_producer
from profiler.kafka.admin.topics import missing_topics
from profiler.kafka.garbage import Garbage
from profiler.ops.mode_switch import claim_mode
from profiler.servers.embedded import EmbeddedStore
from profiler.service import logs
from profiler.worker.fleet import run_fleet
from profiler.worker.loop import Worker
from profiler.worker.pipe import run_pipe
from profiler.worker.shutdown import StopRequest, watch_signals

if TYPE_CHECKING:
    import io

_LOG = structlog.get_logger("profiler.cli")

#: For leaving the group, and for disconnecting; less when the time to stop in is nearly up.
_CLOSE_S = 10.0

SwitchMode = Annotated[
    bool,
    typer.Option(
        "--switch-mode",
        help="Take over from the other mode (run, or flatten and profile), once it is stopped.",
    ),
]

Workers = Annotated[
    int, typer.Option("--workers", min=1, help="How many processes; they end together.")
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
    workers: Workers = 1,
    log_level: LogLevel = "info",
) -> None:
    """Both stages in one process: tracking_processed to tracking_flattened and _persisted."""
    logs.configure(log_level)
    settings = settings_from(config, rules=rules, redis=redis, brokers=bootstrap_servers)
    _start("run", settings, switch_mode=switch_mode, workers=workers)


def flatten(
    *,
    config: ConfigFile = None,
    bootstrap_servers: Brokers = None,
    switch_mode: SwitchMode = False,
    workers: Workers = 1,
    log_level: LogLevel = "info",
) -> None:
    """The first stage alone: tracking_processed to tracking_flattened."""
    logs.configure(log_level)
    settings = settings_from(config, brokers=bootstrap_servers)
    _start("flatten", settings, switch_mode=switch_mode, workers=workers)


def profile(
    *,
    config: ConfigFile = None,
    rules: RulesName = None,
    redis: RedisUrl = None,
    bootstrap_servers: Brokers = None,
    switch_mode: SwitchMode = False,
    workers: Workers = 1,
    log_level: LogLevel = "info",
) -> None:
    """The second stage alone: tracking_flattened to tracking_persisted."""
    logs.configure(log_level)
    settings = settings_from(config, rules=rules, redis=redis, brokers=bootstrap_servers)
    _start("profile", settings, switch_mode=switch_mode, workers=workers)


def _start(mode: Mode, settings: Settings, *, switch_mode: bool, workers: int) -> None:
    if workers > 1:
        raise typer.Exit(run_fleet(sys.argv[1:], settings, workers))
    _work(mode, settings, switch_mode=switch_mode)


def _work(mode: Mode, settings: Settings, *, switch_mode: bool) -> None:
    stop = StopRequest()
    watch = watch_signals(stop)
    _LOG.info("starting", mode=mode, worker=settings.worker_id)
    if settings.kafka.max_request_bytes < settings.output_bytes:
        raise ConfigError(
            f"kafka.max_request_bytes must be at least {settings.output_bytes}:"
            " limits.max_record_bytes, and room for key, headers and profile"
        )
    script = None
    if mode != "flatten":
        script = script_from(settings)
        script.register()
    if missing := missing_topics(settings.kafka, settings.topics.of(mode)):
        raise ConfigError(f"no such topic: {', '.join(missing)}; run: profiler topics create")
    reader = claim_mode(mode, settings, switch=switch_mode)
    Garbage.count_less()
    source = open_consumer(settings.kafka, topics=[reader.topic], group=reader.group)
    sink = open_producer(settings.kafka, largest_bytes=settings.dead_letters.max_bytes)
    _LOG.info("joining", group=reader.group, topic=reader.topic)
    worker = Worker(source, sink, Pipeline(mode, settings, script), settings, stop)
    watch.expect(lambda: worker.has_batch)
    try:
        worker.run()
    finally:
        # The group first, so that the others go on.
        source.close(timeout_s=stop.limited(_CLOSE_S))
        if not worker.is_stuck:
            sink.close(timeout_s=stop.limited(_CLOSE_S))
    if worker.is_stuck:
        watch.leave()
    _LOG.info("disconnected", took_s=round(stop.seconds_taken, 2))


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
