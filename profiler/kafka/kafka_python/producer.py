"""The producer on kafka-python 3.0.x, by its public API alone."""

from collections.abc import Iterable
from typing import Any

from profiler.config import KafkaSettings
from profiler.kafka.client_options import translated_errors
from profiler.kafka.kafka_python.sending import connect, deliver, discard
from profiler.records.types import OutputRecord


class KafkaPythonProducer:
    """A `profiler.kafka.protocol.Producer`: idempotent, acks=all, murmur2 by key."""

    def __init__(self, settings: KafkaSettings, *, largest_bytes: int = 0) -> None:
        """Connect, as `open_producer` says.

        Raises:
            TransportError: no broker answers.
            ConfigError: the client refuses the settings, or the compression lacks its package.
        """
        self._settings = settings
        self._largest_bytes = largest_bytes
        self._timeout_s = settings.delivery_timeout_ms / 1_000
        self._producer: Any = self._connect()

    def send(self, records: Iterable[OutputRecord]) -> None:
        """See `Producer.send`. After an error the next call builds a new producer."""
        producer, self._producer = self._producer or self._connect(), None
        try:
            deliver(producer, records, timeout_s=self._timeout_s)
        except BaseException:
            discard(producer, timeout_s=self._timeout_s)
            raise
        self._producer = producer

    def close(self, *, timeout_s: float = 10) -> None:
        """See `Producer.close`."""
        if self._producer is not None:
            with translated_errors("close"):
                self._producer.close(timeout=timeout_s)
            self._producer = None

    def _connect(self) -> Any:  # noqa: ANN401 - the client is untyped
        return connect(self._settings, largest_bytes=self._largest_bytes, timeout_s=self._timeout_s)
