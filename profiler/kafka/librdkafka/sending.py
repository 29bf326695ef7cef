"""One client of librdkafka that writes: its options, what is on its way in it, and its errors."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from profiler.config import KafkaSettings
from profiler.errors import (
    ProducerFencedError,
    RecordTooLargeError,
    TimestampRefusedError,
    TransportError,
)
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
CLOSE_TIMEOUT_S = 10.0

#: What is queued of a topic until it is acknowledged. While a topic has more than one batch of the
#: library (``batch.size``, 1 MB) waiting, a thread of the library runs in circles: an idempotent
#: producer has one request a partition under way.
SLICE_BYTES = 950_000
#: What a record takes beside its parts, at most about.
_RECORD_OVERHEAD_BYTES = 32

_FENCED = frozenset(
    {
        KafkaError._FENCED,  # noqa: SLF001 - its public name
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
    }
)


class Sender:
    """A client and its records: idempotent, acks=all, murmur2 by key.

    A record's timestamp of 0 becomes the time of sending: librdkafka knows no other sign for it.

    Attributes:
        client: librdkafka's own.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        largest_bytes: int,
        timeout_s: float,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Connect; blocks until a broker answers.

        Args:
            settings: how to reach the cluster.
            largest_bytes: the largest record that the client takes, where it is more than the
                settings' `max_request_bytes`.
            timeout_s: how long to wait for a broker.
            options: more for the library.

        Raises:
            TransportError: no broker answers.
            ConfigError: the client refuses the settings.
        """
        self._timeout_s = settings.delivery_timeout_ms / 1_000
        #: Topic and error of what the library gave up since the last `send` began.
        self._failures: list[tuple[str, KafkaError]] = []
        all_options = {
            **connection_options(settings),
            "acks": "all",
            "enable.idempotence": True,
            "compression.type": settings.compression or "none",
            "message.max.bytes": max(largest_bytes, settings.max_request_bytes),
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
            **(options or {}),
        }
        with checked_options():
            self.client: Any = Producer(all_options)
        with (
            with_reasons(settings, timeout_s=timeout_s) as connect_s,
            translated_errors(f"connect to {settings.bootstrap_servers}"),
        ):
            self.client.list_topics(timeout=connect_s)

    def send(self, records: Iterable[OutputRecord]) -> None:
        """Send and await slices of 950 kB a topic, one after the other.

        Raises:
            RecordTooLargeError, TimestampRefusedError, TransportError: see `Producer.send`. The
                client is not to be used again.
        """
        self._failures.clear()
        deadline = time.monotonic() + self._timeout_s + _GRACE_S
        produce = self.client.produce
        failed = self._failed
        room: dict[str, int] = {}  # bytes left of a slice, by topic
        last: Headers = ()
        given, around = sendable(last), _RECORD_OVERHEAD_BYTES
        topic = ""
        try:
            for topic, key, value, headers, timestamp in records:
                if headers is not last:  # both outputs of an event have the same
                    last, given = headers, sendable(headers)
                    around = _RECORD_OVERHEAD_BYTES
                    for name, part in given:
                        around += len(name) + len(part or b"")
                size = len(key or b"") + len(value or b"") + around
                left = room.get(topic, SLICE_BYTES)
                if size > left and topic in room:
                    self._await(topic, deadline)
                    room.clear()
                    left = SLICE_BYTES
                room[topic] = left - size
                # Here 0 stands for the time of sending, as -1 does in a record.
                at = max(0, timestamp)
                produce(topic, value, key, -1, failed, None, at, given)
            self._await(topic, deadline)
        except KafkaException as error:
            raise explained(f"produce to {topic}", error.args[0]) from error
        except BufferError as error:
            raise TransportError(f"produce to {topic}: the library's queue is full") from error

    def discard(self, *, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Drop what is still queued: it would be sent later, out of turn."""
        self.client.purge()
        try:
            self.client.flush(timeout_s)
        except (KafkaException, SystemError):
            return  # a fatal error, see `_flush`; the client is gone anyway

    def _await(self, topic: str, deadline: float) -> None:
        """Block until all that is queued is acknowledged; `topic` is the last one."""
        unsent = self._flush(max(0.0, deadline - time.monotonic()))
        if self._failures:
            first, error = self._failures[0]
            raise explained(f"produce to {first}", error)
        if unsent:
            raise TransportError(f"produce to {topic}: {unsent} records are not acknowledged")

    def _flush(self, timeout_s: float) -> int:
        """Flush; lets `KafkaException` through."""
        try:
            return int(self.client.flush(timeout_s))
        except SystemError as error:
            # The binding raises a fatal error in the midst of calling `_failed`, and may lose it.
            if isinstance(error.__cause__, KafkaException):
                raise error.__cause__ from None
            raise TransportError("flush: a fatal error of the client") from error

    def _failed(self, error: KafkaError, message: Message) -> None:
        self._failures.append((str(message.topic()), error))


def explained(action: str, error: KafkaError) -> TransportError:
    """The error of ours for one of the library's.

    Args:
        action: begins the message.
        error: what the library said.
    """
    if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return RecordTooLargeError(
            f"{action}: a record is too large for the topic, or for the client"
        )
    if error.code() == KafkaError.INVALID_TIMESTAMP:
        return TimestampRefusedError(f"{action}: {describe(error)}")
    if error.code() in _FENCED:
        return ProducerFencedError(f"{action}: {describe(error)}")
    return TransportError(f"{action}: {describe(error)}")
