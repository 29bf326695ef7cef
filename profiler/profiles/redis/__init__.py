"""Commands on their way to Redis: to one server, or to the nodes of a cluster.

Knows where a key lives and nothing of what is stored there: only
`profiler/profiles/steps.py` says what is sent about a visitor.
"""

from profiler.profiles.redis.cluster import ClusterNodes
from profiler.profiles.redis.detect import nodes_of
from profiler.profiles.redis.nodes import Command, Nodes, Word

__all__ = ["ClusterNodes", "Command", "Nodes", "Word", "nodes_of"]
