"""The scene of a row: servers, topics, a group, the load, the crew, and what is known of them."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from confluent_kafka.admin import AdminClient, NewTopic

from profiler.servers.processes import wait_until
from tests.chaos.crew import Crew, CrewError
from tests.chaos.load import Load
from tests.chaos.observer import Observer
from tests.chaos.oracle import Allowance, Verdict, judge
from tests.chaos.protections import PROTECTIONS
from tests.chaos.stores import OneStore
from tests.chaos.traffic import Traffic
from tests.integration.pipeline_runs import ANY_TIMESTAMP, rules_file, stored_profile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.chaos.brokers import Brokers
    from tests.chaos.places import Output
    from tests.chaos.stores import Stores

Client = Literal["librdkafka", "kafka-python"]
CLIENTS: tuple[Client, ...] = ("librdkafka", "kafka-python")

_PATIENCE_S = 120.0
_ADMIN_S = 20.0
ROLES = ("flattened", "persisted", "rejected")
#: With which a worker notices soon what is done to it, and is soon given up.
HASTY = {
    "KAFKA__SESSION_TIMEOUT_MS": "2000",
    "KAFKA__HEARTBEAT_INTERVAL_MS": "200",
    "KAFKA__DELIVERY_TIMEOUT_MS": "3000",
    "BATCH__POLL_TIMEOUT_MS": "100",
    "BATCH__MAX_RECORDS": "20",
    "REDIS__SOCKET_TIMEOUT_S": "0.5",
}


@dataclass(frozen=True)
class Scene:
    """What a row wants to find.

    Attributes:
        partitions: of every topic.
        workers: how many run from the start.
        rate: events a second.
        settings: of the workers, named as in the environment.
        stores: makes the Redis.
        traffic: of other proportions than usual, see `Traffic`.
        brokers: which cluster.
        allowed: what the row's fault does to the output by its nature.
        ends_stopped: the workers are right to stop for good; what is not committed is left.
    """

    partitions: int = 3
    workers: int = 1
    rate: float = 250.0
    settings: Mapping[str, str] = field(default_factory=dict)
    stores: Callable[[], Stores] = OneStore
    traffic: Mapping[str, int] = field(default_factory=dict)
    brokers: Literal["one", "three"] = "one"
    allowed: Allowance = Allowance()
    ends_stopped: bool = False


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
        self._outputs: list[Output] = []
        self._incarnation = 0
        #: Offsets to which an operator went back by hand; such a step is no fault.
        self.resets: list[tuple[int, int]] = []
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

    def await_commits(self, more: int, *, patience_s: float = _PATIENCE_S) -> None:
        """Wait until so many more inputs are committed.

        Raises:
            StuckError: they are not, in two minutes.
        """
        until = self.committed() + more
        if not wait_until(lambda: self.committed() >= until, timeout=patience_s, interval=0.1):
            raise StuckError(f"{more} more inputs are not committed in {patience_s:g} s")

    def await_codes(self, code: int) -> None:
        """Wait until a worker has ended with this exit code.

        Raises:
            StuckError: none has, in two minutes.
        """
        workers = self.crew.workers
        if not wait_until(
            lambda: any(code in worker.codes for worker in workers), timeout=_PATIENCE_S
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
        """Wait until everything that was put in is committed.

        Raises:
            StuckError: it is not, in two minutes.
        """
        topic = self.topics["processed"]
        if self.scene.ends_stopped:
            if not wait_until(
                lambda: not any(worker.is_running for worker in self.crew.workers),
                timeout=_PATIENCE_S,
                interval=0.1,
            ):
                raise StuckError("the workers should have stopped for good")
            return
        if not wait_until(lambda: self.observer.is_done(topic), timeout=_PATIENCE_S, interval=0.2):
            last = "\n".join(worker.last_output() for worker in self.crew.workers)
            raise StuckError(
                f"committed {self.observer.committed(topic)} of {self.observer.ends(topic)}:\n{last}"
            )

    def begin_topic_anew(self) -> None:
        """Say that the outputs so far are all of the old input topic."""
        self._outputs += self.observer.outputs(self._outputs_by_role, self._incarnation)
        self._incarnation += 1

    def verdict(self) -> Verdict:
        """Judge everything; the load is over and the workers have ended."""
        self._outputs += self.observer.outputs(self._outputs_by_role, self._incarnation)
        inputs = self.load.accounted
        if self.scene.ends_stopped:
            done = self.observer.committed(self.topics["processed"])
            inputs = [i for i in inputs if i.place.offset < done.get(i.place.partition, 0)]
        commits = {(0, number): offsets for number, offsets in self._honest_commits().items()}
        return judge(
            inputs,
            self._outputs,
            lambda visitor: stored_profile(self.stores.oracle_url, self.key_prefix, visitor),
            commits=commits,
            allowed=self.scene.allowed,
        )

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

    @property
    def _outputs_by_role(self) -> dict[str, str]:
        return {role: self.topics[role] for role in ROLES}

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
        rules = rules_file(directory, "standard", self.key_prefix)
        # Else the script would know redelivered events by their ids, and need no watermark.
        text = rules.read_text()
        assert "event_ids = 64" in text
        rules.write_text(text.replace("event_ids = 64", "event_ids = 1"))
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
            isolation = min(isolation, protection.isolation, key=len)
        self.observer = Observer(servers, self.group, isolation=isolation)
        stack.callback(self.observer.close)
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

    def _honest_commits(self) -> dict[int, list[int]]:
        """All commits but for the steps back that an operator made."""
        found: dict[int, list[int]] = {}
        resets = list(self.resets)
        for partition, offsets in self.observer.commits().items():
            kept: list[int] = []
            for offset in offsets:
                if kept and offset < kept[-1] and (partition, offset) in resets:
                    resets.remove((partition, offset))
                    kept.clear()
                kept.append(offset)
            found[partition] = kept
        return found
