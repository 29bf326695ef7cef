"""Where a connection leads to: looked up each time that it is made, since names and roles move."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import redis

from profiler.config.addresses import Address


class Places(Protocol):
    """Says where to connect."""

    def __call__(self) -> Sequence[Address]:
        """The addresses to try in turn; at least one.

        Raises:
            redis.RedisError: nobody says it now.
            ConfigError: nobody will.
        """

    def has_moved(self, address: Address) -> bool:
        """Whether a connection that leads to this address must be made anew."""


class Hosts:
    """`Places` that are named once; their names are resolved at every connection.

    Args:
        addresses: at least one.
    """

    def __init__(self, addresses: Iterable[Address]) -> None:
        self.addresses = tuple(addresses)

    def __call__(self) -> Sequence[Address]:
        """See `Places`."""
        return self.addresses

    def has_moved(self, address: Address) -> bool:  # noqa: ARG002 - only its server can say it
        """See `Places`."""
        return False


class _Placed:
    """Mixed into a connection of redis-py: leads to the first place that answers.

    Args:
        places: asked at every connection.
        options: redis-py's.
    """

    host: str
    port: int
    is_connected: bool
    disconnect: Callable[[], None]

    def __init__(self, *, places: Places, **options: Any) -> None:  # noqa: ANN401 - redis-py's
        super().__init__(**options)
        self._places = places

    def connect(self) -> None:
        """Connect and log in, unless that is done; a pool calls it before every use."""
        if self.is_connected:
            if not self._places.has_moved(Address(self.host, self.port)):
                return
            self.disconnect()
        *others, last = self._places()
        for self.host, self.port in others:
            try:
                self._connect_here()
            except redis.AuthenticationError:
                raise
            except (redis.ConnectionError, redis.TimeoutError):
                continue
            return
        self.host, self.port = last
        self._connect_here()

    def _connect_here(self) -> None:
        super().connect()  # type: ignore[misc] # the other base has it


class PlacedConnection(_Placed, redis.Connection):
    """Without TLS."""


class PlacedSSLConnection(_Placed, redis.SSLConnection):
    """With TLS; the certificate must name the host that was connected with."""

    def _connect_here(self) -> None:
        try:
            super()._connect_here()
        except redis.TimeoutError as error:
            # A Redis without TLS takes the handshake for a command that goes on, and waits.
            raise redis.TimeoutError(f"{error} (has {self.host}:{self.port} TLS?)") from error
