"""What answers at an address: one server, or a node of a cluster."""

from profiler.errors import ConfigError
from profiler.profiles.reading.cluster import ClusterReads
from profiler.profiles.reading.connections import Greeting, exchange, finding, pool_of
from profiler.profiles.reading.nodes import ReadNodes
from profiler.profiles.reading.single import SingleNodes
from profiler.profiles.redis.connections import Target
from profiler.profiles.redis.places import Hosts
from profiler.profiles.redis.sentinels import Sentinels


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
        await exchange(pool, [])
    except BaseException:
        await pool.aclose()
        raise
    if greeting.mode != "cluster":
        return SingleNodes(target, pool)
    await pool.aclose()
    if not isinstance(places, Hosts):
        raise ConfigError("redis.url: a cluster is reached by redis:// or rediss://, at its nodes")
    return ClusterReads(target, places.addresses)
