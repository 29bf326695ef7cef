"""Apache Kafka for the tests: one KRaft node that is broker and controller."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from profiler.servers.ports import LOOPBACK, free_port
from profiler.servers.processes import ServerProcess, ServerStartError, wait_until
from servers import NO_DOCKER, MissingServerError, docker_answers, enter_first
from servers.kafka_jars import resolve_jars as resolve_jars  # noqa: PLC0414 - a test takes it from here

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import ExitStack
    from pathlib import Path

ADDRESSES = "PROFILER_TEST_KAFKA"
IMAGE = "apache/kafka:4.3.1"
CLUSTER_ID = "dmlzaXRvci1wcm9maWxlcg"  # 22 characters of base64, as Kafka demands
HEAP = ["-Xms256m", "-Xmx512m"]
# Short runs on shared cores: a fast start matters more than peak throughput.
FAST_START = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]


@dataclass(frozen=True)
class Kafka:
    """A running cluster that tests share.

    Attributes:
        bootstrap_servers: its address for Kafka clients.
    """

    bootstrap_servers: str

    def __str__(self) -> str:
        return self.bootstrap_servers


class KafkaProcess(ServerProcess):
    """Apache Kafka from jars; `stop`, `kill` and `start` keep port and data."""

    name = "kafka"
    start_timeout = 60.0
    #: Further options for the command that formats the storage.
    format_options: Sequence[str] = ()

    def __init__(self, *, port: int = 0) -> None:
        """Find Java and the jars.

        Args:
            port: the loopback port, or 0 for any free one.

        Raises:
            MissingServerError: Java or Maven is missing, or Maven could not resolve the jars.
        """
        super().__init__(port=port)
        self._controller_port = free_port()
        self._java = _java()
        self._jars = resolve_jars()

    @property
    def bootstrap_servers(self) -> str:
        """The address for Kafka clients."""
        return f"{LOOPBACK}:{self.port}"

    def settings(self) -> dict[str, str]:
        """The broker's properties."""
        return broker_settings(
            bind=LOOPBACK,
            advertised=self.bootstrap_servers,
            controller_port=self._controller_port,
            log_dir=str(self._logs),
        )

    def prepare(self) -> None:
        """Write the properties, and format the storage before the first start."""
        lines = [f"{name}={value}\n" for name, value in self.settings().items()]
        self._properties.write_text("".join(lines))
        if not (self._logs / "meta.properties").exists():
            arguments = ["format", "-t", CLUSTER_ID, "-c", str(self._properties)]
            self._run_tool("kafka.tools.StorageTool", *arguments, *self.format_options)

    def command(self) -> list[str]:
        """The command line of the JVM."""
        return [*self._jvm(*HEAP), "kafka.Kafka", str(self._properties)]

    def is_ready(self) -> bool:
        """Whether the broker has joined its own cluster."""
        return describes_cluster(self.bootstrap_servers)

    @property
    def _logs(self) -> Path:
        return self.directory / "logs"

    @property
    def _properties(self) -> Path:
        return self.directory / "server.properties"

    def _jvm(self, *options: str) -> list[str]:
        level = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return [self._java, *options, *FAST_START, level, "-cp", f"{self._jars}/*"]

    def _run_tool(self, name: str, *arguments: str) -> None:
        tool = subprocess.run(
            [*self._jvm(), name, *arguments], capture_output=True, text=True, check=False
        )
        if tool.returncode != 0:
            raise ServerStartError(f"{name} failed:\n{tool.stdout}{tool.stderr}")


class RestartedKafka(KafkaProcess):
    """For tests that stop it in every way: it is soon back after a crash, and may be slow to stop.

    After a crash the controller refuses the broker until the session that it had is over.
    """

    stop_timeout = 30.0

    def settings(self) -> dict[str, str]:
        """The broker's properties."""
        session = {"broker.session.timeout.ms": "2000", "broker.heartbeat.interval.ms": "500"}
        return {**super().settings(), **session}


def shared_kafka(stack: ExitStack) -> Kafka:
    """Start or find a cluster; skips the test when there is none."""
    sources = {"env": _from_environment, "docker": _from_docker, "local": _from_jars}
    return enter_first(stack, "real Kafka", sources)


def broker_settings(
    *, bind: str, advertised: str, controller_port: int, log_dir: str
) -> dict[str, str]:
    """The broker's properties: one node, and no waiting that only serves large clusters.

    Args:
        bind: the address that both listeners bind to.
        advertised: host and port that clients connect to; the listener takes the same port.
        controller_port: port of the controller's listener.
        log_dir: directory for the data.
    """
    port = advertised.rpartition(":")[2]
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{bind}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{advertised}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": log_dir,
        "auto.create.topics.enable": "false",
        "min.insync.replicas": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "1",
        # A transaction that outlives its timeout is aborted within a second, not ten.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "300",
    }


def admin_client(bootstrap_servers: str) -> KafkaAdminClient:
    """An admin client, to be closed."""
    return KafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=10_000)


def describes_cluster(bootstrap_servers: str) -> bool:
    """Whether a broker answers at this address and is a member of its cluster."""
    host, _, port = bootstrap_servers.split(",", maxsplit=1)[0].rpartition(":")
    try:
        # The client alone would log every refused connection as an error.
        socket.create_connection((host, int(port)), timeout=1).close()
        with admin_client(bootstrap_servers) as admin:
            return bool(admin.describe_cluster()["brokers"])
    except (OSError, KafkaError):
        return False


@contextmanager
def _from_environment() -> Iterator[Kafka]:
    bootstrap_servers = os.environ.get(ADDRESSES)
    if not bootstrap_servers:
        raise MissingServerError(f"set {ADDRESSES}")
    if not wait_until(lambda: describes_cluster(bootstrap_servers), timeout=10):
        raise ServerStartError(f"{ADDRESSES}={bootstrap_servers}: no answer within 10 s")
    yield Kafka(bootstrap_servers)


@contextmanager
def _from_docker() -> Iterator[Kafka]:
    if not docker_answers():
        raise MissingServerError(NO_DOCKER)
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - takes 0.4 s
    from testcontainers.core.docker_client import DockerClient  # noqa: PLC0415 - the same

    # The broker must know its outer port before it starts, so host and container use one number.
    port = free_port()
    advertised = f"{DockerClient().host()}:{port}"
    settings = broker_settings(
        bind="0.0.0.0",  # noqa: S104 - inside the container
        advertised=advertised,
        controller_port=9093,
        log_dir="/tmp/kafka-logs",  # noqa: S108 - inside the container
    )
    container = DockerContainer(IMAGE).with_bind_ports(port, port)
    for name, value in settings.items():
        container.with_env("KAFKA_" + name.upper().replace(".", "_"), value)
    with container:
        if not wait_until(lambda: describes_cluster(advertised), timeout=60):
            raise ServerStartError(f"the container of {IMAGE} gave no answer within 60 s")
        yield Kafka(advertised)


@contextmanager
def _from_jars() -> Iterator[Kafka]:
    with KafkaProcess() as server:
        yield Kafka(server.bootstrap_servers)


def _java() -> str:
    remedy = "install Java 17 and Maven (Debian: apt-get install openjdk-17-jre-headless maven)"
    java = shutil.which("java")
    if java is None:
        raise MissingServerError(remedy)
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', answer.stderr)
    if version is None or int(version[1]) < 17:
        raise MissingServerError(remedy)
    return java
