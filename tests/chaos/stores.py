"""Redis for the rows: one server, a primary with a lagging replica, Sentinel, a cluster."""

from __future__ import annotations

import os
import signal
import subprocess
from abc import ABC, abstractmethod
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

import redis

from profiler.servers.embedded import StoreServer
from profiler.servers.ports import LOOPBACK
from servers.redis import redis_binary
from servers.redis_cluster import RedisCluster
from servers.redis_sentinel import RedisSentinel, await_copy
from tests.chaos.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: An acknowledged write survives a crash.
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
EVERY_SECOND = ("--appendonly", "yes", "--appendfsync", "everysec")
FLEETING = ("--appendonly", "no")

_PATIENCE_S = 20.0


class Stores(ABC):
    """What a row needs of Redis; a `with` block runs it.

    Attributes:
        url: the address of the workers.
    """

    url: str

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError, RuntimeError):
            self.heal()
        self._stack.close()

    @property
    @abstractmethod
    def oracle_url(self) -> str:
        """The address at which no fault is."""

    @abstractmethod
    def heal(self) -> None:
        """Let every server run, and the network be well."""

    @abstractmethod
    def _start(self, stack: ExitStack) -> None:
        """Start the servers; the stack ends them."""


class ServerStores(Stores):
    """One server takes all writes."""

    @property
    @abstractmethod
    def server(self) -> StoreServer:
        """The server that takes the writes now."""

    @property
    def oracle_url(self) -> str:
        """The server's own address."""
        return self.server.url

    def heal(self) -> None:
        """Let the server run, and the network be well."""
        if self.server.running:
            os.kill(self.server.pid, signal.SIGCONT)
        self.server.start()

    @contextmanager
    def administrator(self) -> Iterator[Any]:
        """A client of the server."""
        with redis.Redis.from_url(self.server.url, socket_timeout=_PATIENCE_S) as client:
            yield client

    def used_bytes(self) -> int:
        """What the server says that it uses."""
        with self.administrator() as client:
            return int(client.info("memory")["used_memory"])


class OneStore(ServerStores):
    """One server.

    Args:
        options: of Redis.
        disk_mb: its data lies on a file system of its own of this size; 0: it does not.

    Attributes:
        proxy: between workers and server.
    """

    def __init__(self, options: Sequence[str] = DURABLE, *, disk_mb: int = 0) -> None:
        super().__init__()
        self._server = StoreServer(redis_binary(), options=options)
        self._disk_mb = disk_mb
        self.proxy = Proxy(self._server.port)
        self.url = f"redis://{LOOPBACK}:{self.proxy.port}/0"

    @property
    def server(self) -> StoreServer:
        """The server."""
        return self._server

    def heal(self) -> None:
        """Let the server run, and the network be well."""
        super().heal()
        self.proxy.heal()

    @property
    def log_file(self) -> Path:
        """Its append-only file that grows."""
        (found,) = (self._server.directory / "appendonlydir").glob("*.incr.aof")
        return found

    def _start(self, stack: ExitStack) -> None:
        if self._disk_mb:
            small_disk(stack, self._server.directory, self._disk_mb)
        stack.enter_context(self._server)
        stack.enter_context(self.proxy)


class LaggingPair(ServerStores):
    """A primary, and a replica that is behind; both have one name, which leads to the primary.

    Args:
        lag_s: how far the replica is behind.
    """

    def __init__(self, lag_s: float) -> None:
        super().__init__()
        at_once = ["--repl-diskless-sync-delay", "0"]
        self._primary = StoreServer(redis_binary(), options=[*DURABLE, *at_once])
        self._link = Proxy(self._primary.port)
        follow = ["--replicaof", f"{LOOPBACK} {self._link.port}"]
        self._replica = StoreServer(redis_binary(), options=[*DURABLE, *at_once, *follow])
        self._name = Proxy(self._primary.port)
        self._lag_s = lag_s
        self.url = f"redis://{LOOPBACK}:{self._name.port}/0"

    @property
    def server(self) -> StoreServer:
        """Whatever the name leads to."""
        is_primary = self._name.target == self._primary.port
        return self._primary if is_primary else self._replica

    def promote(self) -> None:
        """The primary dies; the replica has what had come by then, and takes the name over."""
        self._primary.kill()
        self._link.cut()
        with redis.Redis.from_url(self._replica.url, socket_timeout=_PATIENCE_S) as client:
            client.replicaof("NO", "ONE")
        self._name.target = self._replica.port
        self._name.cut()

    def _start(self, stack: ExitStack) -> None:
        for each in (self._primary, self._link, self._replica, self._name):
            stack.enter_context(each)
        await_copy(self._primary, self._replica)
        self._link.replies.delay_s = self._lag_s


class SentinelStores(ServerStores):
    """A primary, its replica, and three sentinels."""

    def __init__(self) -> None:
        super().__init__()
        self.sentinel = RedisSentinel()
        self.url = self.sentinel.url

    @property
    def server(self) -> StoreServer:
        """The primary, as the first sentinel knows it."""
        port = self.sentinel.sentinels[0].primary()
        pair = (self.sentinel.primary, self.sentinel.replica)
        return next(each for each in pair if each.port == port)

    def heal(self) -> None:
        """Nothing: a failover is the cure."""

    def _start(self, stack: ExitStack) -> None:
        stack.enter_context(self.sentinel)


class ClusterStores(Stores):
    """Three primaries with a replica each."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = RedisCluster()

    @property
    def url(self) -> str:  # type: ignore[override] # another node's where one is down
        """The address of a node that runs."""
        return self.cluster.url

    @property
    def oracle_url(self) -> str:
        """The same as `url`."""
        return self.cluster.url

    def heal(self) -> None:
        """Let every node run, and the cluster be whole."""
        for node in self.cluster.nodes:
            node.start()
        self.cluster.await_health()

    def _start(self, stack: ExitStack) -> None:
        stack.enter_context(self.cluster)


def small_disk(stack: ExitStack, directory: Path, megabytes: int) -> None:
    """Mount a file system of this size at a directory, until the stack ends.

    Raises:
        subprocess.CalledProcessError: only root may.
    """
    options = ["-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(directory)]
    subprocess.run(["mount", *options], check=True, capture_output=True)
    stack.callback(subprocess.run, ["umount", "--lazy", str(directory)], check=False)
