"""Deployments of the programs on real servers, and what goes in and comes out of them."""

import os
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import redis
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import CorruptRecordError, RetriableError

from profiler.config import KafkaSettings
from profiler.kafka.admin.tail import committed_records
from profiler.kafka.foreign_names import read_past
from profiler.profiles.keys import key_of
from profiler.records.types import Headers, Record
from profiler.rules.model import load_rules
from profiler.rules.render import render
from servers.kafka import Kafka
from tests.integration.programs import PATIENCE_S, Program

MODES = ("run", "flatten", "profile")
#: The client of the programs, where a test does not choose; all tests can be run with the other.
KAFKA_CLIENT = os.environ.get("PROFILER_TEST_KAFKA_CLIENT", "kafka-python")
LATEST = -1  # the offset behind the last record, as Kafka's protocol has it
# Records keep their timestamps, which are those of the traffic, whatever today's date.
ANY_TIMESTAMP = {"retention.ms": "-1", "message.timestamp.after.max.ms": str(2**62)}


class Input(NamedTuple):
    """One record to be put in."""

    value: bytes | None
    key: bytes | None = None
    timestamp: int = 1_700_000_000_000
    headers: Headers = ()
    partition: int | None = None


class Place(NamedTuple):
    """Where an output's input was first read."""

    topic: str
    partition: int
    offset: int


def rules_file(directory: Path, preset: str, key_prefix: str) -> Path:
    """Write a preset's rules with keys that no other test uses."""
    text = files("profiler").joinpath("_lua", "presets", f"{preset}.toml").read_text("utf-8")
    path = directory / f"{preset}.toml"
    path.write_text(text.replace('"visitor:{<id>}"', f'"{key_prefix}{{<id>}}"'))
    assert key_prefix in path.read_text()
    return path


def stored_profile(redis_url: str, key_prefix: str, visitor_id: str) -> dict[str, str]:
    """Read a visitor's current profile as text, from a server or any node of a cluster.

    By a read of the script of `standard`; it refuses what is not its own, of which the plain fields
    are all that there is.
    """
    key, script = key_of(key_prefix + "{<id>}", visitor_id), _standard_script()
    with redis.Redis.from_url(redis_url) as client:
        is_cluster = client.info("cluster")["cluster_enabled"]
    make = redis.RedisCluster if is_cluster else redis.Redis
    with make.from_url(redis_url) as client:
        try:
            reply: Any = client.eval(script, 1, key, visitor_id, "")
            pairs = list(zip(reply[::2], reply[1::2], strict=True))
        except redis.ResponseError:
            pairs = list(client.hgetall(key).items())
    return {
        name.decode(): value.decode() if isinstance(value, bytes) else str(value)
        for name, value in pairs
        if name != b"~"
    }


@cache
def _standard_script() -> str:
    return render(load_rules("lean"))


