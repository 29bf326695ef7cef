"""Pipelines, one per connection: all are written before any reply is read.

redis-py's own pipeline goes through each argument and each reply in Python, which takes half as
long again as all of this; and that for clusters takes no EVALSHA at all. Its connections are used.
"""

from collections.abc import Sequence
from typing import Any

import redis
from hiredis import pack_command

from profiler.errors import ReconnectedError
from profiler.profiles.redis.faults import is_replaced
from profiler.profiles.redis.nodes import Packed, Words


def exchange(
    batches: Sequence[tuple["redis.ConnectionPool", Sequence[Words | Packed]]],
    *,
    connections: int | None = None,
) -> list[list[Any]]:
    """Send each batch to its server, so that the servers work at the same time.

    A server that says that another one may have taken its place loses its connections: the next
    ones are made to whatever its name leads to by then.

    Args:
        batches: commands with the pool of their server; no pool comes twice.
        connections: how many may have been opened so far; None for any number.

    Returns:
        For each batch its replies in order, texts as bytes; error replies as exceptions.

    Raises:
        redis.RedisError: a connection was refused or lost, or an answer took too long.
        ReconnectedError: a connection had to be opened; nothing was sent.
    """
    lent: list[tuple[redis.ConnectionPool, Any]] = []
    try:
        for pool, _ in batches:
            lent.append((pool, pool.get_connection()))
        _check_connections([pool for pool, _ in lent], connections)
        for (_, connection), (_, commands) in zip(lent, batches, strict=True):
            packed = b"".join(map(_packed, commands))
            connection.send_packed_command([packed])
        replies = [
            [_reply(connection) for _ in commands]
            for (_, connection), (_, commands) in zip(lent, batches, strict=True)
        ]
        for (pool, connection), answers in zip(lent, replies, strict=True):
            # Nearly all are lists, and a look at their type is much cheaper than at their classes.
            if any(is_replaced(each) for each in answers if type(each) is not list):
                connection.disconnect()
                pool.disconnect(inuse_connections=False)
    except BaseException:
        # A reply that nobody has read would be taken for one of the next batch's.
        for _, connection in lent:
            connection.disconnect()
        raise
    else:
        return replies
    finally:
        for pool, connection in lent:
            pool.release(connection)


def _packed(words: Words | Packed) -> Packed:
    if isinstance(words, bytes):
        return words
    packed: Packed = pack_command(words)  # type: ignore[arg-type] # the stub says tuples of one
    return packed


def _check_connections(pools: Sequence["redis.ConnectionPool"], connections: int | None) -> None:
    """Refuse to go on over a connection that is not among so many."""
    opened = {pool.connection_kwargs["redis_connect_func"].opened for pool in pools}
    if connections is not None and opened != {connections}:
        raise ReconnectedError("a connection to Redis was opened anew")


def exchange_one(pool: "redis.ConnectionPool", words: Words) -> Any:  # noqa: ANN401 - the reply
    """Send one command; an error reply is raised too."""
    ((reply,),) = exchange([(pool, [words])])
    if isinstance(reply, redis.RedisError):
        raise reply
    return reply


def _reply(connection: Any) -> Any:  # noqa: ANN401 - redis-py's, and whatever the server says
    try:
        return connection.read_response(disable_decoding=True)
    except redis.ResponseError as error:
        return error
