"""`profiler check` on the worker's rights, in Redis and in Kafka."""

from __future__ import annotations

import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import redis
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
)

from profiler.config import KafkaSettings
from profiler.kafka.admin.topics import create_topics
from profiler.ops.check.findings import Finding, Status
from profiler.ops.check.transactions import check_transactions
from profiler.profiles.keys import key_of
from profiler.profiles.redis.connections import connect
from profiler.profiles.rights import harmless_calls
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent
from profiler.rules.model import load_rules
from servers.kafka import admin_client
from servers.redis import FLAVOURS
from tests.integration.checks import SOUND, Checked, check_redis_alone, run_check
from tests.integration.pipeline_runs import MODES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.conftest import MakeStore

_WORKER = "~visitor:{*} +evalsha +script|load +get +set"
RIGHTS = {
    "lean": f"{_WORKER} +hget +hset +hdel +hkeys +exists +pexpire",
    "article": f"{_WORKER} +hmget +hexists +hset +exists +pexpire",
}


#: What stored outputs need on top: on their own keys, some commands for the first time.
OF_OUTPUTS = {
    "lean": "~visitor:{*}:outputs +hgetall +hlen",
    "article": "~visitor:{*}:outputs +hdel +hgetall +hkeys +hlen",
}


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("preset", RIGHTS)
def test_a_right_that_stored_outputs_miss_is_found_and_the_remedy_grants_it(
    private_store: MakeStore, flavour: str, preset: str
) -> None:
    server = private_store(flavour)
    rights, more = RIGHTS[preset].split(), OF_OUTPUTS[preset].split()
    with closing(redis.Redis.from_url(server.url)) as admin:
        for missing in more:
            make_limited(admin, [*rights, *(right for right in more if right != missing)])
            with closing(connect(server.url.replace("//", "//limited:any@"))) as client:
                script = ProfileScript(client, load_rules(preset))
                assert script.rights().missing == []
                assert script.rights(outputs=True).missing == [missing]
                grant(admin, [missing])
                assert script.rights(outputs=True).missing == []
        assert admin.dbsize() == 0


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("preset", RIGHTS)
def test_each_missing_right_is_found_and_the_remedy_grants_it(
    private_store: MakeStore, flavour: str, preset: str
) -> None:
    server = private_store(flavour)
    rights = RIGHTS[preset].split()
    url = server.url.replace("//", "//limited:any@")
    with closing(redis.Redis.from_url(server.url)) as admin:
        for is_loaded in (False, True):
            for missing in rights:
                granted = [right for right in rights if right != missing]
                make_limited(admin, granted)
                with closing(connect(url)) as client:
                    script = ProfileScript(client, load_rules(preset))
                    found = script.rights()
                    assert found.missing == [missing]
                    blind = missing in ("+evalsha", "~visitor:{*}")
                    assert found.is_loaded == (None if blind else is_loaded)
                    grant(admin, found.missing)
                    assert script.rights().missing == []
            admin.script_load(script.text)
        assert admin.dbsize() == 0


def make_limited(admin: redis.Redis, rights: Sequence[str]) -> None:
    """Make the user anew, with these rights only."""
    admin.acl_deluser("limited")
    grant(admin, ["on", "nopass", "resetkeys", "-@all", *rights])


def grant(admin: redis.Redis, rights: Sequence[str]) -> None:
    """Add to what the user may do."""
    admin.execute_command("ACL", "SETUSER", "limited", *rights)  # type: ignore[no-untyped-call]


def try_all(client: redis.Redis, script: ProfileScript, key: str) -> None:
    """Make the trial calls on this key."""
    pipe: Any = client.pipeline(transaction=False)
    for call in harmless_calls(script.text, script.sha, key):
        pipe.execute_command(*call)
    assert len(pipe.execute(raise_on_error=False)) > 5


@pytest.mark.parametrize("missing", ["+evalsha", "+hset", "+pexpire", "+script|load"])
def test_a_user_without_a_right_is_told_what_to_grant(
    private_store: MakeStore, missing: str
) -> None:
    server = private_store(options=SOUND)
    granted = f"{RIGHTS['lean']} {OF_OUTPUTS['lean']}".split()
    rights = [right for right in granted if right != missing]
    with closing(redis.Redis.from_url(server.url)) as admin:
        make_limited(admin, rights)
    checked = check_redis_alone(server.url.replace("//", "//limited:any@"))

    assert checked.code == 1
    status, found, remedy = checked.row("script rights")
    assert status == "failed"
    assert f"user limited lacks {missing};" in found
    assert remedy == f"as an administrator: ACL SETUSER limited {missing}"
    status, _, remedy = checked.row("redis server")
    assert status == "unknown"
    assert remedy.startswith("+info: grant it, or look as another user: profiler check --redis ")
    if missing == "+script|load":
        assert checked.row("script loaded")[0] == "failed"


