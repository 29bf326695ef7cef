"""The caller of the Lua script for asyncio, on redis-py's own asyncio client and its public API.

What is sent, and what the replies mean, is in `profiler.profiles.steps`, for this caller and for
the one that blocks.
"""

import time
from collections.abc import Sequence
from typing import Any, Self, TypeAlias

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from profiler.config.redis_url import parse_redis_url
from profiler.errors import ConfigError
from profiler.profiles.inspect import StoredProfile
from profiler.profiles.keyed_hash import PLAIN, StoredIds
from profiler.profiles.redis import Word
from profiler.profiles.redis.faults import translating
from profiler.profiles.reply import Outcome, Reply
from profiler.profiles.steps import Everywhere, Load, Result, ScriptSteps, Step, Steps
from profiler.records.times import Clock
from profiler.records.types import FlatEvent
from profiler.rules.model import Rules, load_rules

AsyncClient: TypeAlias = Redis | RedisCluster


class AsyncProfileScript:
    """The registered script of one set of rules, as `ProfileScript`, for asyncio.

    Tasks may share it. Two calls of one visitor may then be under way together, and Redis takes
    them in either order; where events name a stream, let one task apply them.

    Args:
        client: of one server or of a cluster, with replies as bytes and no retries of its own: a
            call that is repeated in silence may count an event without an id twice.
        rules: see `ProfileScript`, and so for all other arguments.
        max_id_bytes: likewise.
        clock: likewise.
        stored: likewise.
    """

    def __init__(
        self,
        client: AsyncClient,
        rules: Rules,
        *,
        max_id_bytes: int = 512,
        clock: Clock = lambda: time.time_ns() // 1_000_000,
        stored: StoredIds = PLAIN,
    ) -> None:
        self._client = client
        self._steps = ScriptSteps(rules, max_id_bytes=max_id_bytes, clock=clock, stored=stored)
        self.rules = rules

    @staticmethod
    def connect(
        url: str,
        rules: Rules | str = "standard",
        *,
        timeout_s: float = 5.0,
        cluster: bool = False,
    ) -> "AsyncProfileScript":
        """A caller with a client of its own; it connects at the first call.

        Args:
            url: ``redis://``, ``rediss://`` or ``unix://``.
            rules: from `profiler.Rules`, or a preset's name, or the path of a rules file.
            timeout_s: to connect, and to wait for one answer.
            cluster: whether the URL names a node of a cluster.

        Raises:
            ConfigError: the address or the rules are wrong.
        """
        try:
            parsed = parse_redis_url(url)
        except ValueError as error:
            raise ConfigError(f"redis.{error}") from None
        if parsed.service or len(parsed.addresses) > 1:
            raise ConfigError("redis.url: one host here; make a client of Sentinel's yourself")
        loaded = load_rules(rules) if isinstance(rules, str) else rules
        kind = RedisCluster if cluster else Redis
        client = kind.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
        )
        return AsyncProfileScript(client, loaded)

    async def aclose(self) -> None:
        """Hang up; at the next call it would connect again."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def text(self) -> str:
        """The script."""
        return self._steps.text

    @property
    def sha(self) -> str:
        """The name under which Redis keeps it."""
        return self._steps.sha

    async def register(self) -> None:
        """Load the script. Raises as `ProfileScript.register` does."""
        await self._run(self._steps.register())

    async def is_registered(self) -> bool:
        """Whether it is loaded everywhere. Raises as `ProfileScript.is_registered` does."""
        return await self._run(self._steps.is_registered())

    async def apply(self, events: Sequence[FlatEvent]) -> list[Outcome]:
        """Fold a batch, one outcome per event. Raises as `ProfileScript.apply` does."""
        return await self._run(self._steps.apply(events))

    async def call(self, keys: Sequence[str], arguments: Sequence[Word]) -> Reply:
        """Make one call with KEYS and ARGV. Raises as `ProfileScript.call` does."""
        return await self._run(self._steps.call(keys, arguments))

    async def fields(self) -> list[str]:
        """The names of the profile's fields. Raises as `ProfileScript.fields` does."""
        return await self._run(self._steps.fields())

    async def read(self, visitor_id: str, *, now: int | None = None) -> dict[str, Any] | None:
        """The stored profile. Raises as `ProfileScript.read` does; `now` as in `look_up`."""
        found = await self.look_up(visitor_id, now=now)
        return found and found.profile

    async def look_up(self, visitor_id: str, *, now: int | None = None) -> StoredProfile | None:
        """The same with what is known about the hash. Raises as `ProfileScript.look_up` does."""
        return await self._run(self._steps.look_up(visitor_id, now))

    async def _run(self, steps: Steps[Result]) -> Result:
        replies = None  # which starts it
        while True:
            try:
                step = steps.send(replies)
            except StopIteration as done:
                result: Result = done.value
                return result
            replies = await self._carried_out(step)

    async def _carried_out(self, step: Step) -> list[Any]:
        if isinstance(step, Load):
            await self.register()
            return []
        with translating():
            pipeline = self._client.pipeline(transaction=False)
            if not isinstance(step, Everywhere):
                # A cluster's pipeline sorts them by node, and follows what was moved.
                for _, words in step:
                    pipeline.execute_command(*words)
            elif isinstance(self._client, RedisCluster):
                await self._client.initialize()
                # The library knows this command by two words with a space between.
                command, part, *others = step.words
                for primary in self._client.get_primaries():
                    pipeline.execute_command(f"{command!s} {part!s}", *others, target_nodes=primary)
            else:
                pipeline.execute_command(*step.words)
            replies: list[Any] = await pipeline.execute(raise_on_error=isinstance(step, Everywhere))
            return replies
