"""The guard of one mode per deployment where a broker refuses it a right."""

import uuid

import pytest
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from profiler.config.settings import Mode, Settings
from profiler.errors import ConfigError
from profiler.kafka.admin.groups import open_groups
from profiler.kafka.admin.topics import create_topics
from profiler.ops.mode_switch import claim_mode
from servers.kafka import admin_client
from tests.integration.pipeline_runs import MODES

TOPICS = ("processed", "flattened", "persisted", "rejected")


@pytest.fixture
def settings(kafka_strict: str) -> Settings:
    """Of a deployment with topics and groups of its own."""
    unique = uuid.uuid4().hex[:12]
    found = Settings.model_validate(
        {
            "kafka": {"bootstrap_servers": kafka_strict},
            "topics": {name: f"{name}-{unique}" for name in TOPICS},
            "groups": {mode: f"{mode}-{unique}" for mode in MODES},
        }
    )
    create_topics(found.kafka, found.topics.all(), partitions=1, replication=1)
    return found


def rule(
    settings: Settings,
    name: str,
    *operations: ACLOperation,
    permission: ACLPermissionType = ACLPermissionType.ALLOW,
    kind: ResourceType = ResourceType.GROUP,
) -> None:
    """Make the only rules of a group or topic: what they do not allow is denied."""
    made = [
        ACL(
            principal="User:*",
            host="*",
            operation=operation,
            permission_type=permission,
            resource_pattern=ResourcePattern(kind, name),
        )
        for operation in operations
    ]
    with admin_client(settings.kafka.bootstrap_servers) as admin:
        assert not admin.create_acls(made)["failed"]


def test_a_group_that_may_not_be_seen_stops_the_start(settings: Settings) -> None:
    claim_mode("flatten", settings)
    deny = ACLPermissionType.DENY
    rule(settings, settings.groups.run, ACLOperation.DESCRIBE, permission=deny)
    with pytest.raises(ConfigError, match="allow DESCRIBE on it") as refusal:
        claim_mode("flatten", settings)
    assert f"consumer group {settings.groups.run}" in str(refusal.value)


def test_a_switch_without_the_right_to_remove_offsets_can_be_repeated(settings: Settings) -> None:
    groups, topics = settings.groups, settings.topics
    with open_groups(settings.kafka) as admin:
        admin.commit(groups.flatten, topics.processed, {0: 7})
        rule(settings, groups.flatten, ACLOperation.READ)
        for _ in range(2):
            with pytest.raises(ConfigError, match=f"{groups.flatten}.* allow DELETE on it"):
                claim_mode("run", settings, switch=True)
            assert admin.committed(groups.run, topics.processed) == {0: 7}
        assert admin.committed(groups.flatten, topics.processed) == {0: 7}


@pytest.mark.parametrize(
    ("old", "new", "mode"),
    [
        (("run",), ("flatten", "profile"), "flatten"),
        (("run",), ("flatten", "profile"), "profile"),
        (("flatten", "profile"), ("run",), "run"),
    ],
)
def test_the_documented_rights_are_enough(
    old: tuple[str, ...], new: tuple[str, ...], mode: Mode, settings: Settings
) -> None:
    """Those of docs/operations.md; of the topics, what the guard itself needs."""
    groups, topics = settings.groups, settings.topics
    started = {"run": topics.processed, "flatten": topics.processed, "profile": topics.flattened}
    with open_groups(settings.kafka) as admin:
        for name in old:
            admin.commit(getattr(groups, name), started[name], {0: 0})
    for name in old:
        rule(settings, getattr(groups, name), ACLOperation.DESCRIBE, ACLOperation.DELETE)
    for name in new:
        rule(settings, getattr(groups, name), ACLOperation.READ)
    of_topics = {
        topics.processed: [ACLOperation.READ],
        topics.flattened: [ACLOperation.READ, ACLOperation.WRITE],
    }
    for topic, operations in of_topics.items():
        rule(settings, topic, *operations, kind=ResourceType.TOPIC)
    with pytest.raises(ConfigError, match="--switch-mode"):
        claim_mode(mode, settings)
    claim_mode(mode, settings, switch=True)
    claim_mode(mode, settings)
