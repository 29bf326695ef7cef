"""Deployments inside this process: the real worker and a real Redis, with the broker in memory.

They have the surface of `tests.integration.pipeline_runs.Deployment`, whose programs are processes.
"""

import io
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any, ClassVar

from profiler.config.settings import EngineChoice, Mode, Settings
from profiler.kafka import TimestampLimits
from profiler.kafka.memory import MemoryBroker, MemoryConsumer, MemoryProducer
from profiler.records.types import OutputRecord, Record
from profiler.service import logs
from profiler.worker.observer import UNOBSERVED
from tests.integration.pipeline_runs import MODES, Input, rules_file, stored_profile
from tests.worker.running import Running


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
        preset: str = "lean",
        partitions: int = 3,
        broker: MemoryBroker | None = None,
        engine: EngineChoice = "auto",
    ) -> None:
        self.engine: EngineChoice = engine
        self.redis_url, self.key_prefix, self.partitions = redis_url, key_prefix, partitions
        self.rules = rules_file(directory, preset, key_prefix)
        self.topics = {
            name: f"tracking_{name}" for name in ("processed", "flattened", "persisted", "rejected")
        }
        self.groups = {mode: f"group of {mode}" for mode in MODES}
        self.broker = broker or MemoryBroker()
        #: Of the workers that are started from now on.
        self.make_consumer: Callable[..., MemoryConsumer] = MemoryConsumer
        #: Likewise: the flag --accept-lost-state.
        self.accept_lost_state = False
        #: Likewise: who watches them.
        self.observer = UNOBSERVED
        for topic in self.topics.values():
            self.broker.create_topic(topic, partitions=partitions)
            # Records keep their timestamps, which are those of the traffic, whatever the date.
            self.broker.topics[topic].timestamp_limits = TimestampLimits(2**62, 2**62)

    def take_records_of(self, topic: str, max_message_bytes: int) -> None:
        """Change the size of the largest record that one of the topics takes."""
        self.broker.topics[self.topics[topic]].max_message_bytes = max_message_bytes

    def start(
        self,
        mode: Mode = "run",
        *,
        log_level: str = "info",
        **settings: str,
    ) -> Running:
        """Start a worker; settings are named as in the environment: BATCH__MAX_RECORDS."""
        nested: dict[str, Any] = {
            "rules": str(self.rules),
            "engine": self.engine,
            "topics": self.topics,
            "groups": self.groups,
            "redis": {"url": self.redis_url},
            "batch": {"poll_timeout_ms": 100},
            # A worker that comes after another takes its id over.
            "worker_id": f"worker-{sum(running.is_alive for running in self._started)}",
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
        running = Running(
            mode,
            Settings.model_validate(nested),
            self.broker,
            self._log,
            make_consumer=self.make_consumer,
            accept_lost_state=self.accept_lost_state,
            observer=self.observer,
        )
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
        """The offset behind the last record that a reader may see, by partition."""
        partitions = self.broker.topics[self.topics[topic]].partitions
        ends = {number: partition.start for number, partition in enumerate(partitions)}
        return ends | {record.partition: record.offset + 1 for record in self.read(topic)}

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
