"""`profiler run`, `flatten` and `profile`: the workers."""

import sys
from typing import Annotated

import structlog
import typer

from profiler.cli.options import (
    Brokers,
    ConfigFile,
    LogLevel,
    RedisUrl,
    RulesName,
    script_from,
    settings_from,
)
from profiler.config.settings import Mode, Settings
from profiler.engine import PythonEngine
from profiler.errors import ConfigError
from profiler.kafka import open_consumer, open_producer
from profiler.kafka.admin.identity import identify
from profiler.kafka.admin.topics import missing_topics, timestamp_limits
from profiler.kafka.garbage import Garbage
from profiler.ops.mode_switch import claim_mode
from profiler.service import logs
from profiler.worker.assemble import assemble
from profiler.worker.delivery import Timestamps
from profiler.worker.fleet import run_fleet
from profiler.worker.run import run_to_end
from profiler.worker.shutdown import StopRequest, Watch
from profiler.worker.streams import Streams

_LOG = structlog.get_logger("profiler.cli")

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
    watch = Watch(stop)
    watch.start()
    _LOG.info("starting", mode=mode, worker=settings.worker_id)
    script = None
    if mode != "flatten":
        script = script_from(settings)
        script.register()
    if missing := missing_topics(settings.kafka, settings.topics.of(mode)):
        raise ConfigError(f"no such topic: {', '.join(missing)}; run: profiler topics create")
    reader = claim_mode(mode, settings, switch=switch_mode)
    outputs = [name for name in settings.topics.of(mode) if name != reader.topic]
    streams = Streams(
        reader.topic, lambda: identify(settings.kafka, reader.topic), settings, script
    )
    streams.look()
    Garbage.count_less()
    consumer = open_consumer(settings.kafka, topics=[reader.topic], group=reader.group)
    producer = open_producer(settings.kafka, largest_bytes=settings.dead_letters.max_bytes)
    _LOG.info("joining", group=reader.group, topic=reader.topic)
    engine = PythonEngine(mode, settings, script)
    worker = assemble(
        settings=settings,
        engine=engine,
        script=script,
        consumer=consumer,
        producer=producer,
        streams=streams,
        timestamps=Timestamps(lambda: timestamp_limits(settings.kafka, outputs)),
        stop=stop,
    )
    watch.expect(lambda: worker.has_batch)
    run_to_end(worker, consumer, producer, stop)
    if worker.is_stuck:
        watch.leave()
    _LOG.info("disconnected", took_s=round(stop.seconds_taken, 2))
