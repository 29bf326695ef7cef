"""The observer that counts: what a worker tells, as metrics and as health."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from profiler import __version__
from profiler.config.settings import Mode, Settings
from profiler.service import metrics
from profiler.service.health import Health
from profiler.service.store import Store
from profiler.worker.observer import CommittedBatch, LoopState, Observer, Phase, Place

#: Of the log's names; what is not here is in the log only.
_COUNTED = {
    "read": metrics.CONSUMED,
    "anonymous": metrics.ANONYMOUS,
    "profiled": metrics.PROFILED,
    "forgotten": metrics.FORGOTTEN,
    "new_visitor": metrics.NEW_VISITORS,
    "repeated": metrics.REPEATED,
    "replayed": metrics.REPLAYED,
    "late": metrics.LATE,
    "corrected": metrics.CORRECTED,
    "truncated": metrics.TRUNCATED,
    "time_corrected": metrics.TIME_REPLACED,
    "repaired": metrics.REPAIRED,
    "references": metrics.REFERENCES,
    "restamped": metrics.RESTAMPED,
}
_PHASES: tuple[Phase, ...] = (
    *("poll", "decode", "redis", "produce", "commit"),
    *("idle", "back-pressure"),
)
#: By the loop's reason; any other is what Redis answered.
_WATCHDOG = {"redis is slow": "redis-slow", "kafka is slow": "kafka-slow"}
_UNWELL = "redis-unwell"


class Telemetry(Observer):
    """Of one worker; the methods of `Pages` are called by the server's threads.

    Args:
        mode: the worker's.
        settings: topics, group and delivery.
        engine: the name of the one that runs.
        clock: seconds, monotonic.
    """

    counts = True

    def __init__(
        self,
        mode: Mode,
        settings: Settings,
        *,
        engine: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.store = Store(metrics.OF_WORKER)
        self._health = Health(clock)
        self._written = (
            (settings.topics.flattened, metrics.FLATTENED),
            (settings.topics.persisted, metrics.PERSISTED),
        )
        self._registry = CollectorRegistry()
        self._registry.register(self.store)
        ProcessCollector(registry=self._registry)
        self._generation = 0
        self.store.set(metrics.INFO, 1, __version__, mode, settings.delivery, engine)
        for phase in _PHASES:
            self.store.add(metrics.TIME, 0, phase)
        for server in ("redis", "kafka"):
            self.store.add(metrics.RETRIES, 0, server)
        for reason in (_UNWELL, *_WATCHDOG.values()):
            self.store.add(metrics.WATCHDOG, 0, reason)

    def spent(self, phase: Phase, seconds: float) -> None:
        """See `Observer.spent`."""
        self.store.add(metrics.TIME, seconds, phase)
        if phase == "idle":
            self._health.idle()

    def turned(self, state: LoopState) -> None:
        """See `Observer.turned`."""
        self._health.turned(state)
        if state.generation > self._generation:
            self.store.add(metrics.REBALANCES, state.generation - self._generation)
            self._generation = state.generation

    def committed(self, batch: CommittedBatch) -> None:
        """See `Observer.committed`."""
        now_s = time.time()
        now_ms = int(now_s * 1_000)
        # The clock of who wrote a record may be ahead of ours.
        ages = [(now_ms - at) / 1_000 if at < now_ms else 0.0 for at in batch.timestamps if at >= 0]
        ages.sort()
        with self.store.together():
            for name, count in batch.counts.items():
                if metric := _COUNTED.get(name):
                    self.store.add(metric, count)
            for topic, metric in self._written:
                self.store.add(metric, batch.written[topic])
            for (name, state), count in batch.triggers.items():
                self.store.add(metrics.TRIGGERS, count, name, state)
            for code, count in batch.codes.items():
                self.store.add(metrics.REJECTED, count, code)
            self.store.observe(metrics.BATCH_RECORDS, [batch.records])
            self.store.observe(metrics.LATENCY, ages)
            self.store.set(metrics.COMMITTED_AT, now_s)
        self._health.committed()

    def transacted(self, seconds: float) -> None:
        """See `Observer.transacted`."""
        self.store.observe(metrics.TRANSACTION, [seconds])

    def paused(self, reason: str) -> None:
        """See `Observer.paused`."""
        self.store.add(metrics.WATCHDOG, 1, _WATCHDOG.get(reason, _UNWELL))

    def redis_failed(self, kind: str) -> None:
        """See `Observer.redis_failed`."""
        self.store.add(metrics.REDIS_ERRORS, 1, kind)

    def retried(self, server: str) -> None:
        """See `Observer.retried`."""
        self.store.add(metrics.RETRIES, 1, server)

    @property
    def owned(self) -> frozenset[Place]:
        """The partitions that the worker owns now."""
        return self._health.state.owned

    def metrics(self) -> bytes:
        """See `Pages.metrics`."""
        state = self._health.state
        for metric, value in (
            (metrics.LOOP_AGE, self._health.loop_age_s),
            (metrics.PARTITIONS, len(state.owned)),
            (metrics.PAUSED, len(state.owned) if state.is_paused else 0),
            (metrics.GENERATION, state.generation),
            (metrics.UNDER_WAY, state.under_way),
        ):
            self.store.set(metric, value)
        return generate_latest(self._registry)

    def not_alive(self) -> str:
        """See `Pages.not_alive`."""
        return self._health.not_alive()

    def not_ready(self) -> str:
        """See `Pages.not_ready`."""
        return self._health.not_ready()
