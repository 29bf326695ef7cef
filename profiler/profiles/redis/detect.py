"""Which of the two it is."""

from typing import TYPE_CHECKING

import redis

from profiler.errors import ConfigError
from profiler.profiles.redis.cluster import ClusterNodes
from profiler.profiles.redis.exchange import exchange_one
from profiler.profiles.redis.single import SingleServer

if TYPE_CHECKING:
    from profiler.profiles.redis.nodes import Nodes


def nodes_of(client: "redis.Redis") -> "Nodes":
    """The servers behind a client's address; asks the one that answers there.

    HELLO says it, and needs no right, so that a single server's user keeps the few that it has.

    Raises:
        redis.RedisError: it cannot be reached, or refuses the login.
        ConfigError: it is a cluster's, and its address is a Unix socket; or it is no cluster, and
            one of several hosts, so that profiles would be where a connection happened to lead.
    """
    try:
        answer = exchange_one(client.connection_pool, ("HELLO",))
    except redis.ResponseError:
        # A proxy may not know the command; then there is one server, as far as we can see.
        return SingleServer(client)
    about = dict(zip(answer[::2], answer[1::2], strict=True))
    if about[b"mode"] == b"cluster":
        return ClusterNodes(client)
    if client.connection_pool.connection_kwargs.get("others"):
        raise ConfigError("redis.url names several hosts, and what answers there is no cluster")
    return SingleServer(client)
