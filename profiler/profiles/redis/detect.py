"""What answers at an address: one server, or a node of a cluster."""

from typing import TYPE_CHECKING

import redis

from profiler.errors import ConfigError
from profiler.profiles.redis.cluster import ClusterNodes
from profiler.profiles.redis.connections import greeting_of
from profiler.profiles.redis.hello import Greeting
from profiler.profiles.redis.places import Hosts
from profiler.profiles.redis.sentinels import Sentinels
from profiler.profiles.redis.single import SingleServer

if TYPE_CHECKING:
    from profiler.profiles.redis.nodes import Nodes


def nodes_of(client: "redis.Redis") -> "Nodes":
    """The servers behind a client's address; connects, since the server says it then.

    A proxy may not say it; then there is one server, as far as we can see.

    Raises:
        redis.RedisError: it cannot be reached, or refuses the login.
        ConfigError: the client was not made by `connect`. Or it is a Sentinel. Or it is a cluster,
            and its address is a Unix socket or comes from Sentinel. Or it is no cluster, and one
            of several hosts, so that profiles would be where a connection happened to lead.
    """
    pool, greeting = client.connection_pool, greeting_of(client)
    try:
        pool.release(pool.get_connection())
    except redis.AuthenticationError:
        refuse_sentinel(client)
        raise
    places = pool.connection_kwargs.get("places")
    if greeting.mode == "cluster":
        if isinstance(places, Sentinels):
            raise ConfigError(
                "redis.url: a cluster needs no Sentinel; let it begin with redis:// or rediss://,"
                " and name nodes"
            )
        return ClusterNodes(client)
    if isinstance(places, Hosts) and len(places.addresses) > 1:
        raise ConfigError("redis.url names several hosts, and what answers there is no cluster")
    return SingleServer(client)


def refuse_sentinel(client: "redis.Redis") -> None:
    """Look whether what refused the login is a Sentinel that needs none.

    Raises:
        ConfigError: it is.
    """
    options = dict(client.connection_pool.connection_kwargs)
    options |= {"username": None, "password": None, "db": 0, "redis_connect_func": Greeting()}
    pool = redis.ConnectionPool(client.connection_pool.connection_class, **options)
    try:
        pool.release(pool.get_connection())
    except redis.RedisError:
        pass  # whatever it is, it does not say so
    finally:
        pool.disconnect()
