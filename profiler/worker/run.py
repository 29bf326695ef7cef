"""A worker from its first poll to the end of its connections."""

from profiler.kafka import Consumer
from profiler.worker.delivery.opening import Closable
from profiler.worker.loop import Worker
from profiler.worker.shutdown import StopRequest

#: For leaving the group, and for disconnecting; less when the time to stop in is nearly up.
_CLOSE_S = 10.0


def run_to_end(worker: Worker, consumer: Consumer, producer: Closable, stop: StopRequest) -> None:
    """Work until the request to stop, then leave the group and disconnect; see `end`.

    Raises:
        ScriptContractError: see `Worker.run`.
        DeadLetterLimitError: likewise.
        ConfigError: likewise.
        WorkerFencedError: likewise.
    """
    try:
        worker.run()
    finally:
        end(worker, consumer, producer, stop)


def end(worker: Worker, consumer: Consumer, producer: Closable | None, stop: StopRequest) -> None:
    """Leave the group and disconnect.

    A producer that did not return in time is left as it is: closing it would wait once more.
    """
    # The group first, so that its other members go on.
    consumer.close(timeout_s=stop.limited(_CLOSE_S))
    if producer is not None and not worker.is_stuck:
        producer.close(timeout_s=stop.limited(_CLOSE_S))
