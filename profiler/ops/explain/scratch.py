"""A server of our own, to which profiles are copied: nothing of a deployment changes."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from profiler.config.settings import RedisSettings
from profiler.errors import ConfigError, ProfilerError
from profiler.profiles.calls import Calls
from profiler.profiles.hashes import StoredHashes
from profiler.profiles.packing import Call
from profiler.profiles.redis import nodes_of
from profiler.profiles.redis.connections import connect, connect_to
from profiler.profiles.redis.faults import translating
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent, Rejected
from profiler.rules.model import Rules

if TYPE_CHECKING:
    import redis


class Scratch:
    """Profiles on a server of our own.

    Args:
        url: of that server.
        rules: of the profiles.
        script_of: makes the script of rules on that server.
        origin: the Redis that a visitor's profile is copied from before its first event, if any.
    """

    def __init__(
        self,
        url: str,
        rules: Rules,
        script_of: Callable[[Rules], ProfileScript],
        *,
        origin: RedisSettings | None,
    ) -> None:
        self._client = connect(url)
        self._origin: redis.Redis | None = connect_to(origin) if origin else None
        self.script_of = script_of
        self._copied: set[str] = set()
        self.script = script_of(rules)

    def calls_of(self, script: ProfileScript, events: Sequence[FlatEvent]) -> Calls:
        """Pack events, and copy the profiles of their visitors, where that was not done yet.

        Raises:
            StoreUnavailableError: the Redis that they are copied from cannot be reached.
            ProfilerError: it does not let us read.
        """
        calls = script.calls_of(events)
        for call in calls.made:
            if self._origin is not None and call.key not in self._copied:
                self._copy(self._origin, call.key)
                self._copied.add(call.key)
        return calls

    def _copy(self, origin: "redis.Redis", key: str) -> None:
        """Read the hash with one command, which changes nothing, and write it to our server."""
        with translating():
            hashes = StoredHashes(nodes_of(origin))
        try:
            [found] = hashes.read([key])
        except ConfigError as error:
            raise ProfilerError(f"{key} cannot be copied: {error}") from error
        if isinstance(found, Rejected):
            raise ProfilerError(f"{key} cannot be copied: {found.reason}")
        self.script.hashes.write({key: found})

    def stored(self, call: Call) -> list[dict[str, Any]]:
        """The profile of a call's visitor as each kept visit leaves it; none of an unknown one.

        Raises:
            ProfilerError: it cannot be read.
        """
        return self.script.read_visits(call.key, call.arguments[0], "")

    def forget(self, key: str) -> None:
        """Remove a profile from our server."""
        with translating():
            self._client.unlink(key)

    def close(self) -> None:
        """Hang up."""
        self._client.close()
        if self._origin is not None:
            self._origin.close()
