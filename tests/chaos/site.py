"""The scene of a row: servers, topics, a group, the load, the crew, and what is known of them."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined] # no __all__

from profiler.servers.processes import wait_until
from tests.chaos.crew import Crew, CrewError
from tests.chaos.evidence import ROLES, Evidence
from tests.chaos.fired import RULE
from tests.chaos.load import Load
from tests.chaos.observer import Observer
from tests.chaos.protections import PROTECTIONS
from tests.chaos.scene import HASTY
from tests.chaos.traffic import Traffic
from tests.integration.pipeline_runs import ANY_TIMESTAMP, rules_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chaos.brokers import Brokers
    from tests.chaos.scene import Client, Scene
    from tests.chaos.verdict import Verdict

_ADMIN_S = 20.0


class StuckError(Exception):
    """The workers did not do all that was put in, long after the fault was over."""


class Site:
    """One row's scene; a `with` block makes and removes it.

    Attributes:
        chance: draws moments and victims.
        stores: Redis, of this row alone.
        faults: how many were done so far.
    """

    def __init__(
        self,
        scene: Scene,
        brokers: Brokers,
        *,
        client: Client,
        seed: int,
        without: Sequence[str] = (),
        scale: float = 1.0,
    ) -> None:
        self.scene, self.brokers, self.client = scene, brokers, client
        self.scale = scale
        self.chance = random.Random(f"faults {seed}")
        self._seed, self._without = seed, list(without)
        self._stack = ExitStack()
        token = uuid.uuid4().hex[:8]
        self.topics = {role: f"{role}-{token}" for role in ("processed", *ROLES)}
        self.group, self.key_prefix = f"group-{token}", f"chaos-{token}:"
        self.stores = scene.stores()
        self.faults = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._open(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def begin(self) -> None:
        """Let the load and the workers begin; returns when the first commits are there."""
        self.load.start()
        self.crew.start(self.scene.workers)
        self.await_commits(1)

    def committed(self) -> int:
        """How many inputs are committed."""
        return sum(self.observer.committed(self.topics["processed"]).values())

    def await_commits(self, more: int) -> None:
        """Wait until so many more inputs are committed.

        Raises:
            StuckError: they are not, in the scene's time.
            LoadError: the load broke down.
        """
        until = self.committed() + more

        def are_committed() -> bool:
            self.load.check()
            return self.committed() >= until

        if not wait_until(are_committed, timeout=self.scene.patience_s, interval=0.1):
            raise StuckError(f"{more} more inputs are not committed in {self.scene.patience_s:g} s")

    def await_codes(self, code: int, *, times: int = 1) -> None:
        """Wait until workers have ended with this exit code so many times.

        Raises:
            StuckError: none has, in the scene's time.
        """
        workers = self.crew.workers
        if not wait_until(
            lambda: sum(worker.codes.count(code) for worker in workers) >= times,
            timeout=self.scene.patience_s,
        ):
            ended = [worker.codes for worker in workers]
            raise StuckError(f"no worker ended with {code}, but with {ended}")

    def pause(self, least_s: float, most_s: float) -> None:
        """Let time pass: the fault's own duration, drawn."""
        time.sleep(self.chance.uniform(least_s, most_s))

    def times(self, count: int) -> range:
        """How often a fault is done, in a run of another scale too."""
        return range(max(1, round(count * self.scale)))

    def settle(self) -> None:
        """Wait until everything that was put in is committed, where the workers can do it.

        Raises:
            StuckError: it is not, in the scene's time.
        """
        topic = self.topics["processed"]
        if self.scene.ends_stopped:
            return
        if not wait_until(
            lambda: self.observer.is_done(topic), timeout=self.scene.patience_s, interval=0.2
        ):
            last = "\n".join(worker.last_output() for worker in self.crew.workers)
            done, ends = self.observer.committed(topic), self.observer.ends(topic)
            raise StuckError(f"committed {done} of {ends}:\n{last}")

    def verdict(self) -> Verdict:
        """Judge everything since the last verdict; all of it must be settled."""
        inputs = self.load.take_account()
        if self.scene.ends_stopped:
            done = self.observer.committed(self.topics["processed"])
            inputs = [i for i in inputs if i.place.offset < done.get(i.place.partition, 0)]
        return self.evidence.verdict(inputs, self.scene.allowed)

    def make_topic(self, name: str, partitions: int) -> None:
        """Make a topic that takes any timestamp, and wait until the cluster knows it."""
        topic = NewTopic(
            name,
            num_partitions=partitions,
            replication_factor=self.brokers.replication,
            config=ANY_TIMESTAMP,
        )
        self.admin.create_topics([topic], operation_timeout=_ADMIN_S)[name].result(_ADMIN_S)
        self.await_partitions(name, partitions)

    def await_partitions(self, topic: str, count: int) -> None:
        """Wait until the cluster shows so many partitions of a topic, all with a leader."""

        def is_there() -> bool:
            found = self.admin.list_topics(topic, timeout=_ADMIN_S).topics[topic]
            led = [each for each in found.partitions.values() if each.leader >= 0]
            return found.error is None and len(led) == count

        if not wait_until(is_there, timeout=_ADMIN_S, interval=0.1):
            raise CrewError(f"{topic} has not {count} partitions in {_ADMIN_S:g} s")

    def _open(self, stack: ExitStack) -> None:
        scene, servers = self.scene, self.brokers.bootstrap_servers
        off = [PROTECTIONS[name] for name in self._without]
        directory = Path(tempfile.mkdtemp(prefix="visitor-profiler-chaos-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        self.directory = directory
        stack.enter_context(self.stores)
        stack.callback(self.brokers.heal)
        self.admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
        for name in self.topics.values():
            self.make_topic(name, scene.partitions)
        rules = rules_file(directory, "lean", self.key_prefix)
        # Else the script would know redelivered events by their ids, and need no watermark.
        text = rules.read_text()
        assert "event_ids = 64" in text
        rules.write_text(text.replace("event_ids = 64", "event_ids = 1") + RULE)
        isolation = "read_committed"
        settings: dict[str, str] = {
            **{f"TOPICS__{role}".upper(): topic for role, topic in self.topics.items()},
            "GROUPS__RUN": self.group,
            "REDIS__URL": self.stores.url,
            "RULES": str(rules),
            "KAFKA__BOOTSTRAP_SERVERS": self.brokers.worker_servers,
            "KAFKA__CLIENT": self.client,
            **HASTY,
            **scene.settings,
        }
        for protection in off:
            settings |= protection.settings
            isolation = protection.isolation or isolation
        self.observer = Observer(servers, self.group, isolation=isolation)
        stack.callback(self.observer.close)
        outputs = {role: self.topics[role] for role in ROLES}
        self.evidence = Evidence(self.observer, outputs, self.stores, self.key_prefix)
        traffic = Traffic(self._seed, **scene.traffic)
        self.load = Load(
            servers,
            self.topics["processed"],
            scene.partitions,
            traffic,
            rate=scene.rate,
            seed=self._seed,
        )
        self.crew = Crew(directory, settings, without=self._without, chance=self.chance)
        stack.callback(self.crew.close)
