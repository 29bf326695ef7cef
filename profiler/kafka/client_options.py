"""What kafka-python is given by us, for the adapter and for questions about a cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka.errors import KafkaConfigurationError, KafkaError

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
        "bootstrap_servers": [str(server) for server in settings.servers],
        "client_id": settings.client_id,
        "security_protocol": settings.security_protocol,
        "sasl_mechanism": settings.sasl_mechanism,
        "sasl_plain_username": settings.sasl_username,
        "sasl_plain_password": password.get_secret_value() if password else None,
        "ssl_context": tls_context("kafka", settings) if encrypted else None,
        # The default lets a client wait for up to 30 s for a broker that came back.
        "reconnect_backoff_max_ms": 1_000,
    }


def onlooker_options(settings: KafkaSettings) -> dict[str, Any]:
    """The options of a consumer without a group: it commits nothing, and nobody else notices it.

    It sees committed records, from the first one on where no offset was sought.

    Raises:
        ConfigError: as `connection_options`.
    """
    return {
        **connection_options(settings),
        "group_id": None,
        "enable_auto_commit": False,
        "isolation_level": "read_committed",
        "auto_offset_reset": "earliest",
        "allow_auto_create_topics": False,
        "metrics_enabled": False,
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
