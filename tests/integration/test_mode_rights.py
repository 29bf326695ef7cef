"""The guard of one mode per deployment where a broker refuses it a right."""

import uuid
from collections.abc import Iterator

import pytest
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from profiler.errors import ConfigError
from profiler.kafka.groups import open_groups
from profiler.kafka.topics import create_topics
from profiler.modes import claim_mode
from profiler.settings import Settings
from tests.integration.pipeline_runs import MODES
from tests.servers import MissingServerError, give_up
from tests.servers.kafka import admin_client
from tests.servers.kafka_strict import StrictKafka


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a broker with access rules."""
    try:
        server = StrictKafka()
    except MissingServerError as missing:
        give_up("a Kafka of the test's own", [str(missing)])
    with server:
        yield server.bootstrap_servers


@pytest.fixture
def settings(address: str) -> Settings:
    """Of a deployment with groups of its own."""
    groups = {mode: f"{mode}-{uuid.uuid4().hex[:12]}" for mode in MODES}
    found = Settings.model_validate({"kafka": {"bootstrap_servers": address}, "groups": groups})
    create_topics(found.kafka, found.topics.all(), partitions=1, replication=1)
    return found


def rule(
    settings: Settings, group: str, operation: ACLOperation, permission: ACLPermissionType
) -> None:
    """Make the only rule of a group: what it does not allow is denied."""
    made = ACL(
        principal="User:*",
        host="*",
        operation=operation,
        permission_type=permission,
        resource_pattern=ResourcePattern(ResourceType.GROUP, group),
    )
    with admin_client(settings.kafka.bootstrap_servers) as admin:
        assert not admin.create_acls([made])["failed"]


def test_a_group_that_may_not_be_seen_stops_the_start(settings: Settings) -> None:
    claim_mode("flatten", settings)
    rule(settings, settings.groups.run, ACLOperation.DESCRIBE, ACLPermissionType.DENY)
    with pytest.raises(ConfigError, match="allow DESCRIBE on it") as refusal:
        claim_mode("flatten", settings)
    assert f"consumer group {settings.groups.run}" in str(refusal.value)


def test_a_switch_without_the_right_to_remove_offsets_can_be_repeated(settings: Settings) -> None:
    groups, topics = settings.groups, settings.topics
    with open_groups(settings.kafka) as admin:
        admin.commit(groups.flatten, topics.processed, {0: 7})
        rule(settings, groups.flatten, ACLOperation.READ, ACLPermissionType.ALLOW)
        for _ in range(2):
            with pytest.raises(ConfigError, match=f"{groups.flatten}.* allow DELETE on it"):
                claim_mode("run", settings, switch=True)
            assert admin.committed(groups.run, topics.processed) == {0: 7}
        assert admin.committed(groups.flatten, topics.processed) == {0: 7}
