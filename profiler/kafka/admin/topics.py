"""The topics of a cluster: what they are like, which are missing, and creating those."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import (
    NoError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)

from profiler.config import KafkaSettings
from profiler.errors import TransportError
from profiler.kafka.admin.client import open_admin
from profiler.kafka.client_options import CALL_TIMEOUT_S
from profiler.kafka.protocol import TimestampLimits, TopicLimits

#: What the profiler's own headers add to a dead letter, its topic's and its reason's longest form
#: among them; see `profiler.records.headers`.
DEAD_LETTER_HEADER_BYTES = 4_096

_MAX_BYTES = "max.message.bytes"
_TIMESTAMP_TYPE = "message.timestamp.type"
#: In the order of `TimestampLimits`.
_TIMESTAMP_LIMITS = ("message.timestamp.before.max.ms", "message.timestamp.after.max.ms")

#: What is looked at of a topic's configuration; every Apache Kafka tells all of it.
_CONFIG = frozenset(
    [
        "cleanup.policy",
        _MAX_BYTES,
        _TIMESTAMP_TYPE,
        "min.insync.replicas",
        "retention.ms",
    ]
)

Outcome = Literal["created", "exists", "missing"]


class Topic(NamedTuple):
    """A topic as its cluster has it.

    Attributes:
        partitions: how many.
        replicas: copies of the partition that has the fewest.
        in_sync: of the partition that has the fewest: copies that are up to date.
        leaderless: how many partitions can be neither read nor written now.
        config: the configuration in effect, defaults included; empty where we do not see it all.
        rights: what we may do with it, e.g. READ; None where the broker does not say.
    """

    partitions: int
    replicas: int
    in_sync: int
    leaderless: int
    config: Mapping[str, str]
    rights: frozenset[str] | None


class Absent(NamedTuple):
    """A topic that cannot be described.

    Attributes:
        reason: ``missing``; ``hidden``, where we are not allowed to know; else the broker's error.
    """

    reason: str


def describe_topics(admin: Any, names: Iterable[str]) -> dict[str, Topic | Absent]:  # noqa: ANN401
    """Describe topics, in the given order; two round trips, creates nothing.

    Args:
        admin: from `open_admin`, whose errors it lets through.
        names: the topics.
    """
    wanted = list(names)
    described = {topic["name"]: topic for topic in admin.describe_topics(wanted)}
    found: dict[str, Topic | Absent] = {}
    for name in wanted:
        error = for_code(described[name]["error_code"])
        if error is UnknownTopicOrPartitionError:
            found[name] = Absent("missing")
        elif error is TopicAuthorizationFailedError:
            found[name] = Absent("hidden")
        elif error is not NoError:
            found[name] = Absent(error.__name__)
        else:
            found[name] = _topic(described[name])
    there = [name for name, topic in found.items() if isinstance(topic, Topic)]
    configs = _configs(admin, there) if there else {}
    return {
        name: topic._replace(config=configs.get(name, {})) if isinstance(topic, Topic) else topic
        for name, topic in found.items()
    }


def _topic(described: Mapping[str, Any]) -> Topic:
    partitions = described["partitions"]
    rights = frozenset(described.get("authorized_operations") or [])
    return Topic(
        partitions=len(partitions),
        replicas=min(len(partition["replica_nodes"]) for partition in partitions),
        in_sync=min(len(partition["isr_nodes"]) for partition in partitions),
        leaderless=sum(partition["leader_id"] < 0 for partition in partitions),
        config={},
        # Whoever may describe a topic has at least the right to that.
        rights=rights if "DESCRIBE" in rights else None,
    )


def _configs(admin: Any, names: Iterable[str]) -> dict[str, dict[str, str]]:  # noqa: ANN401
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    answer = admin.describe_configs(resources, config_filter="all").get("topic", {})
    return {
        name: {key: str(entry["value"]) for key, entry in entries.items()}
        for name, entries in answer.items()
        if entries.keys() >= _CONFIG
    }


def topic_limits(settings: KafkaSettings, names: Iterable[str]) -> dict[str, TopicLimits]:
    """What topics take of a record. Topics that do not tell are left out.

    Blocks for a connection and a round trip, about half a minute at most.

    Raises:
        TransportError: no broker answers, or it refuses us the right to ask.
    """
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    with open_admin(settings, "describe topics") as admin:
        answer = admin.describe_configs(resources, config_filter="all").get("topic", {})
    limits = {}
    for name, entries in answer.items():
        told = {key: entry["value"] for key, entry in entries.items()}
        if _MAX_BYTES in told:
            limits[name] = TopicLimits(_timestamp_limits(told), int(told[_MAX_BYTES]))
    return limits


def _timestamp_limits(told: Mapping[str, str]) -> TimestampLimits | None:
    """Of a topic's configuration; brokers before Kafka 3.6 have none of these names."""
    if told.get(_TIMESTAMP_TYPE) != "CreateTime" or not told.keys() >= {*_TIMESTAMP_LIMITS}:
        return None
    return TimestampLimits(*(int(told[key]) for key in _TIMESTAMP_LIMITS))


def create_topics(
    settings: KafkaSettings,
    names: Iterable[str],
    *,
    partitions: int = -1,
    replication: int = -1,
    configs: Mapping[str, str] | None = None,
    dry_run: bool = False,
    timeout_s: float = CALL_TIMEOUT_S,
) -> dict[str, Outcome]:
    """Create those topics that do not exist yet, and wait until they can be used.

    A topic that exists is left as it is, whatever its partitions. Blocks for several round
    trips, about a minute at most.

    Args:
        settings: how to reach the cluster.
        names: the topics.
        partitions: for each of the new ones; -1 is the cluster's default.
        replication: replicas of each partition; -1 is the cluster's default.
        configs: topic configuration of the new ones, e.g. ``{"retention.ms": "86400000"}``.
        dry_run: have the cluster check everything and create nothing; a topic that would have
            been created is ``missing``.
        timeout_s: to find a broker, and to wait for one answer.

    Raises:
        TransportError: no broker answers, or a topic is refused; names topic and reason.
    """
    options = {
        "num_partitions": partitions,
        "replication_factor": replication,
        "configs": dict(configs or {}),
    }
    wanted = dict.fromkeys(names, options)
    outcome: dict[str, Outcome] = {}
    if not wanted:
        return outcome
    with open_admin(settings, "create topics", timeout_s=timeout_s) as admin:
        answer = admin.create_topics(wanted, validate_only=dry_run, raise_errors=False)
        for topic in answer["topics"]:
            error = for_code(topic["error_code"])
            if error not in (NoError, TopicAlreadyExistsError):
                reason = topic.get("error_message") or error.__name__
                raise TransportError(f"create topic {topic['name']}: {reason}")
            done: Outcome = "missing" if dry_run else "created"
            outcome[topic["name"]] = done if error is NoError else "exists"
        if not dry_run:
            admin.wait_for_topics(list(wanted))
    return outcome


def missing_topics(settings: KafkaSettings, names: Iterable[str]) -> list[str]:
    """Return the names of the topics that do not exist, in the given order.

    Blocks for a round trip, about half a minute at most. Creates nothing.

    Raises:
        TransportError: no broker answers.
    """
    wanted = list(names)
    with open_admin(settings, "describe topics") as admin:
        found = admin.describe_topics(wanted)
    unknown = {
        topic["name"]
        for topic in found
        if for_code(topic["error_code"]) is UnknownTopicOrPartitionError
    }
    return [name for name in wanted if name in unknown]
