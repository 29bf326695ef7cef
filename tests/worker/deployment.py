"""Deployments inside this process: the real worker and a real Redis, with the broker in memory.

They have the surface of `tests.integration.pipeline_runs.Deployment`, whose programs are processes.
"""

import io
import json
import threading
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from profiler.config.settings import Mode, Settings
from profiler.engine import PythonEngine
from profiler.errors import ConfigError, ProfilerError
from profiler.kafka import TimestampLimits
from profiler.kafka.memory import MemoryBroker, MemoryConsumer, MemoryProducer
from profiler.profiles.redis.connections import connect_to
from profiler.profiles.script import ProfileScript
from profiler.records.types import OutputRecord, Record
from profiler.rules.model import load_rules
from profiler.servers.processes import wait_until
from profiler.service import logs
from profiler.worker.assemble import assemble
from profiler.worker.delivery import Timestamps
from profiler.worker.run import run_to_end
from profiler.worker.shutdown import StopRequest
from profiler.worker.streams import Streams
from tests.integration.pipeline_runs import MODES, Input, rules_file, stored_profile

PATIENCE_S = 30
#: Less than a program has, so that a test which uses it up is short.
FINISH_S = 3.0
_FAILED, _MISCONFIGURED = 1, 78


class Running:
    """A worker in a thread; the end of its `with` block stops it, if it still runs.

    Workers that run at the same time write one log, which is the process's.
    """

    def __init__(
        self, mode: Mode, settings: Settings, broker: MemoryBroker, log: io.StringIO
    ) -> None:
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
        wait_until(lambda: self._code is not None or check(), timeout=PATIENCE_S, interval=0.01)
        assert check(), f"ended with {self._code}:\n{self.output[-4_000:]}"

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
        consumer = MemoryConsumer(
            self._broker,
            topics=[topic],
            group=getattr(settings.groups, mode),
            auto_offset_reset=settings.kafka.auto_offset_reset,
            max_poll_interval_ms=settings.kafka.max_poll_interval_ms,
        )
        largest_bytes = max(settings.dead_letters.max_bytes, settings.kafka.max_request_bytes)
        producer = MemoryProducer(
            self._broker,
            max_request_bytes=largest_bytes,
            delivery_timeout_ms=settings.kafka.delivery_timeout_ms,
        )
        worker = assemble(
            settings=settings,
            engine=PythonEngine(mode, settings, script),
            script=script,
            consumer=consumer,
            producer=producer,
            streams=streams,
            timestamps=Timestamps(self._broker.timestamp_limits),
            stop=self.stop_request,
        )
        run_to_end(worker, consumer, producer, self.stop_request)


class MemoryDeployment:
    """Topics, groups and settings of one deployment; nothing runs before `start`."""

    #: Of all deployments: the process has one log.
    _log = io.StringIO()
    _started: ClassVar[list[Running]] = []

    def __init__(
        self,
        redis_url: str,
        *,
        key_prefix: str,
        directory: Path,
        preset: str = "standard",
        partitions: int = 3,
        broker: MemoryBroker | None = None,
    ) -> None:
        self.redis_url, self.key_prefix, self.partitions = redis_url, key_prefix, partitions
        self.rules = rules_file(directory, preset, key_prefix)
        self.topics = {
            name: f"tracking_{name}" for name in ("processed", "flattened", "persisted", "rejected")
        }
        self.groups = {mode: f"group of {mode}" for mode in MODES}
        self.broker = broker or MemoryBroker()
        for topic in self.topics.values():
            self.broker.create_topic(topic, partitions=partitions)
            # Records keep their timestamps, which are those of the traffic, whatever the date.
            self.broker.topics[topic].timestamp_limits = TimestampLimits(2**62, 2**62)

    def take_records_of(self, topic: str, max_message_bytes: int) -> None:
        """Change the size of the largest record that one of the topics takes."""
        self.broker.topics[self.topics[topic]].max_message_bytes = max_message_bytes

    def start(self, mode: Mode = "run", *, log_level: str = "info", **settings: str) -> Running:
        """Start a worker; settings are named as in the environment: BATCH__MAX_RECORDS."""
        nested: dict[str, Any] = {
            "rules": str(self.rules),
            "topics": self.topics,
            "groups": self.groups,
            "redis": {"url": self.redis_url},
            "batch": {"poll_timeout_ms": 100},
        }
        for name, text in settings.items():
            section, _, key = name.lower().partition("__")
            if key:
                nested.setdefault(section, {})[key] = text
            else:
                nested[section] = text
        if not any(running.is_alive for running in self._started):
            self._started.clear()
            MemoryDeployment._log = io.StringIO()
        with redirect_stderr(self._log):
            logs.configure(log_level)
        running = Running(mode, Settings.model_validate(nested), self.broker, self._log)
        self._started.append(running)
        return running

    def produce(self, inputs: Iterable[Input], topic: str = "processed") -> None:
        """Write records."""
        name = self.topics[topic]
        MemoryProducer(self.broker, max_request_bytes=1 << 30).send(
            [
                OutputRecord(name, given.key, given.value, given.headers, given.timestamp)
                for given in inputs
            ]
        )

    def ends(self, topic: str) -> dict[int, int]:
        """The offset behind the last record, by partition."""
        partitions = self.broker.topics[self.topics[topic]].partitions
        return {number: partition.end for number, partition in enumerate(partitions)}

    def committed(self, mode: Mode = "run") -> dict[int, int]:
        """The group's offsets, by partition."""
        found = self.broker.committed(self.groups[mode])
        return {partition: offset for (_, partition), offset in found.items()}

    def is_done(self, mode: Mode = "run") -> bool:
        """Whether everything that was put in is committed."""
        ends = self.ends("flattened" if mode == "profile" else "processed")
        committed = self.committed(mode)
        return all(committed.get(number, 0) == end for number, end in ends.items())

    def read(self, topic: str) -> list[Record]:
        """All records of a topic, by partition and offset."""
        return self.broker.records(self.topics[topic])

    def forget_records(self) -> None:
        """Delete all records, as retention does; offsets go on."""
        for topic in self.topics.values():
            for number, partition in enumerate(self.broker.topics[topic].partitions):
                self.broker.delete_records(topic, number, before=partition.end)

    def stored(self, visitor_id: str) -> dict[str, str]:
        """The visitor's current profile, as text."""
        return stored_profile(self.redis_url, self.key_prefix, visitor_id)
