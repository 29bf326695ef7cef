"""The script as a Redis Function, for callers that prefer FCALL; the worker itself does not."""

from functools import cached_property
from typing import TYPE_CHECKING

from profiler.profiles.redis import Nodes, nodes_of
from profiler.profiles.redis.faults import translating
from profiler.rules.model import Rules
from profiler.rules.render import function_of, library_of, render

if TYPE_CHECKING:
    import redis


class ProfileFunction:
    """The script of one set of rules as a library of one function, both of the same name.

    The name carries the script's digest: old and new versions are there side by side.

    Args:
        client: from `profiler.profiles.redis.connections.connect`. Of a cluster any node will do.
        rules: rendered here, once.
    """

    def __init__(self, client: "redis.Redis", rules: Rules) -> None:
        self.rules = rules
        script = render(rules)
        self.name = function_of(script)
        self.text = library_of(script)
        self._client = client

    def register(self) -> None:
        """Load the library into the server, or into every primary of a cluster.

        Does no harm where it is loaded already: REPLACE takes the place of the same name only.
        Blocks for the connection's timeout at most, in a cluster for each primary.

        Raises:
            StoreUnavailableError: a server cannot be reached or is not ready.
            ConfigError: one refuses the login, or FUNCTION LOAD to this user.
        """
        with translating():
            self._nodes.call_everywhere(("FUNCTION", "LOAD", "REPLACE", self.text))

    def is_registered(self) -> bool:
        """Whether the server, or every primary, has the library now. Raises as `register` does."""
        with translating():
            found = self._nodes.call_everywhere(("FUNCTION", "LIST", "LIBRARYNAME", self.name))
        return all(found)

    @cached_property
    def _nodes(self) -> Nodes:
        return nodes_of(self._client)
