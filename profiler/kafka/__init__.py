"""Kafka behind one small Protocol; the choice of the client library is made here."""

from collections.abc import Sequence

from profiler.config import KafkaSettings
from profiler.kafka.kafka_python import KafkaPythonSink, KafkaPythonSource
from profiler.kafka.transport import Sink, Source

__all__ = ["Sink", "Source", "open_sink", "open_source"]


def open_source(settings: KafkaSettings, *, topics: Sequence[str], group: str) -> Source:
    """Connect a member of `group` that reads `topics`.

    Blocks until a broker answers, 30 s at most.

    Raises:
        TransportError: no broker answers.
        ConfigError: the client refuses the settings.
    """
    return KafkaPythonSource(settings, topics=topics, group=group)


def open_sink(settings: KafkaSettings, *, largest_bytes: int = 0) -> Sink:
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
    return KafkaPythonSink(settings, largest_bytes=largest_bytes)
