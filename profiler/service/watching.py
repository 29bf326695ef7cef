"""A worker that is watched, where that is asked for."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from profiler.config.settings import Mode, Settings
from profiler.service.group_lag import GroupLag
from profiler.service.http import served
from profiler.service.redis_load import RedisLoad
from profiler.service.sampling import sampled
from profiler.service.telemetry import Telemetry
from profiler.worker.observer import UNOBSERVED, Observer


@contextmanager
def watched(mode: Mode, settings: Settings, *, engine: str) -> Iterator[Observer]:
    """Serve a worker's pages until the block ends, where the settings say so.

    `engine` is the name of the one that runs.

    Yields:
        What the worker has to tell.

    Raises:
        ConfigError: nobody can listen there.
    """
    listen = settings.metrics.address
    if listen is None:
        yield UNOBSERVED
        return
    telemetry = Telemetry(mode, settings, engine=engine)
    with ExitStack() as stack:
        stack.enter_context(served(listen, telemetry))
        store, group = telemetry.store, getattr(settings.groups, mode)
        lag = GroupLag(settings.kafka, group, lambda: telemetry.owned, store)
        stack.enter_context(sampled("group-lag", lag.sample))
        if mode != "flatten":
            load = RedisLoad(settings.redis, store)
            stack.enter_context(sampled("redis-load", load.sample))
        yield telemetry
