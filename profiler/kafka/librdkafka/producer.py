"""The producer on librdkafka."""

from collections.abc import Iterable

from profiler.config import KafkaSettings
from profiler.kafka.librdkafka.raw import ConfluentProducer, MakeRaw
from profiler.kafka.librdkafka.sending import CLOSE_TIMEOUT_S, Sender
from profiler.records.types import OutputRecord


class LibrdkafkaProducer:
    """A `profiler.kafka.protocol.Producer`, see `Sender`."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        largest_bytes: int = 0,
        make_raw: MakeRaw = ConfluentProducer,
    ) -> None:
        """Connect; blocks until a broker answers, for the delivery timeout at most.

        Args:
            settings: how to reach the cluster.
            largest_bytes: the largest record that the client takes, where it is more than the
                settings' `max_request_bytes`.
            make_raw: makes the library's client.

        Raises:
            TransportError: no broker answers.
            ConfigError: the client refuses the settings.
        """
        self._settings = settings
        self._largest_bytes = largest_bytes
        self._make_raw = make_raw
        self._sender: Sender | None = self._connect()

    def send(self, records: Iterable[OutputRecord]) -> None:
        """See `Producer.send`. After an error the next call builds a new client."""
        sender, self._sender = self._sender or self._connect(), None
        try:
            sender.send(records)
        except BaseException:
            sender.discard()
            raise
        self._sender = sender

    def close(self, *, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """See `Producer.close`."""
        if self._sender is not None:
            self._sender.client.flush(timeout_s)
            self._sender = None

    def _connect(self) -> Sender:
        return Sender(
            self._settings,
            largest_bytes=self._largest_bytes,
            timeout_s=self._settings.delivery_timeout_ms / 1_000,
            make_raw=self._make_raw,
        )
