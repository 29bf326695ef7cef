"""What the script's caller needs of Redis, be it one server or a cluster."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import redis

#: A command and its arguments as redis-py packs them; text is sent as UTF-8.
Word = str | bytes | int
Words = tuple[Word, ...]


#: A command as it goes over the wire.
Packed = bytes


class Command(NamedTuple):
    """A command about one key, which says where to send it."""

    key: str
    words: Words | Packed


class Nodes(Protocol):
    """All servers that hold a share of the keys.

    Every method blocks for the connection's timeout at most, in a cluster for each node, and
    raises redis-py's errors and `StoreUnavailableError`. After an error any part of the commands
    may have been executed: repeat all of them, as they are.
    """

    #: What a client needs besides the commands that it is given: calls that change nothing.
    own_calls: Sequence[Words]

    def call(self, commands: Sequence[Command], *, connections: int | None = None) -> list[Any]:
        """Send commands in one go; a server executes its own in order, but for redirected ones.

        Args:
            commands: about keys of any servers.
            connections: how many connections may have been opened so far, if that matters.

        Returns:
            The replies in the order of the commands; error replies as exceptions, not raised.

        Raises:
            ReconnectedError: more were opened: a server may have lost what it acknowledged.
        """

    def call_everywhere(self, words: Words) -> list[Any]:
        """Send a command about no key to every server that may execute others.

        Returns:
            The replies; an error reply is raised.
        """

    def key_on_each(self, make_key: Callable[[], str]) -> list[str]:
        """Make keys until every server has one of them; returns one key of each server.

        A server that none of very many keys belongs to has none.
        """

    def servers(self) -> dict[str, "redis.Redis"]:
        """A client of each server, by its name."""
