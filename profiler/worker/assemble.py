"""A worker put together from its parts; the parts know each other by Protocols only."""

from profiler.config.settings import Settings
from profiler.engine import Engine
from profiler.kafka import Consumer, Producer
from profiler.profiles.script import ProfileScript
from profiler.worker.apply import ApplyStage
from profiler.worker.commit import CommitStage
from profiler.worker.dead_letter_limit import DeadLetterLimit
from profiler.worker.decode import DecodeStage
from profiler.worker.delivery import AtLeastOnce, Timestamps
from profiler.worker.in_flight import InFlight
from profiler.worker.loop import Worker
from profiler.worker.produce import ProduceStage
from profiler.worker.progress import Progress
from profiler.worker.shutdown import StopRequest
from profiler.worker.streams import Streams


def assemble(
    *,
    settings: Settings,
    engine: Engine,
    script: ProfileScript | None,
    consumer: Consumer,
    producer: Producer,
    streams: Streams,
    timestamps: Timestamps,
    stop: StopRequest,
) -> Worker:
    """Make a worker; its threads begin with the first batch.

    Args:
        settings: how much is read at a time, where dead letters go, and how many are too many.
        engine: the inner loop.
        script: registered; None in mode ``flatten``.
        consumer: a member of the mode's group; used by the thread that runs the worker.
        producer: used by the stage that produces.
        streams: of the topic that the consumer reads; used by the consumer's thread.
        timestamps: of the output topics; used by the stage that produces.
        stop: ends the worker.
    """
    delivery = AtLeastOnce(consumer, producer, settings.topics.rejected, timestamps)
    progress = Progress(consumer)
    in_flight = InFlight(
        engine,
        DecodeStage(),
        ApplyStage(script, stop),
        ProduceStage(delivery, DeadLetterLimit(settings.dead_letters)),
    )
    commit = CommitStage(delivery, progress)
    return Worker(
        consumer=consumer,
        in_flight=in_flight,
        commit=commit,
        progress=progress,
        streams=streams,
        settings=settings.batch,
        stop=stop,
    )
