"""One client of librdkafka that writes: its options, what is on its way in it, and its errors."""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from confluent_kafka import KafkaError, KafkaException

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
from profiler.kafka.librdkafka.raw import MakeRaw
from profiler.kafka.reach import with_reasons
from profiler.records.types import OutputRecord

#: Beyond the delivery timeout, in which the library itself gives up every record.
_GRACE_S = 5.0
CLOSE_TIMEOUT_S = 10.0

#: What is queued of a topic until it is acknowledged. While a topic has more than one batch of the
#: library (``batch.size``, 1 MB) waiting, a thread of the library runs in circles: an idempotent
#: producer has one request a partition under way.
SLICE_BYTES = 950_000

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
        client: librdkafka's own, as confluent-kafka or the compiled part has it.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        largest_bytes: int,
        timeout_s: float,
        make_raw: MakeRaw,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Connect; blocks until a broker answers.

        Args:
            settings: how to reach the cluster.
            largest_bytes: the largest record that the client takes, where it is more than the
                settings' `max_request_bytes`.
            timeout_s: how long to wait for a broker.
            make_raw: makes the client.
            options: more for the library.

        Raises:
            TransportError: no broker answers.
            ConfigError: the client refuses the settings.
        """
        self._timeout_s = settings.delivery_timeout_ms / 1_000
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
            **(options or {}),
        }
        with checked_options():
            self.client = make_raw(all_options)
        with (
            with_reasons(settings, timeout_s=timeout_s) as connect_s,
            translated_errors(f"connect to {settings.bootstrap_servers}"),
        ):
            self.client.reach(connect_s)

    def send(self, records: Iterable[OutputRecord]) -> None:
        """Send and await slices of 950 kB a topic, one after the other.

        Raises:
            RecordTooLargeError, TimestampRefusedError, TransportError: see `Producer.send`. The
                client is not to be used again.
        """
        given = records if isinstance(records, list) else list(records)
        deadline = time.monotonic() + self._timeout_s + _GRACE_S
        client = self.client
        at = 0
        while at < len(given):
            at = client.produce(given, at, SLICE_BYTES)
            self._check()
            last = f"produce to {given[at - 1].topic}"
            try:
                unsent = client.flush(max(0.0, deadline - time.monotonic()))
            except KafkaException as error:
                raise explained(last, error.args[0]) from error
            self._check()
            if unsent:
                raise TransportError(f"{last}: {unsent} records are not acknowledged")

    def discard(self, *, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Drop what is still queued: it would be sent later, out of turn."""
        self.client.purge()
        # A fatal error may come of it; the client is gone anyway.
        with suppress(KafkaException, TransportError):
            self.client.flush(timeout_s)

    def _check(self) -> None:
        """Raise the first failure."""
        for topic, error in self.client.failures():
            raise explained(f"produce to {topic}", error)


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
