"""The servers that all other tests rely on: each is what it claims to be."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
import redis
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from profiler.errors import ConfigError
from servers import MissingServerError
from servers.kafka import describes_cluster
from servers.kafka_jars import resolve_jars
from servers.kafka_java import find_java
from servers.redis import FLAVOURS, flavour_of, shared_store
from servers.sources import docker_answers, enter_first
from tests.missing import needed_servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.kafka import Kafka
    from servers.redis import Store
    from tests.conftest import MakeStore, MakeTopics


def test_kafka_takes_and_gives_a_record(kafka: Kafka, topics: MakeTopics) -> None:
    (topic,) = topics("servers", partitions=3)
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap_servers)
    producer.send(topic, key=b"k", value=b"v", partition=2).get(timeout=60)
    producer.close()
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=kafka.bootstrap_servers,
        group_id=topic,
        session_timeout_ms=6000,
        heartbeat_interval_ms=1000,
        auto_offset_reset="earliest",
        consumer_timeout_ms=20_000,
    )
    record = next(consumer)
    partitions = consumer.partitions_for_topic(topic)
    consumer.close()
    assert (record.key, record.value, record.partition, record.offset) == (b"k", b"v", 2, 0)
    assert partitions == {0, 1, 2}


def test_kafka_hides_aborted_records(kafka: Kafka, topics: MakeTopics) -> None:
    """The embedded broker does not: what sets a real Kafka apart for the tests of delivery."""
    (topic,) = topics("servers")
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap_servers, transactional_id=topic)
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(topic, b"aborted").get(timeout=60)
    producer.abort_transaction()
    producer.begin_transaction()
    producer.send(topic, b"committed")
    producer.commit_transaction()
    producer.close()
    consumer = KafkaConsumer(
        bootstrap_servers=kafka.bootstrap_servers,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        consumer_timeout_ms=10_000,
    )
    consumer.assign([TopicPartition(topic, 0)])
    record = next(consumer)
    consumer.close()
    assert record.value == b"committed"


def test_topics_are_unique(topics: MakeTopics) -> None:
    first, second = topics("same", "same")
    assert first != second
    assert first.startswith("same-")


def test_store_is_of_its_flavour(store: Store, redis_client: redis.Redis) -> None:
    info = redis_client.info("server")
    if store.flavour == "valkey9":
        assert int(info["valkey_version"].split(".")[0]) >= 9
    else:
        assert int(info["redis_version"].split(".")[0]) >= 7
        assert "valkey_version" not in info
    assert flavour_of(store.url) == store.flavour


def test_store_gives_bytes(redis_client: redis.Redis, key_prefix: str) -> None:
    redis_client.set(f"{key_prefix}a", b"\xff")
    assert redis_client.get(f"{key_prefix}a") == b"\xff"


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_private_store_can_crash_and_come_back(flavour: str, private_store: MakeStore) -> None:
    server = private_store(flavour, options=["--appendonly", "yes", "--appendfsync", "always"])
    assert flavour_of(server.url) == flavour
    with redis.Redis.from_url(server.url) as client:
        client.set("a", "1")
        server.kill()
        server.start()
        assert client.get("a") == b"1"


def test_environment_gives_the_addresses(
    private_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis7, valkey9 = private_store("redis7"), private_store("valkey9")
    monkeypatch.setenv("PROFILER_TEST_SERVERS", "env")
    monkeypatch.setenv("PROFILER_TEST_REDIS", f"{redis7.url},{valkey9.url}")
    monkeypatch.setattr("servers.sources.USED", {})
    with ExitStack() as stack:
        assert shared_store(stack, "redis7").url == redis7.url
        assert shared_store(stack, "valkey9").url == valkey9.url


@contextmanager
def nowhere() -> Iterator[str]:
    raise MissingServerError("install it")
    yield ""


def ask_nowhere() -> None:
    with ExitStack() as stack, needed_servers():
        enter_first(stack, "a server", {"local": nowhere, "docker": nowhere})


def test_missing_server_names_every_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROFILER_TEST_SERVERS", raising=False)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="a server: install it, or install it"):
        ask_nowhere()


def test_missing_server_is_a_failure_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROFILER_TEST_SERVERS", raising=False)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="CI needs a server: install it"):
        ask_nowhere()


def test_a_source_that_does_not_exist_is_no_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFILER_TEST_SERVERS", "dokcer")
    with pytest.raises(ConfigError, match="PROFILER_TEST_SERVERS=dokcer: expected one of env,"):
        ask_nowhere()


def test_wrong_address_of_kafka_is_noticed() -> None:
    assert not describes_cluster("127.0.0.1:1")


def test_jars_need_maven_only_once(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.environ.get("PROFILER_TEST_KAFKA") or docker_answers():
        pytest.skip(f"{kafka} does not come from jars")
    resolve_jars.cache_clear()
    monkeypatch.setenv("PATH", "")
    assert any(resolve_jars().glob("kafka_2.13-*.jar"))


def test_java_takes_kafka_s_classes_from_the_archive(kafka: Kafka) -> None:
    """It goes on without a word where it cannot use the archive, and is twice as slow."""
    if os.environ.get("PROFILER_TEST_KAFKA") or docker_answers():
        pytest.skip(f"{kafka} does not come from jars")
    command = [*find_java().command("-Xlog:class+load"), "kafka.tools.StorageTool", "random-uuid"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    loaded = re.findall(r"(org\.apache\.kafka\.\S+) source: (.*)", printed)
    shared = [name for name, source in loaded if source.startswith("shared objects file")]
    assert "org.apache.kafka.common.Uuid" in shared
    assert len(shared) > len(loaded) / 2
