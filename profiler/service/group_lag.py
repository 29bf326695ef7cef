"""How far the group is behind on the worker's partitions.

Asked over a connection of its own. What the worker's consumer knows of a partition's end is from
its last fetch, and a consumer that is paused fetches nothing: the lag would stand still when it
grows.
"""

from collections.abc import Callable, Mapping
from threading import Event

import structlog

from profiler.config.settings import KafkaSettings
from profiler.errors import ProfilerError
from profiler.kafka.admin.groups import Groups, open_groups
from profiler.service import metrics
from profiler.service.store import Store
from profiler.worker.observer import Place

_LOG = structlog.get_logger("profiler.metrics")

EVERY_S = 10.0


class GroupLag:
    """Asks the brokers, and stores what they say.

    Args:
        settings: how to reach them.
        group: the worker's.
        owned: the partitions that the worker owns now.
        store: takes the metric.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        group: str,
        owned: Callable[[], frozenset[Place]],
        store: Store,
    ) -> None:
        self._settings = settings
        self._group = group
        self._owned = owned
        self._store = store

    def sample(self, over: Event) -> None:
        """Ask every ten seconds, by one connection, until it is over."""
        while not over.is_set():
            try:
                with open_groups(self._settings) as groups:
                    while not over.is_set():
                        self.look(groups)
                        over.wait(EVERY_S)
            except ProfilerError as error:
                # The worker itself says what is wrong. What was known is old by now.
                _LOG.debug("the lag is not known", error=str(error))
                self._tell({})
                over.wait(EVERY_S)

    def look(self, groups: Groups) -> None:
        """Ask once; blocks for some round trips, and raises what `Groups` does."""
        owned = self._owned()
        found = {
            (topic, number): lag
            for topic in {topic for topic, _ in owned}
            for number, lag in groups.lags(self._group, topic).items()
            if (topic, number) in owned
        }
        self._tell(found)

    def _tell(self, lags: Mapping[Place, int]) -> None:
        series = [((self._group, topic, str(n)), lag) for (topic, n), lag in lags.items()]
        self._store.replace(metrics.LAG, series)
