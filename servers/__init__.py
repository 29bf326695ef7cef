"""Real servers for tests and benches: Kafka, Redis, their clusters and certificates."""

from servers.sources import USED, MissingServerError

__all__ = ["USED", "MissingServerError"]
