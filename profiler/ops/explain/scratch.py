"""A server of our own, to which profiles are copied: nothing of a deployment changes."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from profiler.config.settings import RedisSettings
from profiler.errors import ProfilerError
from profiler.profiles.calls import Calls
from profiler.profiles.packing import Call
from profiler.profiles.redis import Command, nodes_of
from profiler.profiles.redis.connections import connect, connect_to
from profiler.profiles.redis.faults import checked, translating
from profiler.profiles.reply import ReplyDecoder
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
        self._decoder = ReplyDecoder(rules)
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
            [found] = nodes_of(origin).call([Command(key, ("HGETALL", key))])
        if isinstance(found, Exception):
            if str(found).startswith(("WRONGTYPE", "NOPERM")):
                raise ProfilerError(f"{key} cannot be copied: {found}") from found
            checked(found)
        pairs = (
            found if isinstance(found, dict) else dict(zip(found[::2], found[1::2], strict=True))
        )
        if pairs:
            self._client.hset(key, mapping=pairs)

    def stored(self, call: Call) -> list[dict[str, Any]]:
        """The profile of a call's visitor as each kept visit leaves it; none of an unknown one.

        Raises:
            ProfilerError: it cannot be read.
        """
        visitor_id = call.arguments[0]
        if self.script.rules.order == "event_time":
            return self.script.read_visits(call.key, visitor_id, "")
        reply = self.script.call([call.key], [visitor_id, ""])
        if isinstance(reply, Rejected):
            raise ProfilerError(f"{call.key}: {reply.reason}")
        found = self._decoder.stored(reply)
        return [] if found is None else [found]

    def forget(self, key: str) -> None:
        """Remove a profile from our server."""
        with translating():
            self._client.unlink(key)

    def close(self) -> None:
        """Hang up."""
        self._client.close()
        if self._origin is not None:
            self._origin.close()
