"""`profiler check` on Kafka: topics, groups and the rights to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from profiler.config import KafkaSettings
from profiler.kafka.admin.groups import open_groups
from tests.integration.checks import NO_KAFKA, NO_REDIS, Checked, run_check
from tests.integration.pipeline_runs import Deployment, Input

if TYPE_CHECKING:
    from tests.integration.conftest import Deploy

SMALL = {"max.message.bytes": "500000"}


@pytest.fixture
def deployment(deploy: Deploy) -> Deployment:
    """Its Redis is of no interest here."""
    return deploy(NO_REDIS, partitions=2)


def check(
    deployment: Deployment, mode: str = "flatten", *arguments: str, **settings: str
) -> Checked:
    """Run the check of a mode; `flatten` needs no Redis."""
    named = {f"topics__{name}": topic for name, topic in deployment.topics.items()}
    named |= {f"groups__{name}": group for name, group in deployment.groups.items()}
    return run_check(
        "--mode",
        mode,
        *arguments,
        redis__url=deployment.redis_url,
        rules=str(deployment.rules),
        kafka__bootstrap_servers=deployment.bootstrap_servers,
        **named,
        **settings,
    )


def test_sound_topics_have_no_failure(deployment: Deployment) -> None:
    checked = check(deployment)

    assert checked.code == 0
    topics = [deployment.topics[name] for name in ("processed", "flattened", "rejected")]
    shown = {name.split()[1] for name in checked.rows if name.startswith("topic ")}
    assert shown == set(topics)
    for topic, right in zip(topics, ("READ", "WRITE", "WRITE"), strict=True):
        assert checked.row(f"topic {topic} exists") == ("ok", "2 partitions", "")
        assert checked.row(f"topic {topic} rights") == ("ok", f"{right} is allowed", "")
        assert checked.row(f"topic {topic} copies")[::2] == ("warning", "fine on one broker")
        cleanup = checked.row(f"topic {topic} clean-up")
        assert cleanup[:2] == ("ok", "delete, records are kept for ever")
    group = f"group {deployment.groups['flatten']}"
    assert checked.row(f"{group} rights")[:2] == ("ok", "READ is allowed")
    assert checked.row(f"{group} progress")[1] == "0 members, nothing committed yet"
    assert checked.row("kafka mode")[0] == "ok"
    assert not any(name.startswith(("redis", "script")) for name in checked.rows)


def test_each_mode_looks_at_its_own_topics(deployment: Deployment) -> None:
    unused = {"run": [], "flatten": ["persisted"], "profile": ["processed"]}
    for mode, names in unused.items():
        rows = check(deployment, mode, "--timeout", "2").rows
        shown = {name.split()[1] for name in rows if name.startswith("topic ")}
        assert shown == {t for n, t in deployment.topics.items() if n not in names}


def test_triggers_need_a_topic_of_their_own(deployment: Deployment) -> None:
    with deployment.rules.open("a") as file:
        file.write('[[triggers]]\nname = "again"\nscope = "visitor"\n')
        file.write('when = [{ field = "visitor_visits", ">" = 1 }]\n')
    absent = {"topics__triggers": "never-made"}
    row = check(deployment, "profile", "--timeout", "2", **absent).row("topic never-made exists")
    assert row == ("failed", "there is no such topic", "profiler topics create")
    assert "topic never-made exists" not in check(deployment, "flatten", **absent).rows


def test_a_missing_topic(deployment: Deployment) -> None:
    deployment.topics["flattened"] = "no-such-topic"
    checked = check(deployment)
    assert checked.code == 1
    row = checked.row("topic no-such-topic exists")
    assert row == ("failed", "there is no such topic", "profiler topics create")
    assert checked.failed() == ["topic no-such-topic exists"]


class Case(NamedTuple):
    """A topic that is not as it should be."""

    topic: str
    settings: dict[str, str]
    row: str
    status: str
    found: str
    remedy: str


CASES = [
    Case(
        "processed",
        {"cleanup.policy": "compact"},
        "clean-up",
        "failed",
        "all but the latest event of a key are deleted",
        "set cleanup.policy to delete",
    ),
    Case(
        "flattened",
        {"cleanup.policy": "compact,delete"},
        "clean-up",
        "failed",
        "records without a key refused",
        "set cleanup.policy to delete",
    ),
    Case(
        "flattened",
        SMALL,
        "record size",
        "failed",
        "one that is refused stops its partition",
        "set max.message.bytes to 1048576, or lower limits.max_record_bytes",
    ),
    Case(
        "rejected",
        SMALL,
        "record size",
        "warning",
        "of a larger dead letter only a reference is kept",
        f"set max.message.bytes to {1_048_588 + 4_096}",
    ),
    Case(
        "flattened",
        {"retention.ms": str(2 * 86_400_000)},
        "timestamps",
        "warning",
        "keeps records for ever, and this topic 2 days",
        "set retention.ms no lower than the input's",
    ),
    Case(
        "flattened",
        {"message.timestamp.after.max.ms": "3600000"},
        "timestamps",
        "warning",
        "takes timestamps too far in the future for this topic",
        "the same message.timestamp.after.max.ms",
    ),
    Case(
        "flattened",
        {"message.timestamp.before.max.ms": "3600000"},
        "timestamps",
        "warning",
        "keeps records whose timestamps are too old for this topic",
        "raise message.timestamp.before.max.ms",
    ),
    Case(
        "flattened",
        {"min.insync.replicas": "2"},
        "copies",
        "failed",
        "1 copy, 1 in sync, min.insync.replicas 2: it refuses writes",
        "or lower min.insync.replicas",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join([case.topic, *case.settings]))
@pytest.mark.field(
    kind="streams",
    meets="topics that refuse the timestamps, the keys or the size of what is written",
    happens="`check` has a row for each, with the setting to change",
)
def test_a_wrong_setting_of_a_topic(deployment: Deployment, case: Case) -> None:
    name = deployment.topics[case.topic]
    deployment.configure(name, case.settings)

    checked = check(deployment)

    status, found, remedy = checked.row(f"topic {name} {case.row}")
    assert status == case.status
    assert case.found in found
    assert case.remedy in remedy
    expected = [f"topic {name} {case.row}"] if status == "failed" else []
    assert checked.failed() == expected
    assert checked.code == len(expected)


def test_the_broker_s_own_timestamps_are_no_trap(deployment: Deployment) -> None:
    name = deployment.topics["flattened"]
    mine = {"message.timestamp.type": "LogAppendTime", "message.timestamp.after.max.ms": "1000"}
    deployment.configure(name, mine | {"retention.ms": "1000000"})
    row = check(deployment).row(f"topic {name} timestamps")
    assert row == ("ok", "the broker's own, LogAppendTime", "")


def test_fewer_partitions_than_the_input(deployment: Deployment, deploy: Deploy) -> None:
    deployment.topics["flattened"] = deploy(NO_REDIS, partitions=1).topics["flattened"]
    checked = check(deployment)
    row = checked.row(f"topic {deployment.topics['flattened']} exists")
    assert row[0] == "warning"
    assert "1 partition, and the input has 2" in row[1]
    assert checked.code == 0


def test_progress_and_the_other_mode(deployment: Deployment) -> None:
    deployment.produce([Input(b"{}", partition=0)] * 5)
    settings = KafkaSettings(bootstrap_servers=deployment.bootstrap_servers)
    with open_groups(settings) as groups:
        groups.commit(deployment.groups["flatten"], deployment.topics["processed"], {0: 2})

    checked = check(deployment)
    row = checked.row(f"group {deployment.groups['flatten']} progress")
    assert row[:2] == ("ok", "0 members, 3 offsets behind")

    other = check(deployment, "run", "--timeout", "2").row("kafka mode")
    assert other[0] == "failed"
    assert f"group {deployment.groups['flatten']} (profiler flatten) has committed" in other[1]
    assert "Switching modes" in other[2]


def test_no_broker(deployment: Deployment) -> None:
    deployment.bootstrap_servers = NO_KAFKA
    checked = check(deployment, "flatten", "--timeout", "1")
    assert (checked.code, checked.failed()) == (1, ["kafka reachable"])
    _, found, remedy = checked.row("kafka reachable")
    assert NO_KAFKA in found
    assert "check kafka.bootstrap_servers" in remedy


def test_more_partitions_than_streams(deployment: Deployment) -> None:
    row = f"topic {deployment.topics['processed']} streams"
    status, found, _ = check(deployment, "run", limits__streams="1").row(row)
    assert status == "failed"
    assert "has 2 partitions, but limits.streams is 1" in found
    assert check(deployment, "run").row(row)[0] == "ok"
    assert row not in check(deployment, "flatten", limits__streams="1").rows
