"""What kafka-python is given by us: options, hooks, and names for its errors."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.errors import KafkaConfigurationError, KafkaError
from kafka.partitioner import DefaultPartitioner, murmur2
from kafka.serializer import Serializer

from profiler.config import KafkaSettings
from profiler.config.tls import tls_context
from profiler.errors import ConfigError, TransportError

CALL_TIMEOUT_S = 30
CALL_TIMEOUT_MS = CALL_TIMEOUT_S * 1_000
CLOSE_TIMEOUT_S = 10


def connection_options(settings: KafkaSettings) -> dict[str, Any]:
    """The options that consumer, producer and admin client share.

    Raises:
        ConfigError: a file of the TLS settings cannot be read.
    """
    password = settings.sasl_password
    encrypted = settings.security_protocol.endswith("SSL")
    return {
        "bootstrap_servers": [host.strip() for host in settings.bootstrap_servers.split(",")],
        "client_id": settings.client_id,
        "security_protocol": settings.security_protocol,
        "sasl_mechanism": settings.sasl_mechanism,
        "sasl_plain_username": settings.sasl_username,
        "sasl_plain_password": password.get_secret_value() if password else None,
        "ssl_context": tls_context("kafka", settings) if encrypted else None,
        # The default lets a client wait for up to 30 s for a broker that came back.
        "reconnect_backoff_max_ms": 1_000,
    }


@contextmanager
def translated_errors(action: str) -> Iterator[None]:
    """Turn the client's errors into `TransportError`, and wrong settings into `ConfigError`."""
    try:
        yield
    except KafkaConfigurationError as error:
        raise ConfigError(f"kafka: {error}") from error
    except KafkaError as error:
        raise TransportError(f"{action}: {type(error).__name__}: {error}") from error


class Assignments(ConsumerRebalanceListener):  # type: ignore[misc]
    """Counts rebalances, and keeps partitions that arrive during a pause paused."""

    def __init__(self, consumer: Any) -> None:  # noqa: ANN401 - the client is untyped
        self._consumer = consumer
        self.changes = 0
        self.held = False

    def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ANN401, ARG002 - the client's
        """Count: from here on a batch in hand may go to another member."""
        self.changes += 1
        # As Java's client does. kafka-python 3.0.12 lets a partition that stays with its member
        # go on behind what was polled and not committed: that would be read again by nobody.
        self._consumer._subscription.assign_from_subscribed([])  # noqa: SLF001 - no public way
        # kafka-python 3.0.12 forgets a join that outlasts one poll, when new metadata was its
        # only cause: it stays without partitions and heartbeats for ever. This flag says that
        # the join goes on; its end clears it.
        self._consumer._coordinator.request_rejoin()  # noqa: SLF001 - no public way

    def on_partitions_assigned(self, assigned: Any) -> None:  # noqa: ANN401 - signatures
        """Count, and hold what came while everything is held."""
        self.changes += 1
        if self.held:
            self._consumer.pause(*assigned)


#: A key may have a megabyte; 65,536 such keys are not to be kept.
_LONGEST_KEPT_KEY = 128


def _hash_of(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF


_kept_hash_of = lru_cache(maxsize=65_536)(_hash_of)


def partition_of(key: bytes, count: int) -> int:
    """Return the place of a key's partition among `count` of them, as Java's client has it."""
    return (_kept_hash_of if len(key) <= _LONGEST_KEPT_KEY else _hash_of)(key) % count


class KeyPartitioner(DefaultPartitioner):  # type: ignore[misc]
    """The default one (murmur2 as in Java), which spends a fifth of a send hashing in Python."""

    def partition(  # noqa: PLR0917 - the signature is the client's
        self,
        topic: str,
        key: Any,  # noqa: ANN401
        serialized_key: bytes | None,
        value: Any,  # noqa: ANN401
        serialized_value: Any,  # noqa: ANN401
        cluster: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401 - the client's signature
        """Return the partition of a record; one without a key goes anywhere."""
        if serialized_key is None:
            return super().partition(topic, key, None, value, serialized_value, cluster)
        partitions = sorted(cluster.partitions_for_topic(topic))
        return partitions[partition_of(serialized_key, len(partitions))]


#: A null value, past a client that refuses it along with a null key.
NULL = object()


class NullableHeaders(list[tuple[str, bytes | None]]):
    """Headers some of which are null, past a client that refuses to send these.

    Kafka knows null header values, and null keys with null values; `KafkaProducer.send`
    refuses both, although its encoder writes them. Its serializer hook runs after those checks
    and may change value and headers, so the nulls are put in there. Such headers are false,
    since the client sums up the lengths of true ones.
    """

    def __init__(self, headers: Iterable[tuple[str, bytes | None]]) -> None:
        self._real = list(headers)
        super().__init__((name, value or b"") for name, value in self._real)

    def __bool__(self) -> bool:
        return False

    def restore(self) -> None:
        """Put the nulls in."""
        self[:] = self._real


class NullSerializer(Serializer):  # type: ignore[misc]
    """The serializer hook that puts nulls in."""

    def serialize(self, topic: str, headers: Any, data: Any) -> Any:  # noqa: ANN401, ARG002 - theirs
        """Return the value to be sent; `NULL` stands for none."""
        if isinstance(headers, NullableHeaders):
            headers.restore()
        return None if data is NULL else data
