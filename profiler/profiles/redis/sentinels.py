"""Sentinel: asked at every new connection which server is the primary."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any

import redis

from profiler.config.redis_url import Address
from profiler.errors import ConfigError
from profiler.profiles.redis.hello import hello
from profiler.profiles.redis.places import Hosts, PlacedConnection, PlacedSSLConnection


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
        #: Asked first: it answered last time.
        self._first = 0

    def __call__(self) -> Sequence[Address]:
        """See `Places`; blocks for the timeout at most, for each sentinel."""
        count = len(self.addresses)
        silent: list[redis.RedisError] = []
        for number in range(self._first, self._first + count):
            try:
                primary = self.ask(self.addresses[number % count])
            except redis.RedisError as error:
                silent.append(error)
                continue
            if primary is not None:
                self._first = number % count
                return [primary]
        denied = [error for error in silent if isinstance(error, redis.AuthenticationError)]
        if denied:
            raise ConfigError(
                f"a Sentinel refuses us: {denied[0]}; check redis.sentinel_username and"
                " redis.sentinel_password"
            ) from denied[0]
        if silent:
            reasons = "; ".join(dict.fromkeys(map(str, silent)))
            raise redis.ConnectionError(f"no Sentinel names the primary: {reasons}") from silent[0]
        raise ConfigError(
            f"no Sentinel knows a primary called {self.service!r}; check the service in redis.url"
        )

    def ask(self, sentinel: Address) -> Address | None:
        """Ask one of them for the primary.

        Returns:
            The primary's address; None where the sentinel knows no such service.

        Raises:
            redis.RedisError: it cannot be reached, or refuses the login.
            ConfigError: what answers there is no Sentinel.
        """
        pool = redis.ConnectionPool(
            self._connection_class,
            places=Hosts([sentinel]),
            redis_connect_func=_require_sentinel,
            **self._options,
        )
        with closing(redis.Redis.from_pool(pool)) as client:
            found: Any = client.sentinel_get_master_addr_by_name(self.service)
        return found and Address(found[0].decode(), int(found[1]))


def _require_sentinel(connection: "redis.Connection") -> None:
    """The hook of connections to sentinels, as `Greeting` is of those to Redis."""
    connection.on_connect()  # type: ignore[no-untyped-call]
    if hello(connection).get("mode", "sentinel") != "sentinel":
        connection.disconnect()  # type: ignore[no-untyped-call]
        raise ConfigError(
            f"redis.url: {connection.host}:{connection.port} is a Redis and no Sentinel; let it"
            " begin with redis:// or rediss://, or name the sentinels"
        )
