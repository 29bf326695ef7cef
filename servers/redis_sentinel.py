"""Redis Sentinel on loopback: a primary, a replica, and the sentinels that watch them."""

from __future__ import annotations

from contextlib import ExitStack, closing, suppress
from typing import TYPE_CHECKING, Any, Self

import redis

from profiler.servers.embedded import StoreServer, answers_ping
from profiler.servers.ports import LOOPBACK
from profiler.servers.processes import ServerProcess, ServerStartError, wait_until
from servers.redis import redis_binary

if TYPE_CHECKING:
    from collections.abc import Callable

    from servers.certificates import Authority

#: What the sentinels call the primary.
SERVICE = "visitors"
#: So long must a primary be silent to count as down.
DOWN_AFTER_MS = 500
_PATIENCE_S = 60.0


class Sentinel(ServerProcess):
    """One sentinel."""

    name = "sentinel"
    is_disposable = True

    def __init__(
        self,
        primary: int,
        *,
        quorum: int = 1,
        authority: Authority | None = None,
        password: str = "",
    ) -> None:
        """Choose the port.

        Args:
            primary: the primary's port.
            quorum: how many sentinels must hold the primary for dead.
            authority: with it the sentinel and its primary have TLS only.
            password: what clients have to say.
        """
        super().__init__()
        self._binary = redis_binary()
        self._primary, self._quorum = primary, quorum
        self._authority, self._password = authority, password

    @property
    def url(self) -> str:
        """The address, as of a Redis; with TLS it trusts the authority."""
        if self._authority is None:
            return f"redis://{LOOPBACK}:{self.port}/0"
        trust = f"ssl_ca_certs={self._authority.certificate}"
        return f"rediss://{LOOPBACK}:{self.port}/0?{trust}"

    def prepare(self) -> None:
        """Write the configuration once; the sentinel keeps its state in it."""
        path = self.directory / "sentinel.conf"
        if path.exists():
            return
        watched = f"{SERVICE} {LOOPBACK} {self._primary} {self._quorum}"
        network = [f"port {self.port}"]
        if self._authority is not None:
            certificate, key = self._authority.issue("sentinel")
            network = [
                "port 0",
                f"tls-port {self.port}",
                f"tls-cert-file {certificate}",
                f"tls-key-file {key}",
                f"tls-ca-cert-file {self._authority.certificate}",
                "tls-auth-clients no",
                "tls-replication yes",
            ]
        if self._password:
            network.append(f'requirepass "{self._password}"')
        lines = [
            *network,
            f"bind {LOOPBACK}",
            f"dir {self.directory}",
            f"sentinel monitor {watched}",
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {SERVICE} 3000",
        ]
        path.write_text("\n".join([*lines, ""]))

    def command(self) -> list[str]:
        """The sentinel's command line."""
        return [self._binary, str(self.directory / "sentinel.conf"), "--sentinel"]

    def is_ready(self) -> bool:
        """Whether it answers PING."""
        return answers_ping(self.url)

    def ask(self, *words: str) -> Any:  # noqa: ANN401 - as the server answers
        """Send one command."""
        return _ask(self.url, *words)

    def primary(self) -> int:
        """The port of the primary, as this sentinel knows it."""
        return int(self.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1])

    def is_content(self, peers: int) -> bool:
        """Whether it knows the replica and so many other sentinels, and nobody is down."""
        about = self.ask("SENTINEL", "MASTER", SERVICE)
        seen = about["num-slaves"], about["num-other-sentinels"], about["flags"]
        return bool(seen == ("1", str(peers), "master"))


class RedisSentinel:
    """A primary, its replica and three sentinels, two of whom must agree.

    The context manager starts them, waits until all know each other, and ends them.
    """

    def __init__(self) -> None:
        """Describe the servers."""
        # A replica follows at once.
        options = ["--repl-diskless-sync-delay", "0"]
        self.primary = StoreServer(redis_binary(), options=options)
        follow = ["--replicaof", f"{LOOPBACK} {self.primary.port}"]
        self.replica = StoreServer(redis_binary(), options=[*options, *follow])
        self.sentinels = [Sentinel(self.primary.port, quorum=2) for _ in range(3)]
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """The address by the sentinels."""
        hosts = ",".join(f"{LOOPBACK}:{each.port}" for each in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for server in (self.primary, self.replica):
                stack.enter_context(server)
            # A sentinel that sees no replica at once looks again after ten seconds.
            self.await_copy()
            for sentinel in self.sentinels:
                stack.enter_context(sentinel)
            peers = len(self.sentinels) - 1
            _await(
                "the sentinels to know each other",
                lambda: all(each.is_content(peers) for each in self.sentinels),
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def await_copy(self) -> None:
        """Wait until the replica has all that the primary has."""
        await_copy(self.primary, self.replica)

    def await_failover(self) -> None:
        """Wait until the replica is the primary, and every sentinel that runs says so."""
        running = [each for each in self.sentinels if each.running]
        _await(
            "the failover",
            lambda: (
                _ask(self.replica.url, "ROLE")[0] == "master"
                and all(each.primary() == self.replica.port for each in running)
            ),
        )


def await_copy(primary: StoreServer, replica: StoreServer) -> None:
    """Wait until a replica has all that its primary has."""
    _await(
        "the replica to follow",
        lambda: (
            _ask(replica.url, "ROLE")[3] == "connected"
            and _ask(replica.url, "ROLE")[4] == _ask(primary.url, "ROLE")[1]
        ),
    )


def _ask(url: str, *words: str) -> Any:  # noqa: ANN401 - as the server answers
    with closing(redis.Redis.from_url(url, decode_responses=True)) as client:
        return client.execute_command(*words)  # type: ignore[no-untyped-call]


def _await(what: str, check: Callable[[], bool]) -> None:
    def holds() -> bool:
        # Sentinel has a server drop its connections when it changes its role.
        with suppress(redis.ConnectionError):
            return check()
        return False

    if not wait_until(holds, timeout=_PATIENCE_S):
        raise ServerStartError(f"waited {_PATIENCE_S:g} s in vain for {what}")
