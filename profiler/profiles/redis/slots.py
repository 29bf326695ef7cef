"""Which node of a cluster holds which slot."""

from collections.abc import Sequence
from typing import Any

from redis.crc import REDIS_CLUSTER_HASH_SLOTS as SLOTS
from redis.crc import key_slot

from profiler.config.addresses import Address


class SlotMap:
    """What one node of the cluster believes, when it is asked.

    Attributes:
        replicas: the addresses of each primary's replicas; primaries without a slot are missing.

    Args:
        ranges: the reply to CLUSTER SLOTS: first and last slot, and for the primary and each
            replica host, port and more. A node that does not know its own host leaves it out.
        asked: the host of the node that answered.
    """

    def __init__(self, ranges: Sequence[Sequence[Any]], asked: str) -> None:
        self.replicas: dict[Address, set[Address]] = {}
        self._primaries: list[Address | None] = [None] * SLOTS
        for first, last, *nodes in ranges:
            primary, *replicas = (
                Address(host.decode() if host else asked, port) for host, port, *_ in nodes
            )
            self._primaries[first : last + 1] = [primary] * (last + 1 - first)
            self.replicas.setdefault(primary, set()).update(replicas)

    @property
    def uncovered(self) -> int:
        """How many slots no primary serves."""
        return self._primaries.count(None)

    def primary_of(self, key: str) -> Address | None:
        """The node that the key lives on, where there is one."""
        return self._primaries[key_slot(key.encode())]

    def addresses(self) -> set[Address]:
        """All nodes that serve a slot or replicate one."""
        return set(self.replicas).union(*self.replicas.values())
