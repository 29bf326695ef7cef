"""One primary that holds all keys, and its replicas."""

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from profiler.config.addresses import Address
from profiler.profiles.reading.connections import Greeting, exchange, exchange_one, finding, pool_of
from profiler.profiles.reading.nodes import Question, by_question
from profiler.profiles.redis.connections import Target

if TYPE_CHECKING:
    import redis.asyncio as redis


class SingleNodes:
    """One primary, and the replicas that it names.

    Args:
        target: how to connect.
        pool: to the primary.
    """

    def __init__(self, target: Target, pool: "redis.ConnectionPool") -> None:
        self._pool = pool
        self._replica_pool = pool
        if target.places is not None:  # what has no address has no replicas that we could find
            self._find = finding(target.places)
            self._replica_pool = pool_of(target, Greeting(), self._replicas)
        self._known: list[Address] = []

    async def ask(
        self, questions: Sequence[Question], *, replicas: bool = False
    ) -> list[list[Any]]:
        """See `ReadNodes`."""
        pool = self._replica_pool if replicas else self._pool
        commands = [words for question in questions for words in question.commands]
        try:
            replies = await exchange(pool, commands)
        except RedisConnectionError:
            # The connection may have died in the pool, or its server may be another by now.
            replies = await exchange(pool, commands)
        return by_question(questions, replies)

    async def close(self) -> None:
        """See `ReadNodes`."""
        await self._pool.aclose()
        await self._replica_pool.aclose()

    async def _replicas(self) -> Sequence[Address]:
        """The replicas in any order, and the primary behind them."""
        try:
            role = await exchange_one(self._pool, ("ROLE",))
        except RedisError:
            # The primary is away; its replicas need not be.
            if not self._known:
                raise
            return random.sample(self._known, len(self._known))
        # A replica's own answer has no list: it is all that we were told of.
        listed = role[2] if role[0] == b"master" else []
        self._known = [Address(host.decode(), int(port)) for host, port, *_ in listed]
        return [*random.sample(self._known, len(self._known)), *await self._find()]
