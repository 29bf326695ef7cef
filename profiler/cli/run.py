"""`profiler run`, `flatten` and `profile`: the workers."""

import sys
from typing import Annotated

import structlog
import typer

from profiler.cli.options import (
    Brokers,
    ConfigFile,
    LogLevel,
    MetricsAt,
    RedisUrl,
    RulesName,
    script_from,
    settings_from,
)
from profiler.config.settings import Mode, Settings
from profiler.engine import EngineClass, choose_engine
from profiler.errors import ConfigError
from profiler.kafka import open_consumer, sink_of
from profiler.kafka.admin.identity import identify
from profiler.kafka.admin.topics import missing_topics, topic_limits
from profiler.kafka.garbage import Garbage
from profiler.ops.mode_switch import claim_mode
from profiler.service import logs
from profiler.service.fleet import fleet_served
from profiler.service.watching import watched
from profiler.worker.assemble import assemble
from profiler.worker.delivery import OutputLimits, open_delivery
from profiler.worker.fleet import run_fleet
from profiler.worker.observer import Observer
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

AcceptLostState = Annotated[
    bool,
    typer.Option(
        "--accept-lost-state",
        help="Go on where Redis was emptied: visitors begin anew, offsets stay.",
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
    accept_lost_state: AcceptLostState = False,
    workers: Workers = 1,
    metrics: MetricsAt = None,
    log_level: LogLevel = "info",
) -> None:
    """Both stages in one process: tracking_processed to tracking_flattened and _persisted."""
    logs.configure(log_level)
    settings = settings_from(
        config, rules=rules, redis=redis, brokers=bootstrap_servers, metrics=metrics
    )
    _start(
        "run",
        settings,
        switch_mode=switch_mode,
        workers=workers,
        accept_lost_state=accept_lost_state,
    )


def flatten(
    *,
    config: ConfigFile = None,
    bootstrap_servers: Brokers = None,
    switch_mode: SwitchMode = False,
    workers: Workers = 1,
    metrics: MetricsAt = None,
    log_level: LogLevel = "info",
) -> None:
    """The first stage alone: tracking_processed to tracking_flattened."""
    logs.configure(log_level)
    settings = settings_from(config, brokers=bootstrap_servers, metrics=metrics)
    _start("flatten", settings, switch_mode=switch_mode, workers=workers)


def profile(
    *,
    config: ConfigFile = None,
    rules: RulesName = None,
    redis: RedisUrl = None,
    bootstrap_servers: Brokers = None,
    switch_mode: SwitchMode = False,
    accept_lost_state: AcceptLostState = False,
    workers: Workers = 1,
    metrics: MetricsAt = None,
    log_level: LogLevel = "info",
) -> None:
    """The second stage alone: tracking_flattened to tracking_persisted."""
    logs.configure(log_level)
    settings = settings_from(
        config, rules=rules, redis=redis, brokers=bootstrap_servers, metrics=metrics
    )
    _start(
        "profile",
        settings,
        switch_mode=switch_mode,
        workers=workers,
        accept_lost_state=accept_lost_state,
    )


def _start(
    mode: Mode,
    settings: Settings,
    *,
    switch_mode: bool,
    workers: int,
    accept_lost_state: bool = False,
) -> None:
    if workers > 1:
        with fleet_served(settings.metrics.address, workers) as own_arguments:
            code = run_fleet(sys.argv[1:], settings, workers, own_arguments)
        raise typer.Exit(code)
    stop = StopRequest()
    watch = Watch(stop)
    watch.start()
    engine = choose_engine(settings.engine)
    with watched(mode, settings, engine=engine.name) as observer:
        _work(
            mode,
            settings,
            stop,
            watch,
            observer,
            engine_of=engine,
            switch_mode=switch_mode,
            accept_lost_state=accept_lost_state,
        )


def _work(
    mode: Mode,
    settings: Settings,
    stop: StopRequest,
    watch: Watch,
    observer: Observer,
    *,
    engine_of: EngineClass,
    switch_mode: bool,
    accept_lost_state: bool,
) -> None:
    sink = sink_of(settings.kafka, engine=engine_of.name)
    _LOG.info("starting", mode=mode, worker=settings.worker_id, engine=engine_of.name, sink=sink)
    script = None
    if mode != "flatten":
        script = script_from(settings)
        script.register()
    triggers = script is not None and bool(script.rules.triggers)
    topics = settings.topics.of(mode, triggers=triggers)
    if missing := missing_topics(settings.kafka, topics):
        raise ConfigError(f"no such topic: {', '.join(missing)}; run: profiler topics create")
    reader = claim_mode(mode, settings, switch=switch_mode)
    outputs = [name for name in topics if name != reader.topic]
    streams = Streams(
        reader.topic, lambda: identify(settings.kafka, reader.topic), settings, script
    )
    streams.look()
    Garbage.count_less()
    consumer = open_consumer(settings.kafka, topics=[reader.topic], group=reader.group)
    limits = OutputLimits(settings.topics.rejected, lambda: topic_limits(settings.kafka, outputs))
    producer, delivery = open_delivery(
        settings, consumer, limits, group=reader.group, sink=sink, observer=observer
    )
    _LOG.info("joining", group=reader.group, topic=reader.topic)
    worker = assemble(
        settings=settings,
        engine=engine_of(mode, settings, script),
        script=script,
        consumer=consumer,
        delivery=delivery,
        streams=streams,
        stop=stop,
        accept_lost_state=accept_lost_state,
        observer=observer,
    )
    watch.expect(lambda: worker.has_batch)
    run_to_end(worker, consumer, producer, stop)
    if worker.is_stuck:
        watch.leave()
    _LOG.info("disconnected", took_s=round(stop.seconds_taken, 2))
