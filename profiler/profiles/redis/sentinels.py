"""Sentinel: asked which server is the primary, at every new connection and once a second."""

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import redis

from profiler.config.addresses import Address
from profiler.errors import ConfigError
from profiler.profiles.redis.hello import hello
from profiler.profiles.redis.places import Hosts, PlacedConnection, PlacedSSLConnection

#: How long a connection is used without a question. After a failover that an operator asked for,
#: the old primary takes writes for some ten seconds more, and forgets them.
_TRUSTED_S = 1.0

#: What a sentinel answers to a login or a user that is not as it should be, and what to do.
REFUSALS = (redis.AuthenticationError, redis.exceptions.NoPermissionError)
REMEDY = (
    "check redis.sentinel_username and redis.sentinel_password; a user needs"
    " +sentinel|get-master-addr-by-name"
)


class Sentinels:
    """`Places`: the primary's, as the first sentinel that answers knows it.

    Args:
        addresses: of the sentinels, in the order in which they are asked.
        service: what they call the primary.
        options: redis-py's, for connections to a sentinel: login, timeouts, files.
        is_tls: whether these have TLS.
    """

    def __init__(
        self,
        addresses: Iterable[Address],
        service: str,
        options: Mapping[str, Any],
        *,
        is_tls: bool,
    ) -> None:
        self.addresses = tuple(addresses)
        self.service = service
        self._options = dict(options)
        self._connection_class = PlacedSSLConnection if is_tls else PlacedConnection
        self._client_of = cache(self._connect)
        #: Asked first: it answered last time.
        self._first = 0
        self._asked_at = 0.0

    def __call__(self) -> Sequence[Address]:
        """See `Places`; blocks for the timeout at most, for each sentinel."""
        silent: list[redis.RedisError] = []
        for _ in self.addresses:
            try:
                primary = self.ask(self.addresses[self._first])
            except redis.RedisError as error:
                silent.append(error)
            else:
                if primary is not None:
                    self._asked_at = time.monotonic()
                    return [primary]
            self._ask_another()
        denied = [error for error in silent if isinstance(error, REFUSALS)]
        if denied:
            raise ConfigError(f"a Sentinel refuses us: {denied[0]}; {REMEDY}") from denied[0]
        if silent:
            reasons = "; ".join(dict.fromkeys(map(str, silent)))
            raise redis.ConnectionError(f"no Sentinel names the primary: {reasons}") from silent[0]
        raise ConfigError(
            f"no Sentinel knows a primary called {self.service!r}; check the service in redis.url"
        )

    def has_moved(self, address: Address) -> bool:
        """See `Places`; asks one sentinel at most once a second, and blocks as long as that."""
        if time.monotonic() - self._asked_at < _TRUSTED_S:
            return False
        try:
            primary = self.ask(self.addresses[self._first])
        except redis.RedisError:
            # What is known stays true until somebody says otherwise.
            primary = None
        if primary is None:
            self._ask_another()
        self._asked_at = time.monotonic()
        return primary is not None and primary != address

    def ask(self, sentinel: Address) -> Address | None:
        """Ask one of them for the primary.

        Returns:
            The primary's address; None where the sentinel knows no such service.

        Raises:
            redis.RedisError: it cannot be reached, or refuses the login.
            ConfigError: what answers there is no Sentinel.
        """
        found: Any = self._client_of(sentinel).sentinel_get_master_addr_by_name(self.service)
        return found and Address(found[0].decode(), int(found[1]))

    def _ask_another(self) -> None:
        self._first = (self._first + 1) % len(self.addresses)

    def _connect(self, sentinel: Address) -> "redis.Redis":
        pool = redis.ConnectionPool(
            self._connection_class,
            places=Hosts([sentinel]),
            redis_connect_func=_require_sentinel,
            **self._options,
        )
        return redis.Redis.from_pool(pool)


def _require_sentinel(connection: "redis.Connection") -> None:
    """The hook of connections to sentinels, as `Greeting` is of those to Redis."""
    connection.on_connect()  # type: ignore[no-untyped-call]
    if hello(connection).get("mode", "sentinel") != "sentinel":
        connection.disconnect()  # type: ignore[no-untyped-call]
        raise ConfigError(
            f"redis.url: {connection.host}:{connection.port} is a Redis and no Sentinel; let it"
            " begin with redis:// or rediss://, or name the sentinels"
        )
