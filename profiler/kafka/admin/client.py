"""The admin client of kafka-python 3.0.x: opened, closed, its errors translated."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from kafka import KafkaAdminClient
from kafka.errors import (
    KafkaConnectionError,
    KafkaTimeoutError,
    NodeNotReadyError,
    RequestTimedOutError,
    RetriableError,
)

from profiler.config import KafkaSettings
from profiler.kafka.admin.handshake import check_handshake
from profiler.kafka.client_options import (
    CALL_TIMEOUT_S,
    connection_options,
    translated_errors,
)
from profiler.kafka.reach import check_names, with_reasons

_RETRY_PAUSE_S = 0.1
#: What the client says when it has not reached a broker.
_AWAY = (KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError, RequestTimedOutError)

Answer = TypeVar("Answer")


@contextmanager
def open_admin(
    settings: KafkaSettings, action: str, *, timeout_s: float = CALL_TIMEOUT_S
) -> Iterator[Any]:
    """Connect an admin client for the time of a `with` block.

    Args:
        settings: how to reach the cluster.
        action: what the messages of errors begin with.
        timeout_s: to find a broker, and to wait for one answer.

    Raises:
        TransportError: no broker answers, or one refuses what is asked inside the block.
        ConfigError: DNS knows no server, the client refuses the settings, or a broker the login or
            the certificates.
    """
    check_names(settings)
    check_handshake(settings)
    with (
        with_reasons(settings, timeout_s=timeout_s, causes=_AWAY) as connect_s,
        translated_errors(action),
    ):
        admin = KafkaAdminClient(
            **connection_options(settings),
            bootstrap_timeout_ms=int(connect_s * 1_000),
            request_timeout_ms=int(timeout_s * 1_000),
        )
        try:
            yield admin
        finally:
            admin.close()


def patiently(ask: Callable[[], Answer], *, timeout_s: float = CALL_TIMEOUT_S) -> Answer:
    """Ask again while a coordinator is being elected or loaded; the client does not.

    The first question about any group of a new cluster always meets this: the broker makes the
    topic of offsets only then.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return ask()
        except RetriableError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_PAUSE_S)
