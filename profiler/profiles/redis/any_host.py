"""Connections to the first of several hosts that answers: where to begin with a cluster."""

import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import redis

_DEFAULT_PORT = 6379


class _AnyHost:
    """Mixed into a connection of redis-py: it tries its host, then further hosts.

    Args:
        others: hosts and ports; each is tried when no host before it can be connected with.
        options: redis-py's.
    """

    host: str
    port: int

    def __init__(self, *, others: Sequence[tuple[str, int]] = (), **options: Any) -> None:  # noqa: ANN401
        super().__init__(**options)
        self._places = [(self.host, self.port), *others]

    def _connect(self) -> socket.socket:
        *places, last = self._places
        for self.host, self.port in places:
            try:
                return self._connect_here()
            except OSError:
                continue
        self.host, self.port = last
        return self._connect_here()

    def _connect_here(self) -> socket.socket:
        connected: socket.socket = super()._connect()  # type: ignore[misc] # the other base has it
        return connected


class AnyHostConnection(_AnyHost, redis.Connection):
    """Without TLS."""


class AnyHostSSLConnection(_AnyHost, redis.SSLConnection):
    """With TLS; the certificate must name the host that was connected with."""


def spread_over(pool: "redis.ConnectionPool", others: Iterable[Mapping[str, Any]]) -> None:
    """Let a pool that has not connected yet try these hosts too.

    Args:
        pool: of the first host.
        others: options of redis-py; host and port are taken from each.
    """
    is_tls = issubclass(pool.connection_class, redis.SSLConnection)
    pool.connection_class = AnyHostSSLConnection if is_tls else AnyHostConnection
    pool.connection_kwargs["others"] = [
        (other["host"], other.get("port", _DEFAULT_PORT)) for other in others
    ]
