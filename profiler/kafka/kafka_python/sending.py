"""One client of kafka-python that writes: its options, its records, and its errors."""

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from kafka import KafkaProducer
from kafka.errors import (
    InvalidProducerEpochError,
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)
from kafka.errors import ProducerFencedError as _ProducerFencedError
from kafka.serializer import Serializer

from profiler.config import KafkaSettings
from profiler.errors import (
    ConfigError,
    ProducerFencedError,
    RecordTooLargeError,
    TimestampRefusedError,
    TransportError,
)
from profiler.kafka.client_options import CALL_TIMEOUT_MS, connection_options, translated_errors
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


def connect(
    settings: KafkaSettings,
    *,
    largest_bytes: int,
    timeout_s: float,
    **options: object,
) -> Any:  # noqa: ANN401 - the client is untyped
    """Connect an idempotent producer: acks=all, murmur2 by key.

    Args:
        settings: how to reach the cluster.
        largest_bytes: the largest record that the client takes, where it is more than the
            settings' `max_request_bytes`.
        timeout_s: how long to wait for a broker.
        options: more for the client.

    Raises:
        TransportError: no broker answers.
        ConfigError: the client refuses the settings, or the compression lacks its package.
    """
    timeout_ms = settings.delivery_timeout_ms
    with (
        with_reasons(settings, timeout_s=timeout_s) as connect_s,
        translated_errors(f"connect to {settings.bootstrap_servers}"),
    ):
        try:
            return KafkaProducer(
                **connection_options(settings),
                acks="all",
                enable_idempotence=True,
                allow_auto_create_topics=False,
                compression_type=settings.compression,
                batch_size=_PRODUCE_BATCH_BYTES,
                linger_ms=_LINGER_MS,
                max_request_size=max(largest_bytes, settings.max_request_bytes),
                delivery_timeout_ms=timeout_ms,
                # Half, so that one lost request can be sent again.
                request_timeout_ms=min(CALL_TIMEOUT_MS, timeout_ms // 2),
                max_block_ms=timeout_ms,
                bootstrap_timeout_ms=int(connect_s * 1_000),
                value_serializer=_NullSerializer(),
                metrics_enabled=False,
                **options,
            )
        except RuntimeError as error:
            raise ConfigError(f"kafka.compression: {error}") from error


def deliver(producer: Any, records: Iterable[OutputRecord], *, timeout_s: float) -> None:  # noqa: ANN401
    """Send the records and wait until each is acknowledged.

    A null header goes out empty: the client takes bytes alone (docs/adr/0022).

    Raises:
        RecordTooLargeError, TimestampRefusedError, TransportError: see `Producer.send`. The
            producer has a hole in its sequence, and is not to be used again.
    """
    pending = []
    topic = ""
    try:
        for topic, key, value, headers, timestamp in records:
            future = producer.send(
                topic,
                value=_NULL if value is None else value,
                key=key,
                headers=[(HeaderName(name), content or b"") for name, content in headers],
                timestamp_ms=None if timestamp < 0 else timestamp,
            )
            pending.append((topic, future))
        # It also raises where the broker had a batch split; the futures know better.
        with suppress(KafkaError):
            producer.flush(timeout=timeout_s)
        deadline = time.monotonic() + timeout_s
        # The client fails a timed-out batch without any other sign, so each is asked: a
        # transaction with such a batch could be committed (F1).
        for topic, future in pending:  # noqa: B007 - the handlers name it
            if not future.succeeded():
                future.get(timeout=max(0.0, deadline - time.monotonic()))
    except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
        # The client fails all that is under way at such a refusal: which one it was is lost.
        reason = "a record is too large for the topic, or for the client"
        raise RecordTooLargeError(f"produce to {topic}: {reason}") from error
    except KafkaError as error:
        # The records beside the one that is refused fail with an error that does not say why.
        for topic, future in pending:
            if isinstance(future.exception, InvalidTimestampError):
                reason = f"{type(error).__name__}: {error}"
                raise TimestampRefusedError(f"produce to {topic}: {reason}") from error
        raise explained(f"produce to {topic}", error) from error


def explained(action: str, error: KafkaError) -> TransportError:
    """The error of ours for one of the client's.

    Args:
        action: begins the message.
        error: what the client raised; it may have the broker's error as an argument.
    """
    message = f"{action}: {type(error).__name__}: {error}"
    for one in (error, *error.args):
        if isinstance(one, _ProducerFencedError | InvalidProducerEpochError):
            return ProducerFencedError(message)
    return TransportError(message)


def discard(producer: Any, *, timeout_s: float) -> None:  # noqa: ANN401 - the client is untyped
    """Close a producer that is not to be used again.

    Blocks until what is queued is written, or is given up.
    """
    with suppress(KafkaError):
        producer.close(timeout=timeout_s)
