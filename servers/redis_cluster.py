"""A Redis Cluster on loopback: three primaries, and a replica of each."""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any, Self

import redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from profiler.servers.embedded import StoreServer
from profiler.servers.ports import LOOPBACK, free_port
from profiler.servers.processes import ServerStartError, wait_until
from servers.redis import redis_binary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PRIMARIES = 3
#: A failover takes about twice as long.
NODE_TIMEOUT_MS = 2_000
_PATIENCE_S = 60.0


class ClusterNode(StoreServer):
    """A server of the cluster, with an administrator's commands."""

    name = "cluster node"

    def __init__(self) -> None:
        """Choose the ports."""
        self.bus_port = free_port()
        cluster = ["--cluster-enabled", "yes", "--cluster-port", str(self.bus_port)]
        patience = ["--cluster-node-timeout", str(NODE_TIMEOUT_MS)]
        # Only a replica that was sent something shows in CLUSTER SLOTS, and a ping is something.
        patience += ["--repl-ping-replica-period", "1"]
        # A replica follows at once, and may take over however long it was cut off.
        replicas = ["--repl-diskless-sync-delay", "0", "--cluster-replica-validity-factor", "0"]
        replicas += ["--cluster-allow-replica-migration", "no"]  # who follows whom stays as it is
        super().__init__(redis_binary(), options=[*cluster, *patience, *replicas])

    def ask(self, *words: str | int) -> Any:  # noqa: ANN401 - as the server answers
        """Send one command."""
        with closing(redis.Redis.from_url(self.url, decode_responses=True)) as client:
            return client.execute_command(*words)  # type: ignore[no-untyped-call]

    @property
    def id(self) -> str:
        """The name that the cluster gives the node."""
        return str(self.ask("CLUSTER", "MYID"))

    @property
    def is_primary(self) -> bool:
        """Whether the node is a primary, which takes writes."""
        return bool(self.ask("ROLE")[0] == "master")

    def await_promotion(self) -> None:
        """Wait until the node is a primary."""
        _await(f"{self.url} to become a primary", lambda: self.is_primary)

    def has_slot(self, slot: int) -> bool:
        """Whether the node serves this slot, as far as it knows."""
        mine = [
            nodes[0]
            for first, last, *nodes in self.ask("CLUSTER", "SLOTS")
            if first <= slot <= last
        ]
        return [port for _, port, *_ in mine] == [self.port]

    def peers(self) -> int:
        """How many other nodes the node is connected with."""
        return str(self.ask("CLUSTER", "NODES")).count(" connected") - 1

    def is_content(self) -> bool:
        """Whether the node serves or follows its primary, and sees all slots served."""
        role = self.ask("ROLE")
        return "cluster_state:ok" in self.ask("CLUSTER", "INFO") and (
            role[0] == "master" or role[3] == "connected"
        )

    def replicas(self) -> int:
        """How many replicas it knows that could take over."""
        followers = {
            tuple(node[:2]) for _, _, _, *rest in self.ask("CLUSTER", "SLOTS") for node in rest
        }
        return len(followers)

    def errors(self, code: str) -> int:
        """How often the node answered with this error since it started."""
        found = self.ask("INFO", "errorstats").get(f"errorstat_{code}", {})
        return int(found.get("count", 0))

    def calls(self, command: str) -> int:
        """How often the node executed this command since it started."""
        found = self.ask("INFO", "commandstats").get(f"cmdstat_{command}", {})
        return int(found.get("calls", 0))


