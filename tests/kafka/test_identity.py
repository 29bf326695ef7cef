"""What a real cluster tells of its topics: ids, partitions, and the timestamps that they take."""

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from profiler.config import KafkaSettings
from profiler.errors import TransportError
from profiler.kafka import TimestampLimits, TopicLimits
from profiler.kafka.admin.identity import identify
from profiler.kafka.admin.topics import topic_limits
from profiler.servers.processes import wait_until
from servers.kafka import Kafka
from tests.conftest import make_topics
from tests.kafka.clients import PATIENCE_S

DAY = 86_400_000


@pytest.fixture
def settings(kafka: Kafka) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)


def test_a_topic_made_anew_has_another_id(
    settings: KafkaSettings, kafka_admin: KafkaAdminClient
) -> None:
    [topic] = make_topics(kafka_admin, "identity", partitions=3)
    first = identify(settings, topic)
    assert first.partitions == 3
    assert len(first.cluster_id) == len(first.topic_id) == 22
    assert identify(settings, topic) == first
    kafka_admin.delete_topics([topic])

    def is_gone() -> bool:
        try:
            identify(settings, topic)
        except TransportError:
            return True
        return False

    assert wait_until(is_gone, timeout=PATIENCE_S)
    with pytest.raises(TransportError, match=f"describe {topic}: UnknownTopicOrPartition"):
        identify(settings, topic)
    kafka_admin.create_topics({topic: {"num_partitions": 3, "replication_factor": 1}})
    kafka_admin.wait_for_topics([topic])
    again = identify(settings, topic)
    assert again.cluster_id == first.cluster_id
    assert again.topic_id != first.topic_id
    kafka_admin.delete_topics([topic])


def test_the_limits_of_timestamps_are_those_of_the_topic(
    settings: KafkaSettings, kafka_admin: KafkaAdminClient
) -> None:
    topics = make_topics(kafka_admin, "limits", "own-limits", "brokers-time")
    changes = {
        topics[1]: {
            "message.timestamp.after.max.ms": "1000",
            "message.timestamp.before.max.ms": f"{DAY}",
        },
        topics[2]: {"message.timestamp.type": "LogAppendTime"},
    }
    kafka_admin.alter_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name, configs=to) for name, to in changes.items()]
    )
    wanted = {
        topics[0]: TopicLimits(TimestampLimits(2**63 - 1, 3_600_000), 1_048_588),
        topics[1]: TopicLimits(TimestampLimits(DAY, 1_000), 1_048_588),
        topics[2]: TopicLimits(None, 1_048_588),
    }
    assert wait_until(lambda: topic_limits(settings, topics) == wanted, timeout=PATIENCE_S)
    kafka_admin.delete_topics(topics)
