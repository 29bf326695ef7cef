"""One server that holds all keys."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from profiler.profiles.redis.exchange import exchange, exchange_one
from profiler.profiles.redis.nodes import Command, Words

if TYPE_CHECKING:
    import redis


class SingleServer:
    """`Nodes` that are one.

    Args:
        client: whose connections are used.
    """

    own_calls: Sequence[Words] = ()

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client

    def call(self, commands: Sequence[Command], *, connections: int | None = None) -> list[Any]:
        """See `Nodes`."""
        pipeline = self._client.connection_pool, [words for _, words in commands]
        (replies,) = exchange([pipeline], connections=connections)
        return replies

    def call_everywhere(self, words: Words) -> list[Any]:
        """See `Nodes`."""
        return [exchange_one(self._client.connection_pool, words)]

    def key_on_each(self, make_key: Callable[[], str]) -> list[str]:
        """See `Nodes`."""
        return [make_key()]

    def servers(self) -> dict[str, "redis.Redis"]:
        """See `Nodes`."""
        return {"redis": self._client}