@pytest.mark.parametrize("preset", RIGHTS)
def test_the_trial_calls_change_no_profile(private_store: MakeStore, preset: str) -> None:
    """Not even if a visitor had the id that they are made with."""
    with closing(connect(private_store().url)) as client:
        script = ProfileScript(client, load_rules(preset))
        fields = {script.rules.identity.visitor[0]: "ada", script.rules.identity.visit: "one"}
        script.apply([FlatEvent("s", 1, 1_000, fields)])
        key = key_of(script.rules.store.key, "ada")
        before = (client.hgetall(key), client.pexpiretime(key))
        try_all(client, script, key)
        assert (client.hgetall(key), client.pexpiretime(key)) == before
        client.persist(key)
        try_all(client, script, key)
        assert client.pexpiretime(key) == -1


@pytest.mark.parametrize("client", ["librdkafka", "kafka-python"])
def test_transactions_need_write_on_ids_that_begin_with_the_group(
    kafka_strict: str, client: str
) -> None:
    """WRITE brings DESCRIBE with it."""
    group = f"group-{uuid.uuid4().hex[:12]}"
    settings = KafkaSettings.model_validate({"client": client, "bootstrap_servers": kafka_strict})

    def look() -> Finding:
        return check_transactions(settings, group, timeout_s=10)

    ids = ResourcePattern(ResourceType.TRANSACTIONAL_ID, group, ACLResourcePatternType.PREFIXED)
    assert look().status == Status.OK
    rule(kafka_strict, ids, ACLOperation.DESCRIBE)
    found = look()
    assert found.status == Status.FAILED
    assert "authorization" in found.found.lower()
    assert f"--operation Write --resource-pattern-type prefixed --transactional-id {group}" in (
        found.remedy
    )
    rule(kafka_strict, ids, ACLOperation.WRITE)
    assert look().status == Status.OK


def rule(address: str, pattern: ResourcePattern, operation: ACLOperation) -> None:
    """Make the only rule of a resource: what it does not allow is denied."""
    allow = ACL("User:*", "*", operation, ACLPermissionType.ALLOW, pattern)
    with admin_client(address) as admin:
        assert not admin.create_acls([allow])["failed"]


def test_missing_rights(kafka_strict: str) -> None:
    token = uuid.uuid4().hex[:12]
    topics = {name: f"{name}-{token}" for name in ("processed", "flattened", "rejected")}
    groups = {mode: f"{mode}-{token}" for mode in MODES}
    create_topics(KafkaSettings(bootstrap_servers=kafka_strict), topics.values(), partitions=1)
    named = {f"topics__{name}": topic for name, topic in topics.items()}
    named |= {f"groups__{mode}": group for mode, group in groups.items()}

    def look() -> Checked:
        return run_check("--mode", "flatten", kafka__bootstrap_servers=kafka_strict, **named)

    assert look().code == 0
    topic, group = ResourceType.TOPIC, ResourceType.GROUP
    rule(kafka_strict, ResourcePattern(topic, topics["processed"]), ACLOperation.WRITE)
    rule(kafka_strict, ResourcePattern(topic, topics["flattened"]), ACLOperation.READ)
    rule(kafka_strict, ResourcePattern(topic, topics["rejected"]), ACLOperation.CREATE)
    rule(kafka_strict, ResourcePattern(group, groups["flatten"]), ACLOperation.DESCRIBE)
    ids = ResourcePattern(
        ResourceType.TRANSACTIONAL_ID, groups["flatten"], ACLResourcePatternType.PREFIXED
    )
    rule(kafka_strict, ids, ACLOperation.DESCRIBE)

    checked = look()

    assert checked.code == 1
    expected = {
        f"topic {topics['processed']} rights": ("READ is not allowed", "--operation Read --topic"),
        f"topic {topics['flattened']} rights": ("WRITE is not allowed", "--operation Write"),
        f"topic {topics['rejected']} exists": ("it may not be seen", "allow WRITE on the topic"),
        f"group {groups['flatten']} rights": (
            "READ is not allowed",
            f"Read --group {groups['flatten']}",
        ),
        f"group {groups['flatten']} transactions": (
            "flatten",
            f"prefixed --transactional-id {groups['flatten']}",
        ),
    }
    assert checked.failed() == list(expected)
    for name, (found, remedy) in expected.items():
        _, was_found, was_advised = checked.row(name)
        assert found in was_found
        assert remedy in was_advised
    # Neither READ nor WRITE shows the configuration.
    settings = checked.row(f"topic {topics['flattened']} settings")
    assert settings[0] == "unknown"
    assert "DESCRIBE_CONFIGS" in settings[2]