class Deployment:
    """Topics, groups and settings of one deployment; nothing runs before `start`.

    Args:
        processed: the input topic of another deployment, to read it too.

    Attributes:
        program: what `start` starts, in place of a fork.
        package: what a fork runs.
        environment: of the next programs, beside the settings.
    """

    program: Sequence[str] | None = None
    package = "profiler"
    environment: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self,
        redis_url: str,
        *,
        kafka: Kafka,
        admin: KafkaAdminClient,
        make_topics: Callable[..., list[str]],
        key_prefix: str,
        directory: Path,
        preset: str = "lean",
        partitions: int = 3,
        processed: str = "",
    ) -> None:
        self.bootstrap_servers, self.admin = kafka.bootstrap_servers, admin
        self.partitions = partitions
        self.rules = rules_file(directory, preset, key_prefix)
        self._directory, self.key_prefix, self.redis_url = directory, key_prefix, redis_url
        names = ("processed", "flattened", "persisted", "rejected")
        self.topics = dict(zip(names, make_topics(*names, partitions=partitions), strict=True))
        self.topics["processed"] = processed or self.topics["processed"]
        for topic in self.topics.values():
            self.configure(topic, ANY_TIMESTAMP)
        self.groups = {mode: f"{mode}-{uuid.uuid4().hex[:12]}" for mode in MODES}
        #: By the number in their worker ids, which a program that comes after one takes over.
        self._programs: dict[int, Program] = {}

    def configure(self, topic: str, settings: Mapping[str, str]) -> None:
        """Change a topic's configuration."""
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, dict(settings))
        assert self.admin.alter_configs([resource])["topic"] == {topic: "OK"}

    def start(self, mode: str = "run", *flags: str, **settings: str) -> Program:
        """Start `profiler <mode>`; settings are named as in the environment: BATCH__MAX_RECORDS."""
        number = next(
            n for n in count() if n not in self._programs or not self._programs[n].is_alive
        )
        environment = self.variables(**{"WORKER_ID": f"worker-{number}"} | settings)
        arguments = [mode, "--bootstrap-servers", self.bootstrap_servers, *flags]
        program = Program(
            arguments, environment, self._directory, self.program, package=self.package
        )
        self._programs[number] = program
        return program

    def variables(self, **settings: str) -> dict[str, str]:
        """The environment of a program of this deployment."""
        named = {f"TOPICS__{name}": topic for name, topic in self.topics.items()}
        named |= {f"GROUPS__{name}": group for name, group in self.groups.items()}
        named |= {"REDIS__URL": self.redis_url, "RULES": str(self.rules)}
        named |= {"KAFKA__SESSION_TIMEOUT_MS": "6000", "KAFKA__HEARTBEAT_INTERVAL_MS": "100"}
        named |= {"BATCH__POLL_TIMEOUT_MS": "100", "KAFKA__CLIENT": KAFKA_CLIENT}
        named |= {"KAFKA__BOOTSTRAP_SERVERS": self.bootstrap_servers} | settings
        environment = {f"PROFILER_{name}".upper(): value for name, value in named.items()}
        return {**environment, **self.environment}

    def produce(self, inputs: Iterable[Input], topic: str = "processed") -> None:
        """Write records, and wait for their acknowledgements."""
        producer = KafkaProducer(
            bootstrap_servers=self.bootstrap_servers, linger_ms=20, batch_size=1 << 18
        )
        try:
            sent = [
                producer.send(
                    self.topics[topic],
                    record.value,
                    key=record.key,
                    headers=list(record.headers),
                    partition=record.partition,
                    timestamp_ms=record.timestamp,
                )
                for record in inputs
            ]
            for future in sent:
                future.get(timeout=PATIENCE_S)
        finally:
            producer.close()

    def ends(self, topic: str) -> dict[int, int]:
        """The offset behind the last record, by partition."""
        places = {TopicPartition(self.topics[topic], i): LATEST for i in range(self.partitions)}
        found = self.admin.list_partition_offsets(places)
        return {partition.partition: end.offset for partition, end in found.items()}

    def committed(self, mode: str = "run") -> dict[int, int]:
        """The group's offsets, by partition."""
        group = self.groups[mode]
        try:
            offsets = self.admin.list_group_offsets(group)[group]
        except RetriableError:
            return {}  # the first group ever: the broker is still making the topic of offsets
        return {partition.partition: found.offset for partition, found in offsets.items()}

    def is_done(self, mode: str = "run") -> bool:
        """Whether everything that was put in is committed."""
        topic = "flattened" if mode == "profile" else "processed"
        ends, committed = self.ends(topic), self.committed(mode)
        if committed == {i: end for i, end in ends.items() if end}:
            return True
        # What is left may be no records, but aborted ones, and the ends of transactions.
        settings = KafkaSettings(bootstrap_servers=self.bootstrap_servers)
        return not committed_records(settings, self.topics[topic], committed)

    def read(self, topic: str) -> list[Record]:
        """Read all records of a topic, by partition and offset."""
        ends = {TopicPartition(self.topics[topic], i): end for i, end in self.ends(topic).items()}
        consumer = KafkaConsumer(
            bootstrap_servers=self.bootstrap_servers,
            isolation_level="read_committed",
            max_partition_fetch_bytes=1 << 23,
        )
        records: list[Record] = []
        try:
            consumer.assign(list(ends))
            consumer.seek_to_beginning()
            while any(consumer.position(partition) < end for partition, end in ends.items()):
                try:
                    # Briefly: the end of a transaction is no record, and would be waited for.
                    polled = consumer.poll(timeout_ms=100).values()
                except CorruptRecordError:  # header names that the client cannot read
                    settings = KafkaSettings(bootstrap_servers=self.bootstrap_servers)
                    records += read_past(settings, consumer, list(ends))
                    continue
                for messages in polled:
                    records.extend(
                        Record(m.topic, m.partition, m.offset, m.timestamp, m.key, m.value, headers)
                        for m in messages
                        for headers in [tuple(m.headers)]
                    )
        finally:
            consumer.close()
        return sorted(records, key=lambda record: (record.partition, record.offset))

    def stored(self, visitor_id: str) -> dict[str, str]:
        """The visitor's current profile, as text."""
        return stored_profile(self.redis_url, self.key_prefix, visitor_id)


def place_of(record: Record) -> Place:
    """Say where a record came from, by its headers; each of the three must be there once."""
    names = ("source-topic", "source-partition", "source-offset")
    found = [(value or b"").decode() for name, value in record.headers if name in names]
    assert [name for name, _ in record.headers if name in names] == list(names)
    return Place(found[0], int(found[1]), int(found[2]))
