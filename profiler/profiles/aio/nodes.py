"""The servers that are asked about keys: one, its replicas, or the nodes of a cluster."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import redis.asyncio as redis
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    RedisError,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)

from profiler.config.addresses import Address
from profiler.errors import ConfigError, StoreUnavailableError
from profiler.profiles.aio.connections import (
    Greeting,
    exchange,
    exchange_one,
    finding,
    pool_of,
)
from profiler.profiles.redis.connections import Target
from profiler.profiles.redis.nodes import Words
from profiler.profiles.redis.places import Hosts
from profiler.profiles.redis.sentinels import Sentinels
from profiler.profiles.redis.slots import SlotMap

#: While a slot moves, a call may be redirected twice; once more after a failover.
_ATTEMPTS = 5
_ASKING: Words = ("ASKING",)
_SLOTS: Words = ("CLUSTER", "SLOTS")


class Question(NamedTuple):
    """Commands about one key, which say nothing to change; they go to the same server."""

    key: str
    commands: Sequence[Words]


class ReadNodes(Protocol):
    """Servers that are asked; each call may be repeated."""

    async def ask(
        self, questions: Sequence[Question], *, replicas: bool = False
    ) -> list[list[Any]]:
        """Ask in one go.

        Args:
            questions: about keys of any servers.
            replicas: whether replicas are asked, where there are some.

        Returns:
            For each question the replies to its commands; error replies as exceptions.

        Raises:
            RedisError: a server cannot be reached, or takes too long.
            StoreUnavailableError: a cluster does not serve a slot.
        """

    async def close(self) -> None:
        """Give the connections up."""


async def nodes_of(target: Target) -> ReadNodes:
    """The servers behind an address; connects, since the server says it then.

    Raises:
        RedisError: it cannot be reached, or refuses the login.
        ConfigError: see `profiler.profiles.redis.detect.nodes_of`.
    """
    places = target.places
    greeting = Greeting(needs_primary=isinstance(places, Sentinels))
    pool = pool_of(target, greeting, None if places is None else finding(places))
    try:
        await pool.release(await pool.get_connection())  # type: ignore[no-untyped-call]
    except BaseException:
        await pool.aclose()
        raise
    if greeting.mode != "cluster":
        return SingleNodes(target, pool)
    await pool.aclose()
    if not isinstance(places, Hosts):
        raise ConfigError("redis.url: a cluster is reached by redis:// or rediss://, at its nodes")
    return ClusterReads(target, places.addresses)


class SingleNodes:
    """One primary, and the replicas that it names.

    Args:
        target: how to connect.
        pool: to the primary.
    """

    def __init__(self, target: Target, pool: redis.ConnectionPool) -> None:
        self._pool = pool
        replicas = pool_of(target, Greeting(), self._replicas)
        # What has no address of its own has no replicas that we could find.
        self._replica_pool = pool if target.places is None else replicas
        self._find = None if target.places is None else finding(target.places)
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
        return _by_question(questions, replies)

    async def close(self) -> None:
        """See `ReadNodes`."""
        await self._pool.aclose()
        await self._replica_pool.aclose()

    async def _replicas(self) -> Sequence[Address]:
        """The replicas in any order, and the primary behind them."""
        assert self._find is not None  # noqa: S101 - there is no such pool else
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


class _Route(NamedTuple):
    """Where questions go."""

    at: Address
    is_asking: bool = False
    is_replica: bool = False


class ClusterReads:
    """The nodes of a cluster: each key is asked of its primary, or of one of its replicas.

    The map of slots is asked for when it is first needed, and anew after a redirection or a fault.

    Args:
        target: how to connect to each of them.
        seeds: nodes to begin with.
    """

    def __init__(self, target: Target, seeds: Iterable[Address]) -> None:
        self._target = target
        self._seeds = tuple(seeds)
        #: By address, and by whether a replica there answers by itself.
        self._pools: dict[tuple[Address, bool], redis.ConnectionPool] = {}
        self._map: SlotMap | None = None
        self._asking = asyncio.Lock()

    async def ask(
        self, questions: Sequence[Question], *, replicas: bool = False
    ) -> list[list[Any]]:
        """See `ReadNodes`."""
        answers: list[list[Any]] = [[] for _ in questions]
        #: By place, the node that an ASK names, for this one time.
        pending: dict[int, Address | None] = dict.fromkeys(range(len(questions)))
        for attempt in range(_ATTEMPTS):
            try:
                redirected = await self._ask_once(questions, pending, answers, replicas=replicas)
            except RedisError:
                self._map = None  # another node may have taken its place
                if attempt:
                    raise
                continue
            if not redirected:
                return answers
            pending = redirected
        raise StoreUnavailableError("slots of the cluster move faster than calls follow", "moved")

    async def close(self) -> None:
        """See `ReadNodes`."""
        for pool in self._pools.values():
            await pool.aclose()

    async def _ask_once(
        self,
        questions: Sequence[Question],
        pending: dict[int, Address | None],
        answers: list[list[Any]],
        *,
        replicas: bool,
    ) -> dict[int, Address | None]:
        """Ask what is pending, fill in the answers, and return what was redirected."""
        slots = await self._slots()
        routes: dict[_Route, list[int]] = {}
        for place, asked in pending.items():
            primary = slots.primary_of(questions[place].key)
            if primary is None:
                self._map = None
                raise StoreUnavailableError("a slot is served by no primary", "clusterdown")
            others = sorted(slots.replicas[primary]) if replicas else []
            if asked:
                route = _Route(asked, is_asking=True)
            elif others:
                route = _Route(random.choice(others), is_replica=True)  # noqa: S311 - spreads the load
            else:
                route = _Route(primary)
            routes.setdefault(route, []).append(place)
        redirected: dict[int, Address | None] = {}
        pipelines = [
            self._ask_node(route, [questions[place] for place in places])
            for route, places in routes.items()
        ]
        for places, found in zip(routes.values(), await asyncio.gather(*pipelines), strict=True):
            for place, replies in zip(places, found, strict=True):
                answers[place] = replies
                for reply in replies:
                    if isinstance(reply, AskError):  # and MovedError
                        redirected[place] = self._redirected(reply)
                    elif isinstance(reply, ClusterDownError):
                        self._map = None
        return redirected

    async def _ask_node(self, route: _Route, questions: Sequence[Question]) -> list[list[Any]]:
        pool = self._pool(route.at, is_replica=route.is_replica)
        commands = [words for question in questions for words in question.commands]
        if not route.is_asking:
            return _by_question(questions, await exchange(pool, commands))
        sent = [each for words in commands for each in (_ASKING, words)]
        return _by_question(questions, (await exchange(pool, sent))[1::2])

    def _redirected(self, answer: AskError) -> Address | None:
        if isinstance(answer, MovedError):
            self._map = None
            return None
        return Address(answer.host, answer.port)

    async def _slots(self) -> SlotMap:
        async with self._asking:  # one asks, and all who wait have the answer
            if self._map is None:
                self._map = await self._ask_for_slots()
                known = self._map.addresses()
                for gone in [each for each in self._pools if each[0] not in known]:
                    await self._pools.pop(gone).disconnect(inuse_connections=False)
            return self._map

    async def _ask_for_slots(self) -> SlotMap:
        # In another order each time, so that no node that hangs comes first again.
        known = [address for address, _ in random.sample(sorted(self._pools), len(self._pools))]
        reason = RedisError()
        for address in dict.fromkeys([*known, *self._seeds]):
            try:
                return SlotMap(await exchange_one(self._pool(address), _SLOTS), address.host)
            except RedisError as error:
                reason = error
        raise reason

    def _pool(self, address: Address, *, is_replica: bool = False) -> redis.ConnectionPool:
        if (address, is_replica) not in self._pools:
            find = finding(Hosts([address]))
            pool = pool_of(self._target, Greeting(reads_only=is_replica), find)
            self._pools[address, is_replica] = pool
        return self._pools[address, is_replica]


def _by_question(questions: Sequence[Question], replies: Sequence[Any]) -> list[list[Any]]:
    each = iter(replies)
    return [[next(each) for _ in question.commands] for question in questions]
