"""Apache Kafka for the rows: one broker behind a proxy, or a cluster of three."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from confluent_kafka import Consumer

from profiler.servers.ports import LOOPBACK, free_port
from servers.kafka import RestartedKafka
from tests.chaos.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

BROKERS = 3
_AUTHORIZER = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"


class Brokers:
    """What a row needs of a cluster.

    Attributes:
        nodes: the brokers.
        bootstrap_servers: the address of the harness.
        worker_servers: the address of the workers, which may lead through a proxy.
        replication: how many replicas a topic gets.
        proxy: between workers and broker, where there is one.
    """

    nodes: list[RestartedKafka]
    replication: int
    proxy: Proxy | None = None

    @property
    def bootstrap_servers(self) -> str:
        """The address of the harness."""
        return ",".join(node.bootstrap_servers for node in self.nodes)

    @property
    def worker_servers(self) -> str:
        """The address of the workers."""
        return self.bootstrap_servers

    def heal(self) -> None:
        """Let every broker run again, and the network be well."""
        for node in self.nodes:
            if node.running:
                os.kill(node.pid, signal.SIGCONT)
            node.start()
        if self.proxy is not None:
            self.proxy.heal()

    def leader_of(self, topic: str, partition: int) -> RestartedKafka:
        """The broker that leads a partition, as the cluster says now."""
        asker = Consumer({"bootstrap.servers": self.bootstrap_servers, "group.id": "looker"})
        try:
            found = asker.list_topics(topic, timeout=10)
        finally:
            asker.close()
        leader = found.brokers[found.topics[topic].partitions[partition].leader]
        return next(node for node in self.nodes if node.port == leader.port)


class ProxiedKafka(RestartedKafka):
    """A broker with a second listener, which is advertised at a proxy's port, and access rules."""

    def __init__(self, proxy_port: int) -> None:
        """Choose the ports."""
        super().__init__()
        self.proxied_port, self._proxy_port = free_port(), proxy_port

    def settings(self) -> dict[str, str]:
        """The broker's properties."""
        ours = super().settings()
        added = {
            "listeners": f"PROXIED://{LOOPBACK}:{self.proxied_port}",
            "advertised.listeners": f"PROXIED://{LOOPBACK}:{self._proxy_port}",
            "listener.security.protocol.map": "PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
        }
        return {
            **ours,
            **{name: f"{ours[name]},{text}" for name, text in added.items()},
            "inter.broker.listener.name": "PLAINTEXT",
            "authorizer.class.name": _AUTHORIZER,
            "allow.everyone.if.no.acl.found": "true",
        }


class OneBroker(Brokers):
    """One broker; the workers reach it through the proxy where a row asks for that."""

    replication = 1

    def __init__(self) -> None:
        """Describe it."""
        port = free_port()
        self._broker = ProxiedKafka(port)
        self.nodes = [self._broker]
        self.proxy = Proxy(self._broker.proxied_port, port=port)

    def __enter__(self) -> Self:
        self._broker.start()
        assert self.proxy is not None
        self.proxy.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        assert self.proxy is not None
        self.proxy.__exit__()
        self._broker.close()

    @property
    def worker_servers(self) -> str:
        """Through the proxy."""
        assert self.proxy is not None
        return f"{LOOPBACK}:{self.proxy.port}"


class _Node(RestartedKafka):
    """One of three brokers that are controllers too."""

    def __init__(self, number: int, controllers: list[int]) -> None:
        super().__init__()
        self._number, self._controllers = number, controllers

    def settings(self) -> dict[str, str]:
        """The broker's properties."""
        own = self._controllers[self._number - 1]
        voters = [f"{i}@{LOOPBACK}:{port}" for i, port in enumerate(self._controllers, start=1)]
        replicated = {
            name: str(BROKERS)
            for name in (
                "default.replication.factor",
                "offsets.topic.replication.factor",
                "transaction.state.log.replication.factor",
            )
        }
        return {
            **super().settings(),
            **replicated,
            "node.id": str(self._number),
            "listeners": f"PLAINTEXT://{LOOPBACK}:{self.port},CONTROLLER://{LOOPBACK}:{own}",
            "controller.quorum.voters": ",".join(voters),
            "min.insync.replicas": "2",
            "transaction.state.log.min.isr": "2",
            "replica.lag.time.max.ms": "4000",
        }


class ThreeBrokers(Brokers):
    """Three brokers: every topic has three replicas, two of which must acknowledge."""

    replication = BROKERS

    def __init__(self) -> None:
        """Describe them."""
        controllers = [free_port() for _ in range(BROKERS)]
        self.nodes = [_Node(number, controllers) for number in range(1, BROKERS + 1)]

    def __enter__(self) -> Self:
        # None is ready before a majority of the controllers runs.
        with ThreadPoolExecutor(BROKERS) as pool:
            list(pool.map(lambda node: node.start(), self.nodes))
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            node.close()


@contextmanager
def silent(node: RestartedKafka) -> Iterator[None]:
    """SIGSTOP: connections stay, and nothing answers."""
    os.kill(node.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(node.pid, signal.SIGCONT)
