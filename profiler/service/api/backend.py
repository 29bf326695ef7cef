"""What the handlers work with: the reader of profiles, the one who forgets, statistics."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field

from profiler.config.settings import Settings
from profiler.profiles.reading import ProfileReader
from profiler.profiles.script import ProfileScript
from profiler.rules.model import Rules
from profiler.service.api.auth import Authenticator
from profiler.service.api.stats import Stats
from profiler.service.sampling import sampled
from profiler.service.store import Store


class Forgetter:
    """Forgets visitors, one call at a time, in a thread of its own: the calls block.

    Its methods raise as `ProfileScript.apply` does.

    Args:
        script: of the rules; connects at its first call.
    """

    def __init__(self, script: ProfileScript) -> None:
        self._script = script
        # Not the loop's own threads: a Redis that hangs would keep all of them.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="forget")

    async def look(self, visitor_id: str) -> int:
        """How many profiles `forget` would remove."""
        return await self._in_thread(lambda: self._script.forgetting.look([visitor_id]))

    async def forget(self, visitor_id: str, *, till: int, keep_ms: int, now_ms: int) -> int:
        """See `profiler.profiles.forgetting.Forgetting.forget`."""
        return await self._in_thread(
            lambda: self._script.forgetting.forget(
                [visitor_id], till=till, keep_ms=keep_ms, now_ms=now_ms
            )
        )

    def close(self) -> None:
        """Take no further calls."""
        self._thread.shutdown(wait=False)

    async def _in_thread(self, call: Callable[[], int]) -> int:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


@dataclass(frozen=True)
class Backend:
    """What all handlers share.

    Attributes:
        settings: those in effect.
        rules: whose profiles are read.
        reader: reads them.
        forgetter: removes them.
        authenticator: says who may ask.
        stats: what is sampled every few seconds.
        store: takes the metrics.
        stopping: set when the service is asked to end, so that endless answers end.
    """

    settings: Settings
    rules: Rules
    reader: ProfileReader
    forgetter: Forgetter
    authenticator: Authenticator
    stats: Stats
    store: Store
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sample until the block ends, and give the connections up then."""
        with ExitStack() as stack:
            for name, sample in self.stats.samplers.items():
                stack.enter_context(sampled(name, sample))
            yield
        self.forgetter.close()
        await self.reader.close()
