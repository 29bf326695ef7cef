"""`profiler`, but its adapters have failpoints, and what CHAOS_WITHOUT names is switched off.

It is the real program: its own command line, settings and assembly. Only the functions that make
the adapters are wrapped, here, in this process.
"""

from __future__ import annotations

import os
from typing import Any

from profiler.cli import main
from tests.chaos import substitutes
from tests.chaos.failpoints import Failpoints
from tests.chaos.protections import PROTECTIONS, WITHOUT

CONSUMER = ("poll", "commit", "rewind", "keep_alive", "close")
PRODUCER = ("init", "stage", "send", "commit", "close")
SCRIPT = ("register", "execute", "send")
CONNECTION = ("send_packed_command", "read_response")


class GuardedPool:
    """A pool of redis-py whose connections have failpoints."""

    def __init__(self, pool: Any, points: Failpoints) -> None:  # noqa: ANN401 - redis-py's
        self._pool, self._points = pool, points

    def get_connection(self) -> Any:  # noqa: ANN401 - redis-py's
        """Lend one."""
        return self._points.around(self._pool.get_connection(), "redis", CONNECTION)

    def release(self, connection: Any) -> None:  # noqa: ANN401 - one of ours
        """Take it back."""
        self._pool.release(connection.guarded_object)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the pool's
        return getattr(self._pool, name)


def wrap_adapters(points: Failpoints) -> None:
    """Let the program make adapters with failpoints."""

    def with_guarded_pool(client: Any) -> Any:  # noqa: ANN401 - redis-py's
        client.connection_pool = GuardedPool(client.connection_pool, points)
        return client

    substitutes.wrap_consumer(lambda made: points.around(made, "consumer", CONSUMER))
    substitutes.wrap_producer(lambda made: points.around(made, "producer", PRODUCER))
    substitutes.wrap_script(lambda made: points.around(made, "script", SCRIPT))
    substitutes.wrap_redis(with_guarded_pool)


if __name__ == "__main__":
    for name in filter(None, os.environ.get(WITHOUT, "").split(",")):
        PROTECTIONS[name].switch_off()
    wrap_adapters(Failpoints.from_environment())
    main()
