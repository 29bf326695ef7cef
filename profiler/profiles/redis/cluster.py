"""The primaries of a cluster: each call goes to the one that holds its key, wherever that moves."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS
from redis.exceptions import AskError, ClusterDownError, MovedError

from profiler.config.addresses import Address
from profiler.errors import ConfigError, StoreUnavailableError
from profiler.profiles.redis.exchange import exchange, exchange_one
from profiler.profiles.redis.nodes import Command, Packed, Words
from profiler.profiles.redis.places import Hosts
from profiler.profiles.redis.slots import SlotMap

#: A step of a reshard redirects a call twice at most: ASK, and MOVED when it is done.
_REDIRECTIONS = 16
#: So many keys leave no primary without one, be it of a single slot (but once in a million times).
_KEYS_PER_SLOT = 14
_ASKING: Words = ("ASKING",)
_SLOTS: Words = ("CLUSTER", "SLOTS")

#: Commands of one pipeline with the places of their replies; ASKING has none.
_Route = list[tuple[int | None, Words | Packed]]


class ClusterNodes:
    """`Nodes` that are many: one pipeline for each primary, all under way at the same time.

    The map of slots is asked for when it is first needed, and anew after a redirection or a
    fault. Redirections are followed here; a fault is raised, and it is for the caller to wait.

    Args:
        seed: a client of any node: its address is where to begin. All nodes' connections get its
            login, TLS and timeouts.

    Raises:
        ConfigError: the client uses a Unix socket, which leads to one node only.
    """

    own_calls: Sequence[Words] = (_SLOTS, _ASKING)

    def __init__(self, seed: "redis.Redis") -> None:
        self._seed = seed.connection_pool
        if "places" not in self._seed.connection_kwargs:
            raise ConfigError("redis.url: a cluster is reached by redis:// or rediss://")
        self._pools: dict[Address, redis.ConnectionPool] = {}
        self._map: SlotMap | None = None
        #: Asked for the next map before any other: it knows what moved.
        self._moved_to: list[Address] = []
        self._known: set[Address] = set()
        #: To which a slot is being moved; such a node may not have one yet, and so not be mapped.
        self._importing: set[Address] = set()

    def call(self, commands: Sequence[Command], *, connections: int | None = None) -> list[Any]:
        """See `Nodes`."""
        replies: list[Any] = [None] * len(commands)
        #: By place, the node that an ASK names, for this one time.
        pending: dict[int, Address | None] = dict.fromkeys(range(len(commands)))
        for _ in range(_REDIRECTIONS):
            routes = self._routes(commands, pending)
            pending = {}
            found = self._exchange(routes, connections)
            for route, answers in zip(routes.values(), found, strict=True):
                for (place, _words), answer in zip(route, answers, strict=True):
                    if place is None:
                        if isinstance(answer, redis.RedisError):
                            raise answer
                        continue
                    replies[place] = answer
                    if isinstance(answer, AskError):  # and MovedError
                        pending[place] = self._redirected(answer)
                    elif isinstance(answer, ClusterDownError):
                        self._map = None
            if not pending:
                return replies
        raise StoreUnavailableError(
            "slots of the cluster move faster than calls can follow", "moved"
        )

    def call_everywhere(self, words: Words) -> list[Any]:
        """See `Nodes`."""
        targets = {*self.slots().replicas, *self._importing}
        answers = [answer for (answer,) in self._exchange({at: [(0, words)] for at in targets})]
        for answer in answers:
            if isinstance(answer, redis.RedisError):
                raise answer
        return answers

    def key_on_each(self, make_key: Callable[[], str]) -> list[str]:
        """See `Nodes`."""
        slots = self.slots()
        keys: dict[Address | None, str] = {}
        for _ in range(_KEYS_PER_SLOT * REDIS_CLUSTER_HASH_SLOTS):
            if slots.replicas.keys() <= keys.keys():
                break
            key = make_key()
            keys.setdefault(slots.primary_of(key), key)
        keys.pop(None, None)
        return list(keys.values())

    def servers(self) -> dict[str, "redis.Redis"]:
        """See `Nodes`."""
        primaries = sorted(self.slots().replicas)
        return {f"redis {at}": redis.Redis(connection_pool=self._pool(at)) for at in primaries}

    def slots(self) -> SlotMap:
        """The map as it was last told, or is told now.

        Raises:
            redis.RedisError: no node tells; the last one's reason.
        """
        if self._map is None:
            self._map = self._ask()
            self._moved_to.clear()
            self._importing.clear()
            self._known = self._map.addresses()
            for address in self._pools.keys() - self._known:
                self._pools.pop(address).disconnect(inuse_connections=False)
        return self._map

    def _ask(self) -> SlotMap:
        # In another order each time, so that no node that hangs, or is cut off, comes first again.
        known = random.sample(sorted(self._known), len(self._known))
        pools = [*map(self._pool, (*self._moved_to, *known)), self._seed]
        reason = redis.RedisError()
        for pool in pools:
            try:
                asked = pool.connection_kwargs["places"]()[0]
                return SlotMap(exchange_one(pool, _SLOTS), asked.host)
            except redis.RedisError as error:
                reason = error
        raise reason

    def _routes(
        self, commands: Sequence[Command], pending: Mapping[int, Address | None]
    ) -> dict[Address, _Route]:
        slots = self.slots()
        routes: dict[Address, _Route] = {}
        for place, asked in pending.items():
            key, words = commands[place]
            address = asked or slots.primary_of(key)
            if address is None:
                self._map = None
                raise StoreUnavailableError(
                    "a slot of the cluster is served by no primary", "clusterdown"
                )
            route = routes.setdefault(address, [])
            if asked:
                route.append((None, _ASKING))
            route.append((place, words))
        return routes

    def _exchange(
        self, routes: Mapping[Address, _Route], connections: int | None = None
    ) -> list[list[Any]]:
        pipelines = [
            (self._pool(at), [words for _, words in route]) for at, route in routes.items()
        ]
        try:
            return exchange(pipelines, connections=connections)
        except redis.RedisError:
            self._map = None  # another node may have taken its place
            raise

    def _redirected(self, answer: AskError) -> Address | None:
        """Remember where a call belongs; the node that must be asked for it this time only."""
        address = Address(answer.host, answer.port)
        if isinstance(answer, MovedError):
            self._map = None
            self._moved_to.append(address)
            return None
        self._importing.add(address)
        return address

    def _pool(self, address: Address) -> "redis.ConnectionPool":
        if address not in self._pools:
            seed = self._seed
            options = seed.connection_kwargs | {"places": Hosts([address])}
            self._pools[address] = redis.ConnectionPool(seed.connection_class, **options)
        return self._pools[address]
