"""A Redis Cluster as a whole: is every visitor served, and would one lost node change that?"""

from redis.crc import REDIS_CLUSTER_HASH_SLOTS
from redis.exceptions import NoPermissionError

from profiler.ops.check.findings import Finding, Subject
from profiler.ops.units import count_of
from profiler.profiles.redis import ClusterNodes, Nodes

_REDIS = Subject("redis")


def check_cluster(nodes: Nodes) -> Finding:
    """One row, also where there is no cluster.

    Raises:
        redis.RedisError: no node answers.
    """
    if not isinstance(nodes, ClusterNodes):
        return _REDIS.ok("cluster", "off")
    try:
        slots = nodes.slots()
    except NoPermissionError as error:
        return _REDIS.failed(
            "cluster", f"it may not be asked where keys are: {error}", "grant +cluster|slots"
        )
    if slots.uncovered:
        return _REDIS.failed(
            "cluster",
            f"{slots.uncovered:,} of {REDIS_CLUSTER_HASH_SLOTS:,} slots are served by no primary:"
            " workers wait",
            "redis-cli --cluster check, then --cluster fix",
        )
    alone = [str(primary) for primary, replicas in slots.replicas.items() if not replicas]
    found = f"{count_of(len(slots.replicas), 'primary', 'primaries')}, every slot is served"
    if alone:
        return _REDIS.warning(
            "cluster",
            f"{found}; no replica takes over from {', '.join(alone)}: workers would wait",
            "redis-cli --cluster add-node … --cluster-slave",
        )
    return _REDIS.ok("cluster", f"{found}, each has a replica")
