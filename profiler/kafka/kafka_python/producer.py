"""The producer on kafka-python 3.0.x."""

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from profiler.config import KafkaSettings
from profiler.errors import ConfigError, RecordTooLargeError, TransportError
from profiler.kafka.kafka_python.client import (
    CALL_TIMEOUT_MS,
    CLOSE_TIMEOUT_S,
    NULL,
    KeyPartitioner,
    NullableHeaders,
    NullSerializer,
    connection_options,
    partition_of,
    translated_errors,
)
from profiler.kafka.kafka_python.header_names import HeaderName
from profiler.records.types import OutputRecord

_PRODUCE_BATCH_BYTES = 256 * 1024
#: Longer than one call takes to queue its records: `send` flushes, so nothing waits for it.
_LINGER_MS = 50


class KafkaPythonProducer:
    """A `profiler.kafka.protocol.Producer`: idempotent, acks=all, murmur2 by key."""

    def __init__(self, settings: KafkaSettings, *, largest_bytes: int = 0) -> None:
        """Connect; blocks until a broker answers, for the delivery timeout at most.

        Args:
            settings: how to reach the cluster.
            largest_bytes: the largest record that the client takes, where it is more than the
                settings' `max_request_bytes`.

        Raises:
            TransportError: no broker answers.
            ConfigError: the client refuses the settings, or the compression lacks its package.
        """
        self._settings = settings
        self._largest_bytes = max(largest_bytes, settings.max_request_bytes)
        self._producer: Any = self._connect()

    def send(self, records: Iterable[OutputRecord]) -> None:
        """See `Producer.send`. After an error the next call makes a new producer."""
        if self._producer is None:
            self._producer = self._connect()
        try:
            self._deliver(records)
        except BaseException:
            # What is still queued would be sent later, out of turn, and an idempotent producer
            # with a hole in its sequence numbers is not to be trusted again.
            self._abandon()
            raise

    def close(self, *, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """See `Producer.close`."""
        if self._producer is not None:
            with translated_errors("close"):
                self._producer.close(timeout=timeout_s)
            self._producer = None

    def _deliver(self, records: Iterable[OutputRecord]) -> None:
        queue = _Queue(self._producer, self._largest_bytes)
        pending = []
        topic = ""
        try:
            for record in records:
                topic = record.topic
                pending.append((topic, queue.add(record)))
            seconds = self._settings.delivery_timeout_ms / 1_000
            # It also raises where the broker had a batch split; the futures know better.
            with suppress(KafkaError):
                self._producer.flush(timeout=seconds)
            deadline = time.monotonic() + seconds
            # The client fails a timed-out batch without any other sign, so each is asked (F1).
            for topic, future in pending:  # noqa: B007 - the handlers name it
                if not future.succeeded():
                    future.get(timeout=max(0.0, deadline - time.monotonic()))
        except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
            # The client fails all that is under way at such a refusal: which one it was is lost.
            message = f"produce to {topic}: a record is too large for the topic, or for the client"
            raise RecordTooLargeError(message) from error
        except KafkaError as error:
            message = f"produce to {topic}: {type(error).__name__}: {error}"
            raise TransportError(message) from error

    def _connect(self) -> Any:  # noqa: ANN401 - the client is untyped
        settings = self._settings
        timeout_ms = settings.delivery_timeout_ms
        with translated_errors(f"connect to {settings.bootstrap_servers}"):
            try:
                return KafkaProducer(
                    **connection_options(settings),
                    acks="all",
                    enable_idempotence=True,
                    allow_auto_create_topics=False,
                    compression_type=settings.compression,
                    batch_size=_PRODUCE_BATCH_BYTES,
                    linger_ms=_LINGER_MS,
                    max_request_size=self._largest_bytes,
                    delivery_timeout_ms=timeout_ms,
                    # Half, so that one lost request can be sent again.
                    request_timeout_ms=min(CALL_TIMEOUT_MS, timeout_ms // 2),
                    max_block_ms=timeout_ms,
                    bootstrap_timeout_ms=timeout_ms,
                    value_serializer=NullSerializer(),
                    partitioner=KeyPartitioner(),
                    metrics_enabled=False,
                )
            except RuntimeError as error:
                raise ConfigError(f"kafka.compression: {error}") from error

    def _abandon(self) -> None:
        producer, self._producer = self._producer, None
        # `close` alone first waits for what is queued, and raises instead of closing if that
        # comes to nothing.
        producer._sender.force_close()  # noqa: SLF001 - see above
        with suppress(KafkaError):
            producer.close(timeout=CLOSE_TIMEOUT_S)


class _Queue:
    """Puts the records of one `send` into the producer's buffers.

    `KafkaProducer.send` looks up, checks and measures for every record what is the same for all
    of a batch; that is 40 % of its cost, and producing is most of the worker's. So an ordinary
    record goes straight to the accumulator that `send` would hand it to. What is not ordinary
    (a null key, value or header, a header name that is not ASCII, a size near the limit) goes
    through `send`. Both append to one queue per partition, so the order is that of the calls.
    """

    def __init__(self, producer: Any, largest_bytes: int) -> None:  # noqa: ANN401 - untyped
        self._producer = producer
        self._append = producer._accumulator.append  # noqa: SLF001 - see above
        self._wake_sender = producer._sender.wakeup  # noqa: SLF001
        self._ordinary_bytes = largest_bytes // 2
        self._targets: dict[str, list[TopicPartition]] = {}

    def add(self, record: OutputRecord) -> Any:  # noqa: ANN401 - the client's future
        """Queue a record; blocks while a topic's metadata is unknown. Raises `KafkaError`."""
        topic, key, value, headers, timestamp = record
        if key is None or value is None or not self._is_ordinary(record):
            return self._send(record)
        targets = self._targets.get(topic)
        if targets is None:
            targets = self._targets[topic] = self._partitions(topic)
        if not targets:
            return self._send(record)
        target = targets[partition_of(key, len(targets))]
        timestamp_ms = None if timestamp < 0 else timestamp
        future, is_full, is_new, _ = self._append(target, timestamp_ms, key, value, list(headers))
        if is_full or is_new:
            self._wake_sender()
        return future

    def _is_ordinary(self, record: OutputRecord) -> bool:
        size = len(record.key or b"") + len(record.value or b"")
        for name, content in record.headers:
            if content is None or not name.isascii():
                return False
            size += len(name) + len(content)
        return size < self._ordinary_bytes

    def _partitions(self, topic: str) -> list[TopicPartition]:
        found = self._producer.partitions_for(topic) or ()
        return [TopicPartition(topic, number) for number in sorted(found)]

    def _send(self, record: OutputRecord) -> Any:  # noqa: ANN401 - the client's future
        topic, key, value, _, timestamp = record
        headers = [(HeaderName(name), content) for name, content in record.headers]
        nullable = any(content is None for _, content in headers)
        return self._producer.send(
            topic,
            value=NULL if value is None else value,
            key=key,
            headers=NullableHeaders(headers) if nullable else headers,
            timestamp_ms=None if timestamp < 0 else timestamp,
        )
