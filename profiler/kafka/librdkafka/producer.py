"""The producer on librdkafka."""

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from profiler.config import KafkaSettings
from profiler.errors import RecordTooLargeError, TimestampRefusedError, TransportError
from profiler.kafka.librdkafka.client import (
    checked_options,
    connection_options,
    describe,
    translated_errors,
)
from profiler.kafka.librdkafka.messages import sendable
from profiler.kafka.reach import with_reasons
from profiler.records.types import Headers, OutputRecord

#: Beyond the delivery timeout, in which the library itself gives up every record.
_GRACE_S = 5.0
_CLOSE_TIMEOUT_S = 10.0

#: What is queued of a topic until it is acknowledged. While a topic has more than one batch of the
#: library (``batch.size``, 1 MB) waiting, a thread of the library runs in circles: an idempotent
#: producer has one request a partition under way.
SLICE_BYTES = 950_000
#: What a record takes beside its parts, at most about.
_RECORD_OVERHEAD_BYTES = 32


class LibrdkafkaProducer:
    """A `profiler.kafka.protocol.Producer`: idempotent, acks=all, murmur2 by key.

    A record's timestamp of 0 becomes the time of sending: librdkafka knows no other sign for it.
    """

    def __init__(self, settings: KafkaSettings, *, largest_bytes: int = 0) -> None:
        """Connect; blocks until a broker answers, for the delivery timeout at most.

        Args:
            settings: how to reach the cluster.
            largest_bytes: the largest record that the client takes, where it is more than the
                settings' `max_request_bytes`.

        Raises:
            TransportError: no broker answers.
            ConfigError: the client refuses the settings.
        """
        self._settings = settings
        self._largest_bytes = max(largest_bytes, settings.max_request_bytes)
        self._timeout_s = settings.delivery_timeout_ms / 1_000
        #: Topic and error of what the library gave up since the last `send` began.
        self._failures: list[tuple[str, KafkaError]] = []
        self._producer: Any = self._connect()

    def send(self, records: Iterable[OutputRecord]) -> None:
        """See `Producer.send`.

        Sends and awaits slices of 950 kB a topic, one after the other. After an error the
        producer is thrown away; the next call builds one.
        """
        if self._producer is None:
            self._producer = self._connect()
        try:
            self._deliver(records)
        except BaseException:
            # What is still queued would be sent later, out of turn.
            producer, self._producer = self._producer, None
            producer.purge()
            producer.flush(_CLOSE_TIMEOUT_S)
            raise

    def close(self, *, timeout_s: float = _CLOSE_TIMEOUT_S) -> None:
        """See `Producer.close`."""
        if self._producer is not None:
            self._producer.flush(timeout_s)
            self._producer = None

    def _deliver(self, records: Iterable[OutputRecord]) -> None:
        self._failures.clear()
        deadline = time.monotonic() + self._timeout_s + _GRACE_S
        produce = self._producer.produce
        failed = self._failed
        queued: Counter[str] = Counter()  # bytes, by topic
        last: Headers = ()
        given, header_bytes = sendable(last), 0
        topic = ""
        try:
            for topic, key, value, headers, timestamp in records:
                if headers is not last:  # both outputs of an event have the same
                    last, given = headers, sendable(headers)
                    header_bytes = sum(len(name) + len(part or b"") for name, part in given)
                size = len(key or b"") + len(value or b"") + header_bytes + _RECORD_OVERHEAD_BYTES
                if queued[topic] and queued[topic] + size > SLICE_BYTES:
                    self._await(topic, deadline)
                    queued.clear()
                queued[topic] += size
                # Here 0 stands for the time of sending, as -1 does in a record.
                at = max(0, timestamp)
                produce(topic, value, key, -1, failed, None, at, given)
        except KafkaException as error:
            raise _explained(topic, error.args[0]) from error
        except BufferError as error:
            raise TransportError(f"produce to {topic}: the library's queue is full") from error
        self._await(topic, deadline)

    def _await(self, topic: str, deadline: float) -> None:
        """Block until all that is queued is acknowledged; `topic` is the last one."""
        unsent = self._producer.flush(max(0.0, deadline - time.monotonic()))
        if self._failures:
            raise _explained(*self._failures[0])
        if unsent:
            raise TransportError(f"produce to {topic}: {unsent} records are not acknowledged")

    def _failed(self, error: KafkaError, message: Message) -> None:
        self._failures.append((str(message.topic()), error))

    def _connect(self) -> Producer:
        settings = self._settings
        options = {
            **connection_options(settings),
            "acks": "all",
            "enable.idempotence": True,
            "compression.type": settings.compression or "none",
            "message.max.bytes": self._largest_bytes,
            "delivery.timeout.ms": settings.delivery_timeout_ms,
            "partitioner": "murmur2_random",
            # `send` flushes, which ends the linger; it only gathers while records are queued.
            "linger.ms": 5,
            # A batch is at most some thousand records of a megabyte: nothing may be refused.
            "queue.buffering.max.messages": 0,
            "queue.buffering.max.kbytes": 2_097_151,
            # Successes are counted by `flush`; a call into Python for each would cost as much
            # as the rest of producing it.
            "delivery.report.only.error": True,
        }
        with checked_options():
            producer = Producer(options)
        with (
            with_reasons(settings, timeout_s=self._timeout_s) as connect_s,
            translated_errors(f"connect to {settings.bootstrap_servers}"),
        ):
            producer.list_topics(timeout=connect_s)
        return producer


def _explained(topic: str, error: KafkaError) -> TransportError:
    if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        message = f"produce to {topic}: a record is too large for the topic, or for the client"
        return RecordTooLargeError(message)
    if error.code() == KafkaError.INVALID_TIMESTAMP:
        return TimestampRefusedError(f"produce to {topic}: {describe(error)}")
    return TransportError(f"produce to {topic}: {describe(error)}")
