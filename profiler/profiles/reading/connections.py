"""Pools of redis.asyncio, for what `profiler.profiles.redis.connections` reaches with threads."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import redis.asyncio as redis
from hiredis import pack_command
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    InvalidResponse,
    RedisError,
    ResponseError,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)

from profiler.config.addresses import Address
from profiler.errors import ConfigError
from profiler.profiles.redis.connections import Target
from profiler.profiles.redis.faults import is_replaced
from profiler.profiles.redis.hello import NAME_THE_SERVICE, NO_REDIS, texts_of
from profiler.profiles.redis.nodes import Words
from profiler.profiles.redis.places import Hosts
from profiler.profiles.redis.sentinels import Sentinels

#: The option that says how long a connection may take, and here an exchange too.
_TIMEOUT = "socket_connect_timeout"

#: Says where to connect, at each new connection: see `profiler.profiles.redis.places.Places`.
Finding = Callable[[], Awaitable[Sequence[Address]]]


class Greeting:
    """The hook at each new connection: logs in, asks what is there, and says that it only reads.

    Args:
        needs_primary: whether a replica is refused: one that was the primary when it was named.
        reads_only: whether a replica in a cluster is to answer by itself (READONLY).
    """

    def __init__(self, *, needs_primary: bool = False, reads_only: bool = False) -> None:
        self._needs_primary = needs_primary
        self._reads_only = reads_only
        #: ``standalone`` or ``cluster``, as the last server said; empty where it did not.
        self.mode = ""

    async def greet(self, connection: Any) -> None:  # noqa: ANN401 - redis-py's
        """Do it.

        Raises:
            RedisError: the server refuses us, or is a replica.
            ConfigError: it is no Redis, or a Sentinel.
        """
        refused = None
        try:
            await connection.on_connect()
        except ResponseError as error:  # of SELECT, which a Sentinel does not know
            refused = error
        about = await _hello(connection)
        self.mode = about.get("mode", "")
        if self.mode == "sentinel":
            await connection.disconnect()
            raise ConfigError(NAME_THE_SERVICE)
        if refused:
            raise refused
        if self._needs_primary and about.get("role", "master") != "master":
            at = f"{connection.host}:{connection.port}"
            raise RedisConnectionError(f"{at}, which Sentinel names, is a replica (a failover?)")
        if self._reads_only and self.mode == "cluster":
            await connection.send_command("READONLY", check_health=False)
            await connection.read_response(disable_decoding=True)


async def _hello(connection: Any) -> dict[str, str]:  # noqa: ANN401 - redis-py's
    await connection.send_command("HELLO", check_health=False)
    try:
        answer = await connection.read_response(disable_decoding=True)
    except InvalidResponse as error:
        await connection.disconnect()
        raise ConfigError(NO_REDIS) from error
    except ResponseError:
        return {}  # a proxy may not know the command
    return dict(texts_of(answer))


class _Placed:
    """Mixed into a connection of redis.asyncio: leads to the first place that answers.

    Args:
        find: asked at every connection.
        options: redis-py's.
    """

    host: str
    port: int
    is_connected: bool

    def __init__(self, *, find: Finding, **options: Any) -> None:  # noqa: ANN401 - redis-py's
        super().__init__(**options)
        self._find = find

    async def connect(self) -> None:
        """Connect and log in, unless that is done; a pool calls it before every use."""
        if self.is_connected:
            return
        *others, last = await self._find()
        for self.host, self.port in others:
            try:
                await super().connect()  # type: ignore[misc] # the other base has it
            except AuthenticationError:
                raise
            except (RedisConnectionError, RedisTimeoutError):
                continue
            return
        self.host, self.port = last
        await super().connect()  # type: ignore[misc]


class _Connection(_Placed, redis.Connection):
    """Without TLS."""


class _SSLConnection(_Placed, redis.SSLConnection):
    """With TLS; the certificate must name the host that was connected with."""


def finding(places: Hosts | Sentinels) -> Finding:
    """Ask places without blocking the loop: sentinels answer by the network."""

    async def find() -> Sequence[Address]:
        if isinstance(places, Hosts):
            return places()
        return await asyncio.to_thread(places)

    return find


def pool_of(target: Target, greeting: Greeting, find: Finding | None) -> redis.ConnectionPool:
    """A pool that connects as the target says, at need.

    Args:
        target: login, TLS, timeouts; the path of a Unix socket.
        greeting: what is done at each new connection.
        find: where they lead to; None for the Unix socket.
    """
    options: dict[str, Any] = {
        **target.options,
        "retry": Retry(NoBackoff(), 0),
        "redis_connect_func": greeting.greet,
        # One clock for all of an exchange: one for each send and each reply costs a task each.
        "socket_timeout": None,
    }
    if find is None:
        return redis.ConnectionPool(redis.UnixDomainSocketConnection, **options)
    kind = _SSLConnection if target.is_tls else _Connection
    return redis.ConnectionPool(kind, find=find, **options)


async def exchange(pool: redis.ConnectionPool, commands: Sequence[Words]) -> list[Any]:
    """Send commands in one go, and return the replies in order; error replies as exceptions.

    Without any command it connects. A server that says that another one may have taken its place
    loses its connections.

    Raises:
        RedisError: a connection was refused or lost, or an answer took too long.
    """
    timeout_s: float = pool.connection_kwargs[_TIMEOUT]
    try:
        async with asyncio.timeout(timeout_s):
            return await _exchange(pool, commands)
    except TimeoutError as error:
        raise RedisTimeoutError(f"no answer within {timeout_s:g} s") from error


async def _exchange(pool: redis.ConnectionPool, commands: Sequence[Words]) -> list[Any]:
    connection = await pool.get_connection()  # type: ignore[no-untyped-call]
    try:
        packed = b"".join(map(pack_command, commands))  # type: ignore[arg-type] # the stub says tuples of one
        await connection.send_packed_command(packed, check_health=False)
        replies = [await _reply(connection) for _ in commands]
        if any(map(is_replaced, replies)):
            await connection.disconnect()
            await pool.disconnect(inuse_connections=False)
    except BaseException:
        # A reply that nobody has read would be taken for one of the next commands'.
        await connection.disconnect(nowait=True)
        raise
    else:
        return replies
    finally:
        await pool.release(connection)


async def exchange_one(pool: redis.ConnectionPool, words: Words) -> Any:  # noqa: ANN401 - the reply
    """Send one command; an error reply is raised too."""
    (reply,) = await exchange(pool, [words])
    if isinstance(reply, RedisError):
        raise reply
    return reply


async def _reply(connection: Any) -> Any:  # noqa: ANN401 - redis-py's, and whatever the server says
    try:
        return await connection.read_response(disable_decoding=True)
    except ResponseError as error:
        return error