class RedisCluster:
    """A cluster: the context manager starts its nodes, joins them, and ends them.

    It is up after two seconds at the earliest: so long after its start Redis lets no primary serve.
    """

    def __init__(self, *, replicas: int = PRIMARIES) -> None:
        """Describe the nodes.

        Args:
            replicas: how many there are in all; the primaries get them in turn.
        """
        self.nodes = [ClusterNode() for _ in range(PRIMARIES + replicas)]
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """The address of a node that runs."""
        return next(node.url for node in self.nodes if node.running)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for node in self.nodes:
                stack.enter_context(node)
            self._join()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def primaries(self) -> list[ClusterNode]:
        """The primaries that run."""
        return [node for node in self.nodes if node.running and node.is_primary]

    def primary_of(self, key: str) -> ClusterNode:
        """The node that holds a key."""
        return next(node for node in self.primaries if node.has_slot(key_slot(key.encode())))

    def another_than(self, node: ClusterNode) -> ClusterNode:
        """A primary that is not this one."""
        return next(other for other in self.primaries if other is not node)

    def replica_of(self, primary: ClusterNode) -> ClusterNode:
        """The replica that would take over from this primary."""
        return next(
            node
            for node in self.nodes
            if node.running and not node.is_primary and node.ask("ROLE")[2] == primary.port
        )

    def errors(self, code: str) -> int:
        """How often all nodes that run answered with this error since they started."""
        return sum(node.errors(code) for node in self.nodes if node.running)

    def await_health(self) -> None:
        """Wait until every node that runs serves all slots and knows that each replica follows."""
        running = [node for node in self.nodes if node.running]
        _await("all slots to be served", lambda: all(node.is_content() for node in running))
        replicas = len(running) - len(self.primaries)
        _await("all replicas to be known", lambda: all(n.replicas() >= replicas for n in running))

    def move_slot(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        """Move a slot with its keys, step by step as ``redis-cli --cluster reshard`` does."""
        self.begin_move(slot, source, target)
        self.move_keys(slot, source, target)
        self.finish_move(slot, source, target)

    def begin_move(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        """From here on the source sends calls about keys that it does not have to the target."""
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)

    def move_keys(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        """Move all keys of the slot that the source has."""
        while keys := source.ask("CLUSTER", "GETKEYSINSLOT", slot, 10):
            source.ask("MIGRATE", LOOPBACK, target.port, "", 0, 5_000, "KEYS", *keys)

    def finish_move(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        """From here on the slot is the target's, and all primaries know it."""
        for node in dict.fromkeys((target, source, *self.primaries)):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", target.id)

    @contextmanager
    def new_primary(self) -> Iterator[ClusterNode]:
        """Add a primary without a slot; the block has to leave it without one."""
        with ClusterNode() as node:
            node.ask("CLUSTER", "MEET", LOOPBACK, self.nodes[0].port, self.nodes[0].bus_port)
            everybody = [*self.nodes, node]
            _await("all to know it", lambda: all(n.peers() == len(self.nodes) for n in everybody))
            _await("the new node to serve", node.is_content)
            yield node
            for other in self.nodes:
                other.ask("CLUSTER", "FORGET", node.id)

    def _join(self) -> None:
        first, *others = self.nodes
        for epoch, node in enumerate(self.nodes, start=1):
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", epoch)
        for node in others:
            node.ask("CLUSTER", "MEET", LOOPBACK, first.port, first.bus_port)
        _await("all nodes to meet", lambda: all(n.peers() == len(others) for n in self.nodes))
        share = -(-REDIS_CLUSTER_HASH_SLOTS // PRIMARIES)
        for index, primary in enumerate(self.nodes[:PRIMARIES]):
            last = min((index + 1) * share, REDIS_CLUSTER_HASH_SLOTS) - 1
            primary.ask("CLUSTER", "ADDSLOTSRANGE", index * share, last)
            for replica in self.nodes[PRIMARIES + index :: PRIMARIES]:
                replica.ask("CLUSTER", "REPLICATE", primary.id)
        self.await_health()


def _await(what: str, check: Callable[[], bool]) -> None:
    if not wait_until(check, timeout=_PATIENCE_S, interval=0.05):
        raise ServerStartError(f"waited {_PATIENCE_S:g} s for {what}")
