"""The producer on kafka-python 3.0.x, by its public API alone."""

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from kafka import KafkaProducer
from kafka.errors import (
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)
from kafka.serializer import Serializer

from profiler.config import KafkaSettings
from profiler.errors import ConfigError, RecordTooLargeError, TimestampRefusedError, TransportError
from profiler.kafka.client_options import (
    CALL_TIMEOUT_MS,
    connection_options,
    translated_errors,
)
from profiler.kafka.reach import with_reasons
from profiler.records.types import OutputRecord

_PRODUCE_BATCH_BYTES = 256 * 1024
#: Longer than one call takes to queue its records: `send` flushes, so nothing waits for it.
_LINGER_MS = 50

#: A null value, past a client that refuses it along with a null key.
_NULL = object()


class _NullSerializer(Serializer):  # type: ignore[misc]
    """The client's hook for values; it is asked after the check of what is null."""

    def serialize(self, topic: str, headers: Any, data: Any) -> Any:  # noqa: ANN401, ARG002 - theirs
        """Return the value to be sent; `_NULL` stands for none."""
        return None if data is _NULL else data


class HeaderName(str):
    """A name with its foreign bytes as lone surrogates; it is encoded into the bytes it was."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> bytes:
        """Return the original bytes, whatever errors the caller is ready for."""
        del errors
        return super().encode(encoding, "surrogateescape")


class KafkaPythonProducer:
    """A `profiler.kafka.protocol.Producer`: idempotent, acks=all, murmur2 by key.

    A null header goes out empty: the client takes bytes alone (docs/adr/0022).
    """

    def __init__(self, settings: KafkaSettings, *, largest_bytes: int = 0) -> None:
        """Connect, as `open_producer` says.

        Raises:
            TransportError: no broker answers.
            ConfigError: the client refuses the settings, or the compression lacks its package.
        """
        self._settings = settings
        self._largest_bytes = max(largest_bytes, settings.max_request_bytes)
        self._timeout_s = settings.delivery_timeout_ms / 1_000
        self._producer: Any = self._connect()

    def send(self, records: Iterable[OutputRecord]) -> None:
        """See `Producer.send`. After an error the next call builds a new producer."""
        if self._producer is None:
            self._producer = self._connect()
        try:
            self._deliver(records)
        except BaseException:
            # A producer with a hole in its sequence is not to be trusted again. Closing waits until
            # what is queued is written, or is given up.
            producer, self._producer = self._producer, None
            with suppress(KafkaError):
                producer.close(timeout=self._timeout_s)
            raise

    def close(self, *, timeout_s: float = 10) -> None:
        """See `Producer.close`."""
        if self._producer is not None:
            with translated_errors("close"):
                self._producer.close(timeout=timeout_s)
            self._producer = None

    def _deliver(self, records: Iterable[OutputRecord]) -> None:
        pending = []
        topic = ""
        try:
            for topic, key, value, headers, timestamp in records:
                future = self._producer.send(
                    topic,
                    value=_NULL if value is None else value,
                    key=key,
                    headers=[(HeaderName(name), content or b"") for name, content in headers],
                    timestamp_ms=None if timestamp < 0 else timestamp,
                )
                pending.append((topic, future))
            # It also raises where the broker had a batch split; the futures know better.
            with suppress(KafkaError):
                self._producer.flush(timeout=self._timeout_s)
            deadline = time.monotonic() + self._timeout_s
            # The client fails a timed-out batch without any other sign, so each is asked (F1).
            for topic, future in pending:  # noqa: B007 - the handlers name it
                if not future.succeeded():
                    future.get(timeout=max(0.0, deadline - time.monotonic()))
        except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
            # The client fails all that is under way at such a refusal: which one it was is lost.
            reason = "a record is too large for the topic, or for the client"
            raise RecordTooLargeError(f"produce to {topic}: {reason}") from error
        except KafkaError as error:
            reason = f"{type(error).__name__}: {error}"
            # The records beside the one that is refused fail with an error that does not say why.
            for topic, future in pending:
                if isinstance(future.exception, InvalidTimestampError):
                    raise TimestampRefusedError(f"produce to {topic}: {reason}") from error
            raise TransportError(f"produce to {topic}: {reason}") from error

    def _connect(self) -> Any:  # noqa: ANN401 - the client is untyped
        timeout_ms = self._settings.delivery_timeout_ms
        with (
            with_reasons(self._settings, timeout_s=self._timeout_s) as connect_s,
            translated_errors(f"connect to {self._settings.bootstrap_servers}"),
        ):
            try:
                return KafkaProducer(
                    **connection_options(self._settings),
                    acks="all",
                    enable_idempotence=True,
                    allow_auto_create_topics=False,
                    compression_type=self._settings.compression,
                    batch_size=_PRODUCE_BATCH_BYTES,
                    linger_ms=_LINGER_MS,
                    max_request_size=self._largest_bytes,
                    delivery_timeout_ms=timeout_ms,
                    # Half, so that one lost request can be sent again.
                    request_timeout_ms=min(CALL_TIMEOUT_MS, timeout_ms // 2),
                    max_block_ms=timeout_ms,
                    bootstrap_timeout_ms=int(connect_s * 1_000),
                    value_serializer=_NullSerializer(),
                    metrics_enabled=False,
                )
            except RuntimeError as error:
                raise ConfigError(f"kafka.compression: {error}") from error
