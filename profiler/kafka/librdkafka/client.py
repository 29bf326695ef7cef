"""What librdkafka is given by us: options, its log, and names for its errors."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import KafkaException

from profiler.config import KafkaSettings
from profiler.config.tls import tls_context
from profiler.errors import ConfigError, TransportError

CALL_TIMEOUT_S = 30.0

#: librdkafka's own log; `profiler.service.logs` holds it at warning.
_LOG = logging.getLogger("librdkafka")


def connection_options(settings: KafkaSettings) -> dict[str, Any]:
    """The options that consumer and producer share; an option that is not set is left out.

    Raises:
        ConfigError: a file of the TLS settings cannot be read.
    """
    if settings.security_protocol.endswith("SSL"):
        tls_context("kafka", settings)  # the library tells less well what is wrong with a file
    password, key_password = settings.sasl_password, settings.ssl_key_password
    options = {
        "bootstrap.servers": ",".join(map(str, settings.servers)),
        "client.id": settings.client_id,
        "security.protocol": settings.security_protocol,
        "sasl.mechanism": settings.sasl_mechanism,
        "sasl.username": settings.sasl_username,
        "sasl.password": password.get_secret_value() if password else None,
        "ssl.ca.location": settings.ssl_cafile and str(settings.ssl_cafile),
        "ssl.certificate.location": settings.ssl_certfile and str(settings.ssl_certfile),
        # A PEM file may hold both.
        "ssl.key.location": settings.ssl_certfile
        and str(settings.ssl_keyfile or settings.ssl_certfile),
        "ssl.key.password": key_password.get_secret_value() if key_password else None,
        # The default lets a client wait for up to 10 s for a broker that came back.
        "reconnect.backoff.max.ms": 1_000,
        # When no broker answers, the default forgets the brokers and begins anew at the bootstrap
        # servers. librdkafka 2.16 then may wait for ever for the end of a broker that it forgot,
        # and a consumer never comes back to its group.
        "metadata.recovery.strategy": "none",
        "logger": _LOG,
    }
    return {name: value for name, value in options.items() if value is not None}


@contextmanager
def translated_errors(action: str) -> Iterator[None]:
    """Turn the client's errors into `TransportError`."""
    try:
        yield
    except KafkaException as error:
        raise TransportError(f"{action}: {describe(error.args[0])}") from error


@contextmanager
def checked_options() -> Iterator[None]:
    """Turn the client's refusal of its options into `ConfigError`."""
    try:
        yield
    except (KafkaException, ValueError, TypeError) as error:
        reason = error.args[0].str() if isinstance(error, KafkaException) else error
        raise ConfigError(f"kafka: {reason}") from error


def describe(error: Any) -> str:  # noqa: ANN401 - a KafkaError, or text where the client has none
    """Name and text of a `confluent_kafka.KafkaError`, for a log."""
    return f"{error.name()}: {error.str()}" if hasattr(error, "name") else str(error)
