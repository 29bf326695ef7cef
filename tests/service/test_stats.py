"""What the statistics say of a group, as Kafka has it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from kafka import KafkaProducer

from profiler.config import KafkaSettings
from profiler.kafka.admin.groups import open_groups
from tests.service.running import Service

if TYPE_CHECKING:
    from pathlib import Path

    from servers.kafka import Kafka
    from tests.conftest import MakeTopics
    from tests.integration.visitors import Visitors


def test_lag_and_rates_are_the_groups(
    kafka: Kafka, topics: MakeTopics, visitors: Visitors, tmp_path: Path
) -> None:
    (topic,) = topics("stats", partitions=2)
    group = f"stats-{uuid.uuid4().hex[:8]}"
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap_servers)
    for number in range(10):
        producer.send(topic, b"{}", partition=number % 2)
    producer.flush()
    settings = {
        "redis__url": visitors.url,
        "rules": visitors.rules_path,
        "kafka__bootstrap_servers": kafka.bootstrap_servers,
        "topics__processed": topic,
        "groups__run": group,
    }
    with open_groups(KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)) as groups:
        groups.commit(group, topic, {0: 3})
        with Service(tmp_path, settings) as service:

            def found() -> dict[str, object]:
                return dict(service.ask("GET", "/v1/stats").document["group"] or {})

            service.wait_for(lambda: bool(found()))
            first = found()
            assert (first["mode"], first["group"], first["topic"]) == ("run", group, topic)
            assert (first["partitions"], first["lag"]) == (2, 7)
            groups.commit(group, topic, {0: 5, 1: 1})
            service.wait_for(lambda: found().get("lag") == 4)
            rate = found()["records_per_s"]
            assert isinstance(rate, float)
            assert 0 < rate <= 3
            assert found()["input_per_s"] == 0
    producer.close()
