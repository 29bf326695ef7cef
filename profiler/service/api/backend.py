"""What the handlers work with: the reader of profiles, the one who forgets, statistics."""

import asyncio
import threading
from collections.abc import AsyncIterator
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
    """Forgets visitors, one call at a time; its calls block, so they are made in threads.

    Args:
        script: of the rules; connects at its first call.
    """

    def __init__(self, script: ProfileScript) -> None:
        self._script = script
        self._lock = threading.Lock()

    def look(self, visitor_id: str) -> int:
        """How many profiles `forget` would remove. Raises as `ProfileScript.apply` does."""
        with self._lock:
            return self._script.forgetting.look([visitor_id])

    def forget(self, visitor_id: str, *, till: int, keep_ms: int, now_ms: int) -> int:
        """See `profiler.profiles.forgetting.Forgetting.forget`."""
        with self._lock:
            return self._script.forgetting.forget(
                [visitor_id], till=till, keep_ms=keep_ms, now_ms=now_ms
            )


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
        await self.reader.close()
