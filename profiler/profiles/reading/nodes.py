"""What a reader needs of Redis, be it one server or a cluster."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from profiler.profiles.redis.nodes import Words


class Question(NamedTuple):
    """Commands about one key, which say nothing to change; they go to the same server."""

    key: str
    commands: Sequence[Words]


class ReadNodes(Protocol):
    """Servers that are asked; each call may be repeated."""

    async def ask(
        self, questions: Sequence[Question], *, replicas: bool = False
    ) -> list[list[Any]]:
        """Ask in one go.

        Args:
            questions: about keys of any servers.
            replicas: whether replicas are asked, where there are some.

        Returns:
            For each question the replies to its commands; error replies as exceptions.

        Raises:
            RedisError: a server cannot be reached, or takes too long.
            StoreUnavailableError: a cluster does not serve a slot.
        """

    async def close(self) -> None:
        """Give the connections up."""


def by_question(questions: Sequence[Question], replies: Sequence[Any]) -> list[list[Any]]:
    """The replies to all commands, by the questions that the commands are of."""
    each = iter(replies)
    return [[next(each) for _ in question.commands] for question in questions]
