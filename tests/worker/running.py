"""A worker in a thread of this process, on the broker in memory and a real Redis."""

import io
import json
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from profiler.config.settings import Mode, Settings
from profiler.engine import choose_engine
from profiler.errors import ConfigError, ProfilerError
from profiler.kafka import TakingTurns
from profiler.kafka.memory import (
    MemoryBroker,
    MemoryConsumer,
    MemoryProducer,
    memory_transactional_producer,
)
from profiler.profiles.redis.connections import connect_to
from profiler.profiles.script import ProfileScript
from profiler.rules.model import load_rules
from profiler.servers.processes import wait_until
from profiler.worker.assemble import assemble
from profiler.worker.delivery import Delivery, OutputLimits
from profiler.worker.delivery.at_least_once import AtLeastOnce
from profiler.worker.delivery.exactly_once import ExactlyOnce
from profiler.worker.delivery.opening import Closable, transactional_ids
from profiler.worker.delivery.timed import TimedProducer
from profiler.worker.observer import UNOBSERVED, Observer
from profiler.worker.run import run_to_end
from profiler.worker.shutdown import StopRequest
from profiler.worker.streams import Streams

PATIENCE_S = 60
#: Less than a program has, so that a test which uses it up is short.
FINISH_S = 3.0
_FAILED, _MISCONFIGURED = 1, 78


class Running:
    """A worker in a thread; the end of its `with` block stops it, if it still runs.

    Workers that run at the same time write one log, which is the process's.
    """

    def __init__(
        self,
        mode: Mode,
        settings: Settings,
        broker: MemoryBroker,
        log: io.StringIO,
        *,
        make_consumer: Callable[..., MemoryConsumer] = MemoryConsumer,
        accept_lost_state: bool = False,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self._observer = observer
        self._make_consumer = make_consumer
        self._accept_lost_state = accept_lost_state
        self._mode = mode
        self._settings = settings
        self._broker = broker
        self._log = log
        self._code: int | None = None
        self.stop_request = StopRequest(finish_s=FINISH_S)
        self._thread = threading.Thread(target=self._run, name="worker")
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop_request.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._thread.is_alive()

    @property
    def output(self) -> str:
        """What was logged."""
        return self._log.getvalue()

    def lines(self) -> list[dict[str, Any]]:
        """The log lines so far."""
        lines = [line for line in self.output.splitlines() if line.startswith("{")]
        return [json.loads(line) for line in lines]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log lines of one event so far."""
        return [line for line in self.lines() if line["event"] == name]

    def wait_for(self, check: Callable[[], bool]) -> None:
        """Wait until a condition holds, and fail where the worker ends before."""
        holds = False

        def is_over() -> bool:
            nonlocal holds
            has_ended = self._code is not None
            # Asked once each time: what holds now may hold no more in a moment.
            holds = check()
            return holds or has_ended

        wait_until(is_over, timeout=PATIENCE_S, interval=0.01)
        assert holds, f"ended with {self._code}:\n{self.output[-4_000:]}"

    def wait_for_event(self, name: str, *, times: int = 1) -> None:
        """Wait until an event was logged so many times."""
        self.wait_for(lambda: len(self.events(name)) >= times)

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait for its end; return what would be the exit code."""
        self._thread.join(timeout_s)
        assert self._code is not None, self.output[-4_000:]
        return self._code

    def stop(self) -> dict[str, Any]:
        """Ask it to stop, expect success, and return what it counted."""
        self.stop_request.set()
        assert self.wait() == 0, self.output[-4_000:]
        return self.events("stopped")[-1]

    def _run(self) -> None:
        try:
            self._work()
            self._code = 0
        except ProfilerError as error:
            self._log.write(f"profiler: {error}\n")
            self._code = _MISCONFIGURED if isinstance(error, ConfigError) else _FAILED

    def _work(self) -> None:
        mode, settings = self._mode, self._settings
        script = None
        if mode != "flatten":
            rules, limits = load_rules(settings.rules), settings.limits
            client = connect_to(settings.redis)
            script = ProfileScript(client, rules, max_id_bytes=limits.max_id_bytes)
            script.register()
        topic = getattr(settings.topics, "flattened" if mode == "profile" else "processed")
        streams = Streams(topic, lambda: self._broker.identify(topic), settings, script)
        streams.look()
        consumer = self._make_consumer(
            self._broker,
            topics=[topic],
            group=getattr(settings.groups, mode),
            auto_offset_reset=settings.kafka.auto_offset_reset,
            max_poll_interval_ms=settings.kafka.max_poll_interval_ms,
        )
        producer, delivery = self._open_delivery(consumer)
        worker = assemble(
            settings=settings,
            engine=choose_engine(settings.engine)(mode, settings, script),
            script=script,
            consumer=consumer,
            delivery=delivery,
            streams=streams,
            stop=self.stop_request,
            accept_lost_state=self._accept_lost_state,
            observer=self._observer,
        )
        run_to_end(worker, consumer, producer, self.stop_request)

    def _open_delivery(self, consumer: MemoryConsumer) -> tuple[Closable, Delivery]:
        """As `profiler.worker.delivery.opening` does, on the broker in memory."""
        settings = self._settings
        limits = OutputLimits(settings.topics.rejected, self._broker.topic_limits)
        options = {
            "max_request_bytes": max(
                settings.dead_letters.max_bytes, settings.kafka.max_request_bytes
            ),
            "delivery_timeout_ms": settings.kafka.delivery_timeout_ms,
        }
        if settings.delivery == "at-least-once":
            plain = MemoryProducer(self._broker, **options)
            return plain, AtLeastOnce(consumer, plain, limits)
        names = transactional_ids(settings, getattr(settings.groups, self._mode))
        producer = TimedProducer(
            TakingTurns(
                [
                    memory_transactional_producer(self._broker, transactional_id=name, **options)
                    for name in names
                ]
            ),
            self._observer,
        )
        return producer, ExactlyOnce(producer, lambda: consumer.generation, limits)
