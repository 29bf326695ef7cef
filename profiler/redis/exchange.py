"""Pipelines, one per connection: all are written before any reply is read.

redis-py's own pipeline builds Python objects for each command and looks each reply over again;
for the script's calls, which need neither, that takes more of the worker's time than packing
them. Its cluster pipeline takes no EVALSHA at all.
"""

from collections.abc import Sequence
from typing import Any

import redis

from profiler.redis.nodes import Words


def exchange(batches: Sequence[tuple["redis.ConnectionPool", Sequence[Words]]]) -> list[list[Any]]:
    """Send each batch to its server, so that the servers work at the same time.

    Args:
        batches: commands with the pool of their server; no pool comes twice.

    Returns:
        For each batch its replies in order, texts as bytes; error replies as exceptions.

    Raises:
        redis.RedisError: a connection was refused or lost, or an answer took too long.
    """
    lent: list[tuple[redis.ConnectionPool, Any]] = []
    try:
        for pool, commands in batches:
            connection: Any = pool.get_connection()
            lent.append((pool, connection))
            connection.send_packed_command(connection.pack_commands(commands))
        return [
            [_reply(connection) for _ in commands]
            for (_, connection), (_, commands) in zip(lent, batches, strict=True)
        ]
    except BaseException:
        # A reply that nobody has read would be taken for one of the next batch's.
        for _, connection in lent:
            connection.disconnect()
        raise
    finally:
        for pool, connection in lent:
            pool.release(connection)


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
