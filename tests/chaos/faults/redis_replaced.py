"""Redis of several servers: what dies is replaced, and slots move."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from redis.crc import key_slot

from profiler.profiles.keys import key_of
from tests.chaos.stores import ClusterStores, LaggingPair, SentinelStores
from tests.integration.stops import suspended

if TYPE_CHECKING:
    from servers.redis_cluster import RedisCluster
    from tests.chaos.site import Site


#: Longer than the replica is behind.
_HEAD_START_S = 3.0


def promote(site: Site) -> None:
    """The primary dies, and a replica that is a second behind takes over its name."""
    assert isinstance(site.stores, LaggingPair)
    # A replica that has nothing at all of a partition looks like a Redis that was emptied.
    time.sleep(_HEAD_START_S)
    site.await_commits(400)
    site.stores.promote()
    site.faults += 1
    site.await_commits(300)


def sentinel_failover(site: Site) -> None:
    """The primary dies while its replica is behind, and Sentinel makes that the primary."""
    assert isinstance(site.stores, SentinelStores)
    sentinel = site.stores.sentinel
    site.await_commits(200)
    os.kill(sentinel.replica.pid, signal.SIGSTOP)
    time.sleep(0.4)  # less than the sentinels wait until they hold it for dead
    sentinel.primary.kill()
    os.kill(sentinel.replica.pid, signal.SIGCONT)
    site.faults += 1
    sentinel.await_failover()
    site.await_commits(300)


def reshard(site: Site) -> None:
    """Slots move to other primaries, key by key."""
    cluster = _cluster(site)
    for visitor in range(1, 13):
        slot = key_slot(key_of(site.key_prefix + "{<id>}", f"visitor-{visitor}").encode())
        source = next(node for node in cluster.primaries if node.has_slot(slot))
        move = (slot, source, cluster.another_than(source))
        cluster.begin_move(*move)
        cluster.move_keys(*move)
        site.faults += 1
        site.pause(0.1, 0.4)
        cluster.finish_move(*move)
    site.await_commits(100)


def hand_over(site: Site) -> None:
    """CLUSTER FAILOVER: each primary hands over to its replica."""
    cluster = _cluster(site)
    for primary in cluster.primaries:
        replica = cluster.replica_of(primary)
        replica.ask("CLUSTER", "FAILOVER")
        replica.await_promotion()
        site.faults += 1
        site.await_commits(100)
    cluster.await_health()


def kill_primary(site: Site) -> None:
    """A primary of a cluster dies, and its replica, which is behind, takes over."""
    cluster = _cluster(site)
    site.await_commits(200)
    primary = cluster.primaries[0]
    replica = cluster.replica_of(primary)
    # From here on the replica gets nothing, and cannot come back for it.
    with suspended(replica.pid):
        primary.ask("CLIENT", "KILL", "TYPE", "replica")
        site.pause(0.5, 1.0)
        primary.kill()
        site.faults += 1
    replica.await_promotion()
    site.await_commits(200)


def _cluster(site: Site) -> RedisCluster:
    assert isinstance(site.stores, ClusterStores)
    return site.stores.cluster
