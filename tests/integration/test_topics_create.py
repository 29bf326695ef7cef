"""`profiler topics create`: what it makes, what it leaves alone, and what it says about it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from profiler.config.settings import KafkaSettings, TopicSettings
from profiler.kafka.admin.client import open_admin
from profiler.kafka.admin.topics import Topic, describe_topics
from tests.integration.commands import Done, run_command
from tests.integration.pipeline_runs import rules_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kafka import KafkaAdminClient

    from servers.kafka import Kafka

DAY_MS = 86_400_000


class Names:
    """Topics that nobody else has, the command, and what is there."""

    def __init__(self, kafka: Kafka) -> None:
        token = uuid.uuid4().hex[:12]
        self.topics = TopicSettings(
            processed=f"in-{token}", flattened=f"flat-{token}", persisted=f"out-{token}",
            triggers=f"told-{token}", rejected=f"dead-{token}",
        )  # fmt: skip
        self.bootstrap_servers = kafka.bootstrap_servers

    def create(self, *arguments: str, **settings: str) -> Done:
        """Run the command."""
        named = {f"topics__{name}": topic for name, topic in self.topics}
        return run_command(
            ["topics", "create", "--bootstrap-servers", self.bootstrap_servers, *arguments],
            **named,
            **settings,
        )

    def created(self, *arguments: str, **settings: str) -> list[str]:
        """The lines of a run that succeeded."""
        done = self.create(*arguments, **settings)
        assert (done.code, done.errors) == (0, ""), done
        return done.output.splitlines()

    def there(self) -> list[Topic]:
        """The topics that exist, in the order of the pipeline."""
        settings = KafkaSettings(bootstrap_servers=self.bootstrap_servers)
        with open_admin(settings, "describe topics") as admin:
            found = describe_topics(admin, self.topics.all(triggers=True))
        return [topic for topic in found.values() if isinstance(topic, Topic)]


@pytest.fixture
def names(kafka: Kafka, kafka_admin: KafkaAdminClient) -> Iterator[Names]:
    names = Names(kafka)
    yield names
    if names.there():
        kafka_admin.delete_topics(names.topics.all())


def test_twice_creates_once_and_says_what_is_there(names: Names) -> None:
    first = names.created("--partitions", "3", "--replication", "1", "--retention", "30d")
    second = names.created("--partitions", "3")

    [*outputs, dead] = first
    tail = "3 partitions, 1 copy, records are kept 30 days, of up to"
    assert outputs == [
        f"{name}: created; {tail} 1,048,588 bytes" for name in names.topics.all()[:3]
    ]
    assert dead == f"{names.topics.rejected}: created; {tail} 8,388,608 bytes"
    assert second == [line.replace("created", "exists") for line in first]
    found = names.there()
    assert [topic.partitions for topic in found] == [3] * 4
    assert {topic.config["retention.ms"] for topic in found} == {str(30 * DAY_MS)}


def test_the_dead_letters_get_the_room_that_is_set(names: Names) -> None:
    names.created(dead_letters__max_bytes="2000000")
    sizes = [int(topic.config["max.message.bytes"]) for topic in names.there()]
    assert sizes == [1_048_588] * 3 + [2_000_000]


def test_missing_partitions_are_named_and_never_added(names: Names) -> None:
    names.created("--partitions", "1")
    lines = names.created("--partitions", "4")
    assert [topic.partitions for topic in names.there()] == [1] * 4
    assert sum("fewer partitions than the 4 asked for" in line for line in lines) == 4
    remedy = f"kafka-topics --alter --topic {names.topics.processed} --partitions 4"
    assert remedy in lines[1]


def test_rules_with_triggers_have_a_topic_more(names: Names, tmp_path: Path) -> None:
    rules = rules_file(tmp_path, "standard", "triggers:")
    with rules.open("a") as file:
        file.write('[[triggers]]\nname = "again"\nscope = "visitor"\n')
        file.write('when = [{ field = "visitor_visits", ">" = 1 }]\n')
    lines = names.created("--rules", str(rules), "--dry-run")
    assert lines == [f"{name}: would be created" for name in names.topics.all(triggers=True)]
    assert names.topics.triggers in lines[3]


def test_only_what_is_missing_is_created(names: Names, kafka_admin: KafkaAdminClient) -> None:
    names.created("--partitions", "2", "--retention", "forever")
    kafka_admin.delete_topics([names.topics.persisted])

    lines = names.created("--partitions", "2", "--retention", "36h")

    assert [line.split(" ")[1] for line in lines] == ["exists;", "exists;", "created;", "exists;"]
    kept = [topic.config["retention.ms"] for topic in names.there()]
    assert kept == ["-1", "-1", str(DAY_MS * 3 // 2), "-1"]


def test_a_dry_run_creates_nothing(names: Names) -> None:
    lines = names.created("--partitions", "2", "--dry-run")
    assert lines == [f"{name}: would be created" for name in names.topics.all()]
    assert names.there() == []

    refused = names.create("--replication", "7", "--dry-run")
    assert refused.code == 1
    assert "replication" in refused.errors.lower()


@pytest.mark.parametrize("duration", ["", "7", "0d", "-1", "1w", "1.5h"])
def test_a_wrong_duration_is_wrong_usage(names: Names, duration: str) -> None:
    done = names.create(f"--retention={duration}")
    assert done.code == 2
    assert "30d" in done.errors


def test_no_broker_is_one_line(names: Names) -> None:
    done = names.create("--dry-run", "--timeout", "0.5", "--bootstrap-servers", "127.0.0.1:1")
    assert done.code == 1
    assert done.errors.splitlines()[-1].startswith("profiler: create topics: ")


def test_the_help_explains_partitions_and_retention() -> None:
    text = " ".join(run_command(["topics", "create", "--help"]).output.split())
    assert "more workers than partitions do nothing" in text
    assert "outputs copy the timestamps of their inputs" in text
