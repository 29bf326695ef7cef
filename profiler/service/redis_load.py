"""How busy each primary of Redis is, asked every few seconds over a connection of its own.

The worker's connections count: one that is opened anew makes it look for lost writes. So they are
not used here. The right to INFO is not among a worker's; without it there are no such metrics.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple

import redis
import structlog

from profiler.config.connections import RedisSettings
from profiler.errors import ProfilerError
from profiler.profiles.redis import nodes_of
from profiler.profiles.redis.connections import connect_to
from profiler.service import metrics
from profiler.service.store import Store

if TYPE_CHECKING:
    from profiler.profiles.redis import Nodes

_LOG = structlog.get_logger("profiler.metrics")

EVERY_S = 5.0

#: What the server counts calls of scripts as.
_SCRIPTS = ("cmdstat_evalsha", "cmdstat_eval", "cmdstat_fcall")


class Usage(NamedTuple):
    """What one primary has used since its start.

    Attributes:
        at_s: when it said so, by our monotonic clock.
        cpu_s: of the thread that executes commands.
        script_s: inside scripts.
        calls: of scripts.
    """

    at_s: float
    cpu_s: float
    script_s: float
    calls: int


class RedisLoad:
    """Asks all primaries, and stores what they say.

    Args:
        settings: how to reach one of them.
        store: takes the metrics.
        clock: seconds, monotonic.
    """

    def __init__(
        self, settings: RedisSettings, store: Store, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._nodes: Nodes | None = None
        self._before: Mapping[str, Usage] = {}

    def sample(self, over: Event) -> None:
        """Ask every few seconds, until it is over or is not allowed."""
        while self.look() and not over.wait(EVERY_S):
            pass

    def look(self) -> bool:
        """Ask once; blocks for the timeout of Redis at most, for each primary.

        Returns:
            Whether to ask again: not where the user has no right to INFO.
        """
        try:
            found = dict(self._usage())
        except redis.exceptions.NoPermissionError:
            _LOG.info(
                "no metrics of redis itself: its user may not call INFO",
                remedy="grant +info, see docs/monitoring.md",
            )
            return False
        except (redis.RedisError, ProfilerError) as error:
            # The worker itself says what is wrong. Another map of a cluster is asked for.
            _LOG.debug("redis does not tell how busy it is", error=str(error))
            self._nodes, found = None, {}
        self._tell(found)
        self._before = found
        return True

    def _usage(self) -> Iterator[tuple[str, Usage]]:
        if self._nodes is None:
            self._nodes = nodes_of(connect_to(self._settings))
        for name, server in self._nodes.servers().items():
            primary = name.removeprefix("redis ")
            yield primary, usage_of(server.info("cpu"), server.info("commandstats"), self._clock())

    def _tell(self, found: Mapping[str, Usage]) -> None:
        busy = [
            ((primary,), max(0.0, now.cpu_s - before.cpu_s) / (now.at_s - before.at_s))
            for primary, now in found.items()
            if (before := self._before.get(primary)) is not None and now.at_s > before.at_s
        ]
        with self._store.together():
            self._store.replace(metrics.REDIS_BUSY, busy)
            scripts = [((primary,), usage.script_s) for primary, usage in found.items()]
            self._store.replace(metrics.SCRIPT_TIME, scripts)
            calls = [((primary,), usage.calls) for primary, usage in found.items()]
            self._store.replace(metrics.SCRIPT_CALLS, calls)


def usage_of(cpu: Mapping[str, Any], commands: Mapping[str, Any], at_s: float) -> Usage:
    """Read the sections ``cpu`` and ``commandstats`` of INFO."""
    # Redis before 6.2 tells of the whole process only.
    of_thread = "_main_thread" if "used_cpu_user_main_thread" in cpu else ""
    cpu_s = float(cpu[f"used_cpu_user{of_thread}"]) + float(cpu[f"used_cpu_sys{of_thread}"])
    scripts = [commands[name] for name in _SCRIPTS if name in commands]
    used = sum(script["usec"] for script in scripts) / 1e6
    return Usage(at_s, cpu_s, used, sum(script["calls"] for script in scripts))
