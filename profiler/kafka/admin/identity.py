"""What a topic is, beside its name: so that a topic made anew is told from the old one."""

import base64
from uuid import UUID

from kafka.errors import NoError, for_code

from profiler.config import KafkaSettings
from profiler.errors import TransportError
from profiler.kafka.admin.client import open_admin
from profiler.kafka.protocol import TopicIdentity

_TIMEOUT_S = 10.0


def identify(settings: KafkaSettings, topic: str) -> TopicIdentity:
    """Ask the cluster for its id, and for id and partitions of a topic.

    Blocks for a connection and some round trips, 10 s for each at most. One connection is made
    and closed: the question is rare.

    Raises:
        TransportError: no broker answers, or the topic does not exist.
        ConfigError: the client refuses the settings.
    """
    with open_admin(settings, f"describe {topic}", timeout_s=_TIMEOUT_S) as admin:
        cluster = admin.describe_cluster()["cluster_id"]
        (described,) = admin.describe_topics([topic])
    error = for_code(described["error_code"])
    if error is not NoError:
        raise TransportError(f"describe {topic}: {error.__name__}")
    return TopicIdentity(
        cluster or "", _as_kafka_writes(described.get("topic_id")), len(described["partitions"])
    )


def _as_kafka_writes(topic_id: str | None) -> str:
    """The id as Kafka's own tools print it; empty where the broker knows none."""
    number = UUID(topic_id or UUID(int=0).hex)
    return base64.urlsafe_b64encode(number.bytes).decode().rstrip("=") if number.int else ""
