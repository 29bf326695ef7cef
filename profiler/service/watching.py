"""A worker that is watched, where that is asked for."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from profiler.config.settings import Mode, Settings
from profiler.service.http import served
from profiler.service.redis_load import RedisLoad, asked_now_and_then
from profiler.service.telemetry import Telemetry
from profiler.worker.observer import UNOBSERVED, Observer


@contextmanager
def watched(mode: Mode, settings: Settings) -> Iterator[Observer]:
    """Serve a worker's pages until the block ends, where the settings say so.

    Yields:
        What the worker has to tell.

    Raises:
        ConfigError: nobody can listen there.
    """
    listen = settings.metrics.address
    if listen is None:
        yield UNOBSERVED
        return
    telemetry = Telemetry(mode, settings)
    with ExitStack() as stack:
        stack.enter_context(served(listen, telemetry))
        if mode != "flatten":
            stack.enter_context(asked_now_and_then(RedisLoad(settings.redis, telemetry.store)))
        yield telemetry
