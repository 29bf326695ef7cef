"""The nodes of a cluster, for reading."""

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from redis.exceptions import AskError, ClusterDownError, MovedError, RedisError

from profiler.config.addresses import Address
from profiler.errors import StoreUnavailableError
from profiler.profiles.reading.connections import Greeting, exchange, exchange_one, finding, pool_of
from profiler.profiles.reading.nodes import Question, by_question
from profiler.profiles.redis.connections import Target
from profiler.profiles.redis.nodes import Words
from profiler.profiles.redis.places import Hosts
from profiler.profiles.redis.slots import SlotMap

if TYPE_CHECKING:
    import redis.asyncio as redis

#: While a slot moves, a call may be redirected twice; once more after a failover.
_ATTEMPTS = 5
_ASKING: Words = ("ASKING",)
_SLOTS: Words = ("CLUSTER", "SLOTS")


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
        pending: Mapping[int, Address | None],
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
            return by_question(questions, await exchange(pool, commands))
        sent = [each for words in commands for each in (_ASKING, words)]
        return by_question(questions, (await exchange(pool, sent))[1::2])

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

    def _pool(self, address: Address, *, is_replica: bool = False) -> "redis.ConnectionPool":
        if (address, is_replica) not in self._pools:
            find = finding(Hosts([address]))
            pool = pool_of(self._target, Greeting(reads_only=is_replica), find)
            self._pools[address, is_replica] = pool
        return self._pools[address, is_replica]
