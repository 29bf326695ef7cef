"""The laptop's servers, under the name that they have had since the first version."""

from profiler.servers.embedded import EmbeddedBroker, EmbeddedStore

__all__ = ["EmbeddedBroker", "EmbeddedStore"]
