"""Kafka behind one small Protocol; the choice of the client library is made here."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Literal

from profiler.config import KafkaSettings
from profiler.errors import ConfigError
from profiler.kafka.protocol import (
    CommittedOffset,
    Consumer,
    Polled,
    Producer,
    TimestampLimits,
    TopicIdentity,
    TopicLimits,
    TransactionalProducer,
)
from profiler.kafka.transactions import RenewedProducer, TransactionalClient
from profiler.kafka.turns import TakingTurns

__all__ = [
    "CommittedOffset",
    "Consumer",
    "Polled",
    "Producer",
    "TakingTurns",
    "TimestampLimits",
    "TopicIdentity",
    "TopicLimits",
    "TransactionalProducer",
    "client_of",
    "open_consumer",
    "open_producer",
    "open_transactional_producer",
]

_EXTRA = "pip install 'visitor-profiler[librdkafka]'"


def client_of(settings: KafkaSettings) -> Literal["kafka-python", "librdkafka"]:
    """Which client library the settings choose.

    Raises:
        ConfigError: it is not installed.
    """
    installed = find_spec("confluent_kafka") is not None
    if settings.client == "librdkafka" and not installed:
        raise ConfigError(f"kafka.client: librdkafka is not installed; run: {_EXTRA}")
    chosen = settings.client
    if chosen == "auto":
        chosen = "librdkafka" if installed else "kafka-python"
    if chosen == "kafka-python" and settings.assignor != "range":
        raise ConfigError(f"kafka.assignor: {settings.assignor} needs librdkafka; run: {_EXTRA}")
    return chosen


def open_consumer(settings: KafkaSettings, *, topics: Sequence[str], group: str) -> Consumer:
    """Connect a member of `group` that reads `topics`.

    Blocks until a broker answers, 30 s at most.

    Raises:
        TransportError: no broker answers.
        ConfigError: the client refuses the settings.
    """
    if client_of(settings) == "librdkafka":
        from profiler.kafka.librdkafka import LibrdkafkaConsumer  # noqa: PLC0415 - an extra

        return LibrdkafkaConsumer(settings, topics=topics, group=group)
    from profiler.kafka.kafka_python.consumer import KafkaPythonConsumer  # noqa: PLC0415 - the other one

    return KafkaPythonConsumer(settings, topics=topics, group=group)


def open_producer(settings: KafkaSettings, *, largest_bytes: int = 0) -> Producer:
    """Connect a producer.

    Blocks until a broker answers, for the delivery timeout at most.

    Args:
        settings: how to reach the cluster.
        largest_bytes: the largest record that the client takes, where it is more than the
            settings' `max_request_bytes`.

    Raises:
        TransportError: no broker answers.
        ConfigError: the client refuses the settings.
    """
    if client_of(settings) == "librdkafka":
        from profiler.kafka.librdkafka import LibrdkafkaProducer  # noqa: PLC0415 - an extra

        return LibrdkafkaProducer(settings, largest_bytes=largest_bytes)
    from profiler.kafka.kafka_python.producer import KafkaPythonProducer  # noqa: PLC0415 - the other one

    return KafkaPythonProducer(settings, largest_bytes=largest_bytes)


def open_transactional_producer(
    settings: KafkaSettings, *, transactional_id: str, largest_bytes: int = 0
) -> TransactionalProducer:
    """Make a transactional producer; its `init` connects.

    Args:
        settings: how to reach the cluster.
        transactional_id: whose transactions they are: one worker's, in every one of its lives.
        largest_bytes: as for `open_producer`.
    """
    client: Callable[..., TransactionalClient]
    if client_of(settings) == "librdkafka":
        from profiler.kafka.librdkafka import LibrdkafkaTransactions  # noqa: PLC0415 - an extra

        client = LibrdkafkaTransactions
    else:
        from profiler.kafka.kafka_python.transactions import KafkaPythonTransactions  # noqa: PLC0415 - the other one

        client = KafkaPythonTransactions
    return RenewedProducer(
        lambda timeout_s: client(
            settings,
            transactional_id=transactional_id,
            largest_bytes=largest_bytes,
            timeout_s=timeout_s,
        )
    )
