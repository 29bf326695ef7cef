"""Kafka behind one small Protocol; the choice of the client library is made here."""

from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Literal

import structlog

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
    "Sink",
    "TakingTurns",
    "TimestampLimits",
    "TopicIdentity",
    "TopicLimits",
    "TransactionalProducer",
    "client_of",
    "open_consumer",
    "open_producer",
    "open_transactional_producer",
    "sink_of",
]

_LOG = structlog.get_logger("profiler.kafka")

#: What writes: a client library, or the compiled part over librdkafka.
Sink = Literal["kafka-python", "librdkafka", "native"]

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


def sink_of(settings: KafkaSettings, *, engine: str) -> Sink:
    """What a producer of these settings writes with; a line in the log says why not natively.

    Args:
        settings: choose the client library.
        engine: the name of the engine that runs; with the native one the compiled part is there.

    Raises:
        ConfigError: the client library is not installed.
    """
    library = client_of(settings)
    if library != "librdkafka" or engine != "native":
        return library
    from profiler.kafka.librdkafka import why_not_compiled  # noqa: PLC0415 - an extra

    if reason := why_not_compiled():
        _LOG.info("the native sink is left out: confluent-kafka writes", reason=reason)
        return library
    return "native"


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


def open_producer(
    settings: KafkaSettings, *, largest_bytes: int = 0, sink: Sink | None = None
) -> Producer:
    """Connect a producer.

    Blocks until a broker answers, for the delivery timeout at most.

    Args:
        settings: how to reach the cluster.
        largest_bytes: the largest record that the client takes, where it is more than the
            settings' `max_request_bytes`.
        sink: what `sink_of` says; by default the client library alone.

    Raises:
        TransportError: no broker answers.
        ConfigError: the client refuses the settings.
    """
    sink = sink or client_of(settings)
    if sink != "kafka-python":
        from profiler.kafka import librdkafka  # noqa: PLC0415 - an extra

        return librdkafka.LibrdkafkaProducer(
            settings, largest_bytes=largest_bytes, make_raw=librdkafka.RAW[sink]
        )
    from profiler.kafka.kafka_python.producer import KafkaPythonProducer  # noqa: PLC0415 - the other one

    return KafkaPythonProducer(settings, largest_bytes=largest_bytes)


def open_transactional_producer(
    settings: KafkaSettings,
    *,
    transactional_id: str,
    largest_bytes: int = 0,
    sink: Sink | None = None,
) -> TransactionalProducer:
    """Make a transactional producer; its `init` connects.

    Args:
        settings: how to reach the cluster.
        transactional_id: whose transactions they are: one worker's, in every one of its lives.
        largest_bytes: as for `open_producer`.
        sink: likewise.
    """
    client: Callable[..., TransactionalClient]
    sink = sink or client_of(settings)
    if sink != "kafka-python":
        from profiler.kafka import librdkafka  # noqa: PLC0415 - an extra

        client = partial(librdkafka.LibrdkafkaTransactions, make_raw=librdkafka.RAW[sink])
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
