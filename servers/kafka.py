"""Apache Kafka: one KRaft node that is broker and controller."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from profiler.servers.ports import LOOPBACK, free_port
from profiler.servers.processes import ServerProcess, ServerStartError, wait_until
from servers.kafka_java import KafkaJava, find_java
from servers.kafka_settings import broker_settings
from servers.sources import NO_DOCKER, MissingServerError, docker_answers, enter_first

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import ExitStack
    from pathlib import Path

ADDRESSES = "PROFILER_TEST_KAFKA"
IMAGE = "apache/kafka:4.3.1"
CLUSTER_ID = "dmlzaXRvci1wcm9maWxlcg"  # 22 characters of base64, as Kafka demands
HEAP = ["-Xms256m", "-Xmx512m"]


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
    is_disposable = True
    #: Further options for the command that formats the storage.
    format_options: Sequence[str] = ()

    def __init__(self, *, port: int = 0, java: KafkaJava | None = None) -> None:
        """Find Java and the jars.

        Args:
            port: the loopback port, or 0 for any free one.
            java: another Java than the one on the PATH with its archive.

        Raises:
            MissingServerError: Java or Maven is missing, or Maven could not resolve the jars.
        """
        super().__init__(port=port)
        self._controller_port = free_port()
        self._java = java or trained_java()

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
            self._java.run("kafka.tools.StorageTool", *arguments, *self.format_options)

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
        return self._java.command(*options)


class RestartedKafka(KafkaProcess):
    """For tests that stop it in every way: it is soon back after a crash, and may be slow to stop.

    After a crash the controller refuses the broker until the session that it had is over.
    """

    stop_timeout = 30.0

    def settings(self) -> dict[str, str]:
        """The broker's properties."""
        session = {"broker.session.timeout.ms": "2000", "broker.heartbeat.interval.ms": "500"}
        return {**super().settings(), **session}


class _Trainee(KafkaProcess):
    """A broker that writes the archive when it stops, which takes seconds."""

    stop_timeout = 60.0


@cache
def trained_java() -> KafkaJava:
    """The Java on the PATH, with its archive where there can be one.

    Raises:
        MissingServerError: as `find_java`.
    """
    java = find_java()
    if not java.archive.exists() and os.access(java.jars, os.W_OK):
        with java.archive.with_suffix(".lock").open("w") as lock:
            # One process makes it; all other processes wait for it.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not java.archive.exists():
                _train(java)
    return java


def _train(java: KafkaJava) -> None:
    """Let a broker start and stop: it leaves the archive of the classes that it loaded."""
    unfinished = java.archive.with_suffix(".new")
    with _Trainee(java=java.written_to(unfinished)) as server:
        server.stop()
    # Without a file, brokers start as slowly as without this.
    with contextlib.suppress(FileNotFoundError):
        unfinished.replace(java.archive)


def shared_kafka(stack: ExitStack) -> Kafka:
    """Start or find a cluster.

    Raises:
        MissingServerError: no source has one.
    """
    sources = {"env": _from_environment, "docker": _from_docker, "local": _from_jars}
    return enter_first(stack, "real Kafka", sources)


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
