"""`profiler replay`: profiles built anew from the topic."""

from contextlib import ExitStack
from functools import partial
from typing import Annotated

import structlog
import typer

from profiler.cli.options import (
    Brokers,
    ConfigFile,
    LogLevel,
    RedisUrl,
    RulesName,
    remembering_script_from,
    settings_from,
)
from profiler.config.settings import DeadLetterSettings, KafkaSettings, Settings
from profiler.engine import choose_engine
from profiler.kafka import Consumer, Producer, open_consumer, open_producer, sink_of
from profiler.kafka.admin.groups import open_groups
from profiler.kafka.admin.identity import identify
from profiler.kafka.admin.topics import topic_limits
from profiler.kafka.garbage import Garbage
from profiler.ops.replay.behind_live import BehindLive
from profiler.ops.replay.delivery import Reemit, StateOnly
from profiler.ops.replay.plan import live_reader, replay_beginning, require_no_worker, spans
from profiler.records.types import stream_of
from profiler.rules.model import load_rules
from profiler.service import logs
from profiler.worker.assemble import assemble
from profiler.worker.delivery import Delivery, OutputLimits
from profiler.worker.delivery.at_least_once import AtLeastOnce
from profiler.worker.run import end
from profiler.worker.shutdown import StopRequest, Watch
from profiler.worker.streams import Streams

_LOG = structlog.get_logger("profiler.replay")


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(replay)


def replay(
    *,
    rules: RulesName = None,
    reemit: Annotated[
        bool,
        typer.Option("--reemit", help="Write each record with its new profile once more, too."),
    ] = False,
    until_ready: Annotated[
        bool,
        typer.Option("--until-ready", help="End, exit code 0, when all is there; else follow on."),
    ] = False,
    config: ConfigFile = None,
    redis: RedisUrl = None,
    bootstrap_servers: Brokers = None,
    log_level: LogLevel = "info",
) -> None:
    """Build the profiles anew from the topic that the live mode reads, up to where that has come.

    With rules that have another store.key, the new profiles stand beside the old ones, and
    profiler run may go on meanwhile: switch it to the new rules when the log says READY. With the
    same key, after Redis was emptied, the workers must be stopped. Goes on where it was stopped.
    """
    logs.configure(log_level)
    live = settings_from(config, redis=redis, brokers=bootstrap_servers)
    settings = settings_from(config, rules=rules, redis=redis, brokers=bootstrap_servers)
    engine = choose_engine(settings.engine)
    stop = StopRequest()
    watch = Watch(stop)
    watch.start()
    script = remembering_script_from(settings, is_needed=True)
    script.register()
    with ExitStack() as stack:
        groups = stack.enter_context(open_groups(settings.kafka))
        reader = live_reader(settings, groups)
        live_key = load_rules(live.rules).store.key
        require_no_worker(reader, groups, key=script.rules.store.key, live_key=live_key)
        topic = reader.topic
        streams = Streams(topic, lambda: identify(settings.kafka, topic), settings, script)
        streams.look()
        Garbage.count_less()
        # What was too many dead letters was answered when they were met.
        settings = settings.model_copy(update={"dead_letters": _NO_LIMIT})
        consumer = BehindLive(
            open_consumer(_from_earliest(settings), topics=[topic], group=f"{reader.group}-replay"),
            lambda: spans(reader, groups),
            on_ready=stop.set if until_ready else lambda: None,
        )
        producer = None
        delivery: Delivery = StateOnly()
        if reemit:
            sink = sink_of(settings.kafka, engine=engine.name)
            producer = open_producer(settings.kafka, sink=sink)
            delivery = _reemit(settings, consumer, producer)
        _LOG.info(
            "replay",
            topic=topic,
            behind=reader.group,
            key=script.rules.store.key,
            engine=engine.name,
        )
        worker = assemble(
            settings=settings,
            engine=engine(reader.mode, settings, script),
            script=script,
            consumer=consumer,
            delivery=delivery,
            streams=streams,
            stop=stop,
            find_beginning=partial(replay_beginning, window=settings.redis.repair_window),
        )
        watch.expect(lambda: False)  # nothing is lost by a stop: it goes on at its marks
        try:
            worker.run()
            reached = consumer.reached()
        finally:
            end(worker, consumer, producer, stop)
        # Of a partition whose records are gone no batch has left a mark.
        names = {stream_of(streams.name, number): offset for (_, number), offset in reached.items()}
        script.send(script.marks.commands(names))
    if worker.is_stuck:
        watch.leave()


_NO_LIMIT = DeadLetterSettings(max_consecutive=0, max_ratio=1)


def _from_earliest(settings: Settings) -> KafkaSettings:
    return settings.kafka.model_copy(update={"auto_offset_reset": "earliest"})


def _reemit(settings: Settings, consumer: Consumer, producer: Producer) -> Reemit:
    topic = settings.topics.persisted
    limits = OutputLimits(settings.topics.rejected, lambda: topic_limits(settings.kafka, [topic]))
    return Reemit(AtLeastOnce(consumer, producer, limits), topic)
