"""The choice of the delivery mode."""

from typing import Protocol

from profiler.config.settings import Settings
from profiler.kafka import (
    Consumer,
    Sink,
    TakingTurns,
    open_producer,
    open_transactional_producer,
)
from profiler.worker.delivery.at_least_once import AtLeastOnce
from profiler.worker.delivery.exactly_once import ExactlyOnce
from profiler.worker.delivery.limits import OutputLimits
from profiler.worker.delivery.protocol import Delivery
from profiler.worker.delivery.timed import TimedProducer
from profiler.worker.observer import UNOBSERVED, Observer

#: Ends the second transactional id of a worker. No name of a host or a pod has this sign.
_SECOND = "#2"


class Closable(Protocol):
    """What a delivery writes with, as far as the end of the worker concerns it."""

    def close(self, *, timeout_s: float = 10) -> None:
        """Disconnect; blocks for `timeout_s` at most."""
        ...


def open_delivery(
    settings: Settings,
    consumer: Consumer,
    limits: OutputLimits,
    *,
    group: str,
    sink: Sink,
    observer: Observer = UNOBSERVED,
) -> tuple[Closable, Delivery]:
    """Connect a producer, and the delivery that writes with it; both are the caller's to end.

    Args:
        settings: the mode, how to reach the cluster, and the worker's id.
        consumer: the member of the group whose records are delivered.
        limits: of the output topics.
        group: the consumer group.
        sink: what the producer writes with.
        observer: told how long transactions take.

    Raises:
        TransportError: no broker answers.
        ConfigError: the client refuses the settings.
    """
    largest_bytes = settings.dead_letters.max_bytes
    if settings.delivery == "at-least-once":
        plain = open_producer(settings.kafka, largest_bytes=largest_bytes, sink=sink)
        return plain, AtLeastOnce(consumer, plain, limits)
    producer = TimedProducer(
        TakingTurns(
            [
                open_transactional_producer(
                    settings.kafka, transactional_id=name, largest_bytes=largest_bytes, sink=sink
                )
                for name in transactional_ids(settings, group)
            ]
        ),
        observer,
    )
    return producer, ExactlyOnce(producer, lambda: consumer.generation, limits)


def transactional_ids(settings: Settings, group: str) -> tuple[str, str]:
    """Name the producers of one worker in one group: who comes with the same names, takes over.

    Workers of earlier builds have the first one alone: either takes over from the other
    (docs/adr/0079*).

    Args:
        settings: have the worker's id.
        group: the same worker id may be in use in another deployment, or for another mode.
    """
    first = f"{group}-{settings.worker_id}"
    return first, first + _SECOND
