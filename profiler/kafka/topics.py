"""Creating the topics, and finding out which are missing."""

from collections.abc import Iterable, Mapping
from typing import Literal

from kafka.errors import NoError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from profiler.config import KafkaSettings
from profiler.errors import TransportError
from profiler.kafka.kafka_python.admin import open_admin


def create_topics(
    settings: KafkaSettings,
    names: Iterable[str],
    *,
    partitions: int = -1,
    replication: int = -1,
    configs: Mapping[str, str] | None = None,
) -> dict[str, Literal["created", "exists"]]:
    """Create those topics that do not exist yet, and wait until they can be used.

    A topic that exists is left as it is, whatever its partitions. Blocks for several round
    trips, about a minute at most.

    Args:
        settings: how to reach the cluster.
        names: the topics.
        partitions: for each of the new ones; -1 is the cluster's default.
        replication: replicas of each partition; -1 is the cluster's default.
        configs: topic configuration of the new ones, e.g. ``{"retention.ms": "86400000"}``.

    Raises:
        TransportError: no broker answers, or a topic is refused; names topic and reason.
    """
    options = {
        "num_partitions": partitions,
        "replication_factor": replication,
        "configs": dict(configs or {}),
    }
    wanted = dict.fromkeys(names, options)
    outcome: dict[str, Literal["created", "exists"]] = {}
    if not wanted:
        return outcome
    with open_admin(settings, "create topics") as admin:
        answer = admin.create_topics(wanted, raise_errors=False)
        for topic in answer["topics"]:
            error = for_code(topic["error_code"])
            if error not in (NoError, TopicAlreadyExistsError):
                reason = topic.get("error_message") or error.__name__
                raise TransportError(f"create topic {topic['name']}: {reason}")
            outcome[topic["name"]] = "created" if error is NoError else "exists"
        admin.wait_for_topics(list(wanted))
    return outcome


def missing_topics(settings: KafkaSettings, names: Iterable[str]) -> list[str]:
    """Return those of the topics that do not exist, in the given order.

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
