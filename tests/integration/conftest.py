"""The fixture that gives a test programs, topics, groups and keys of its own."""

from functools import partial
from pathlib import Path
from typing import Protocol

import pytest
from kafka import KafkaAdminClient

from tests.conftest import MakeTopics
from tests.integration.pipeline_runs import Deployment
from tests.servers.kafka import Kafka


class Deploy(Protocol):
    """The type of the fixture `deploy`."""

    def __call__(
        self, redis_url: str, *, preset: str = "standard", partitions: int = 3, processed: str = ""
    ) -> Deployment:
        """Describe a deployment; see `Deployment`."""


@pytest.fixture
def deploy(
    kafka: Kafka,
    kafka_admin: KafkaAdminClient,
    topics: MakeTopics,
    key_prefix: str,
    tmp_path: Path,
) -> Deploy:
    """Make deployments on `kafka`; several in one test share their keys."""
    return partial(
        Deployment,
        kafka=kafka,
        admin=kafka_admin,
        make_topics=topics,
        key_prefix=key_prefix,
        directory=tmp_path,
    )
