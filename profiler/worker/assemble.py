"""A worker put together from its parts; the parts know each other by Protocols only."""

from functools import partial

from profiler.config.settings import Settings
from profiler.engine import Engine
from profiler.kafka import Consumer
from profiler.profiles.script import ProfileScript
from profiler.worker.apply import ApplyStage
from profiler.worker.dead_letter_limit import DeadLetterLimit
from profiler.worker.decode import DecodeStage
from profiler.worker.delivery import Delivery
from profiler.worker.in_flight import InFlight
from profiler.worker.loop import Worker
from profiler.worker.observer import UNOBSERVED, Observer
from profiler.worker.produce import ProduceStage
from profiler.worker.progress import Progress
from profiler.worker.reading import FindBeginning
from profiler.worker.repair import beginning
from profiler.worker.shutdown import StopRequest
from profiler.worker.streams import Streams


def assemble(
    *,
    settings: Settings,
    engine: Engine,
    script: ProfileScript | None,
    consumer: Consumer,
    delivery: Delivery,
    streams: Streams,
    stop: StopRequest,
    find_beginning: FindBeginning | None = None,
    accept_lost_state: bool = False,
    observer: Observer = UNOBSERVED,
) -> Worker:
    """Make a worker; its threads begin with the first batch.

    Args:
        settings: how much is read at a time, where dead letters go, and how many are too many.
        engine: the inner loop.
        script: registered; None in mode ``flatten``.
        consumer: a member of the mode's group; used by the thread that runs the worker.
        delivery: used by the stage that produces, and by the consumer's thread.
        streams: of the topic that the consumer reads; used by the consumer's thread.
        stop: ends the worker.
        find_beginning: says where to begin; by default `profiler.worker.repair.beginning` does.
        accept_lost_state: where Redis was emptied, it lets the worker go on.
        observer: told what the worker does.
    """
    progress = Progress(consumer, observer=observer)
    in_flight = InFlight(
        engine,
        DecodeStage(observer),
        ApplyStage(script, stop, observer),
        ProduceStage(delivery, DeadLetterLimit(settings.dead_letters), observer),
    )
    return Worker(
        consumer=consumer,
        in_flight=in_flight,
        delivery=delivery,
        progress=progress,
        streams=streams,
        find_beginning=find_beginning
        or partial(
            beginning,
            window=settings.redis.repair_window,
            accept_lost_state=accept_lost_state,
        ),
        settings=settings.batch,
        stop=stop,
        observer=observer,
    )
