"""docker-compose.yml, its services run as plain processes: a record goes in and comes out."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaConsumer, KafkaProducer
from redis import Redis

from profiler.config import Settings
from profiler.servers.processes import wait_until
from servers import MissingServerError
from servers.kafka import IMAGE, admin_client
from servers.redis import IMAGES
from tests.integration.programs import Program
from tests.missing import give_up
from tests.packaging.commands import ROOT, run
from tests.packaging.compose import (
    KafkaService,
    Network,
    RedisService,
    health_command,
    read_compose,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.packaging.image import Image

EVENT = {
    "query": [
        {"name": "other_domain_userid", "value": "ada"},
        {"name": "other_domain_sessionid", "value": "visit-1"},
        {"name": "other_eventtype", "value": "Pageview"},
        {"name": "other_page_title", "value": "Home"},
    ]
}
SERVERS = ("kafka", "redis")
OURS = ("topics", "worker")


@dataclass
class Stack:
    """What `docker compose up` would have started, but for topics and worker."""

    services: dict[str, Any]
    network: Network
    redis: RedisService
    kafka: KafkaService
    image: Image

    def environment(self, name: str) -> dict[str, str]:
        """The variables of one of our containers."""
        return {**self.image.environment(), **self.network.environment(self.services[name])}

    def store(self) -> Redis:
        """A client of Redis."""
        return Redis(port=self.redis.port, decode_responses=True)


@pytest.fixture(scope="module")
def model() -> dict[str, Any]:
    """The compose file, as compose understands it."""
    found, warnings = read_compose()
    assert warnings == ""
    return found


@pytest.fixture(scope="module")
def stack(model: dict[str, Any], image: Image) -> Iterator[Stack]:
    """Start the servers; each is up when its health check passes."""
    services, network = model["services"], Network()
    try:
        store = RedisService(services["redis"], network)
        kafka = KafkaService(services["kafka"], network)
    except MissingServerError as missing:
        give_up("the servers of docker-compose.yml", [str(missing)])
    with ExitStack() as running:
        running.enter_context(store)
        running.enter_context(kafka)
        yield Stack(services, network, store, kafka, image)


def test_every_server_image_is_pinned_and_is_the_one_that_tests_run(model: dict[str, Any]) -> None:
    images = {name: model["services"][name]["image"] for name in SERVERS}

    assert all(re.search(r":\d+\.\d+\.\d+", image) for image in images.values())
    assert images["kafka"] == IMAGE
    assert images["redis"] == IMAGES["redis7"]
    pom = (ROOT / "servers" / "kafka-pom.xml").read_text("utf-8")
    assert f"<kafka.version>{images['kafka'].partition(':')[2]}</kafka.version>" in pom


def test_each_service_waits_for_what_it_needs(model: dict[str, Any]) -> None:
    services = model["services"]
    waits = {
        name: {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        for name, service in services.items()
    }

    assert waits == {
        "kafka": {},
        "redis": {},
        "topics": {"kafka": "service_healthy"},
        "worker": {"redis": "service_healthy", "topics": "service_completed_successfully"},
    }
    assert set(services) == {*SERVERS, *OURS}


def test_nothing_is_open_and_data_has_a_volume(model: dict[str, Any]) -> None:
    services = model["services"]
    places = {name: [v["target"] for v in services[name]["volumes"]] for name in SERVERS}

    assert not any("ports" in service for service in services.values())
    assert places["kafka"] == [services["kafka"]["environment"]["KAFKA_LOG_DIRS"]]
    assert places["redis"] == ["/data"]  # where the image's Redis works
    assert set(model["volumes"]) == set(SERVERS)


def test_workers_end_in_peace_and_come_back(model: dict[str, Any]) -> None:
    services = model["services"]
    for name in (*SERVERS, "worker"):
        assert services[name]["restart"] == "unless-stopped"
        assert int(services[name]["stop_grace_period"].removesuffix("s")) >= 10
    assert "restart" not in services["topics"]
    for name in OURS:
        service = services[name]
        assert service["build"] == {"context": str(ROOT), "dockerfile": "Dockerfile"}
        assert service["init"]
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        # The arguments of the image's entry point, which names the program.
        assert service["entrypoint"] is None
        assert service["command"][0] != "profiler"
        # Several workers of one service: nothing in it may name a single one.
        assert "container_name" not in service


def test_the_documented_file_for_secrets_replaces_the_address(
    model: dict[str, Any], tmp_path: Path
) -> None:
    further = tmp_path / "secrets.yml"
    further.write_text(documented_secrets())

    found, warnings = read_compose(further)

    worker = found["services"]["worker"]
    [secret] = worker["secrets"]
    place = secret.get("target") or f"/run/secrets/{secret['source']}"
    assert warnings == ""
    assert worker["environment"]["PROFILER_REDIS__URL_FILE"] == place
    assert "PROFILER_REDIS__URL" in model["services"]["worker"]["environment"]
    assert "PROFILER_REDIS__URL" not in worker["environment"]
    assert "PROFILER_KAFKA__BOOTSTRAP_SERVERS" in worker["environment"]


def test_redis_keeps_all_it_was_given(stack: Stack) -> None:
    with stack.store() as store:
        assert store.config_get("appendonly") == {"appendonly": "yes"}
        assert store.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert int(store.config_get("maxmemory")["maxmemory"]) >= 2**28


def test_a_record_goes_in_and_comes_out_and_survives_restarts(stack: Stack, tmp_path: Path) -> None:
    topics, bootstrap = Settings().topics, stack.kafka.bootstrap_servers
    for _ in range(2):  # `docker compose up` runs it again
        arguments = stack.image.command(*stack.services["topics"]["command"])
        run(arguments, directory=tmp_path, environment=stack.environment("topics"))
    with admin_client(bootstrap) as admin:
        found = {topic["name"]: topic["partitions"] for topic in admin.describe_topics()}
    assert {name: len(found[name]) for name in topics.all()} == dict.fromkeys(topics.all(), 6)

    produce(bootstrap, topics.processed)
    arguments = stack.services["worker"]["command"]
    environment = stack.environment("worker")
    program = stack.image.command("run")[:-1]
    check = health_command(stack.services["worker"])
    assert shlex.split(check) == stack.image.final.health
    asked = stack.image.command(*stack.image.final.health[1:])
    with Program(arguments, environment, tmp_path, program) as worker:
        assert wait_until(lambda: is_well(asked, environment), timeout=60)
        worker.send_signal(signal.SIGSTOP)
        assert not is_well(asked, environment)
        worker.send_signal(signal.SIGCONT)
        [first] = outputs(worker, bootstrap, topics.persisted, expected=1)
    assert first["query-other_page_title"] == "Home"
    assert (first["profile_visitor_events"], first["profile_new_visitor"]) == (1, True)

    stack.redis.stop()
    assert not stack.redis.is_ready()
    stack.kafka.stop()
    assert not stack.kafka.is_ready()
    stack.redis.start()
    stack.kafka.start()
    produce(bootstrap, topics.processed)
    with Program(arguments, environment, tmp_path, program) as worker:
        both = outputs(worker, bootstrap, topics.persisted, expected=2)
    assert sorted(event["profile_visitor_events"] for event in both) == [1, 2]
    with stack.store() as store:
        assert store.hexists("visitor:{ada}", "~")


def is_well(health: list[str], environment: dict[str, str]) -> bool:
    """Whether the image's health check passes now."""
    done = subprocess.run(health, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or done.stdout.startswith("unwell: "), done
    return done.returncode == 0


def documented_secrets() -> str:
    page = (ROOT / "docs" / "deployment.md").read_text("utf-8")
    [documented] = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    return str(documented)


def produce(bootstrap_servers: str, topic: str) -> None:
    with KafkaProducer(bootstrap_servers=bootstrap_servers) as producer:
        producer.send(topic, json.dumps(EVENT).encode()).get(30)


def outputs(worker: Program, bootstrap_servers: str, topic: str, *, expected: int) -> list[Any]:
    """Wait until the topic has so many records, end the worker, and return their values."""
    found: list[Any] = []
    with KafkaConsumer(
        topic, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest", group_id=None
    ) as consumer:

        def poll() -> bool:
            for records in consumer.poll(500).values():
                found.extend(json.loads(record.value) for record in records)
            return len(found) >= expected

        worker.wait_for(poll)
        assert worker.stop()["read"] == 1
        poll()
    return found
