"""A topic that is deleted and made anew under a running worker, with either client library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from kafka.errors import KafkaError

from profiler.servers.processes import wait_until
from tests.integration.fault_events import VISITORS, page_views
from tests.integration.pipeline_runs import ANY_TIMESTAMP

if TYPE_CHECKING:
    from tests.conftest import MakeStore
    from tests.integration.conftest import Deploy
    from tests.integration.pipeline_runs import Deployment

PATIENCE_S = 60
COUNT = 10 * len(VISITORS)
TOLD = "the topic was made anew: its streams begin anew"


def recreate(deployment: Deployment) -> None:
    """Delete the input topic and create it, as soon as the cluster lets us."""
    admin, topic = deployment.admin, deployment.topics["processed"]
    admin.delete_topics([topic])
    options = {"num_partitions": deployment.partitions, "replication_factor": 1}

    def is_made() -> bool:
        try:
            admin.create_topics({topic: options}, wait_for_metadata=True)
        except KafkaError:
            return False
        return True

    assert wait_until(is_made, timeout=PATIENCE_S)
    deployment.configure(topic, ANY_TIMESTAMP)


def counted(deployment: Deployment) -> int:
    """The events of all visitors."""
    return sum(int(deployment.stored(v).get("visitor_events", "0")) for v in VISITORS)


@pytest.mark.parametrize("client", ["kafka-python", "librdkafka"])
def test_a_topic_made_anew_loses_and_freezes_nothing(
    deploy: Deploy, private_store: MakeStore, client: str
) -> None:
    deployment = deploy(private_store("redis7").url, partitions=2)
    deployment.produce(page_views(0, 2 * COUNT))
    with deployment.start("run", KAFKA__CLIENT=client) as program:
        program.wait_for(deployment.is_done)
        recreate(deployment)
        deployment.produce(page_views(2 * COUNT, COUNT))
        program.wait_for(deployment.is_done)
        program.wait_for_event(TOLD)
        assert program.stop()["replayed"] == 0
    assert counted(deployment) == 3 * COUNT
