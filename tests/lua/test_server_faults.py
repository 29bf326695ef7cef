"""What a server in trouble means: try again, or stop because the configuration is wrong."""

from __future__ import annotations

import threading
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import redis

from profiler.errors import ConfigError, StoreUnavailableError
from profiler.profiles.redis.connections import connect
from profiler.profiles.redis.faults import translated
from profiler.profiles.reply import Applied
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent
from profiler.rules.model import load_rules
from profiler.servers.ports import free_port
from profiler.servers.processes import wait_until
from servers.redis import FLAVOURS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from profiler.servers.embedded import StoreServer
    from tests.conftest import MakeStore

RULES = load_rules("lean")
EVENT = FlatEvent("s", 1, 1_000, {RULES.identity.visitor[0]: "v", RULES.identity.visit: "A"})


class Deployment:
    """A server of the test's own, the script on it, and an administrator's connection."""

    def __init__(self, server: StoreServer) -> None:
        self.server = server
        self.admin = redis.Redis.from_url(server.url)
        self.client = connect(server.url, timeout_s=2)
        self.script = ProfileScript(self.client, RULES)
        self.script.register()

    def close(self) -> None:
        """End the connections."""
        self.admin.close()
        self.client.close()

    def command(self, *words: str | int) -> Any:  # noqa: ANN401 - as the server answers
        """Send what redis-py has no typed method for."""
        return self.admin.execute_command(*words)  # type: ignore[no-untyped-call]

    def assert_unavailable(self) -> None:
        """The batch is to be applied again, and so is a registration or a look at a profile."""
        with pytest.raises(StoreUnavailableError):
            self.script.apply([EVENT])

    def assert_recovered(self) -> None:
        """The batch was not applied in part: as if it came for the first time."""
        (outcome,) = self.script.apply([EVENT])
        assert isinstance(outcome, Applied)
        assert "replayed" not in outcome.flags


@pytest.fixture(params=FLAVOURS)
def deployment(private_store: MakeStore, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    with closing(Deployment(private_store(request.param))) as deployment:
        yield deployment


def test_a_server_that_is_away_is_unavailable(deployment: Deployment) -> None:
    deployment.server.kill()

    deployment.assert_unavailable()
    with pytest.raises(StoreUnavailableError):
        deployment.script.register()
    with pytest.raises(StoreUnavailableError):
        deployment.script.read("v")
    with pytest.raises(StoreUnavailableError):
        deployment.script.is_registered()

    deployment.server.start()
    deployment.assert_recovered()


def test_a_server_that_does_not_answer_is_unavailable(deployment: Deployment) -> None:
    with closing(connect(deployment.server.url, timeout_s=0.2)) as hasty:
        script = ProfileScript(hasty, RULES)
        script.register()
        deployment.admin.client_pause(700)
        with pytest.raises(StoreUnavailableError):
            script.apply([EVENT])


def test_a_server_without_memory_is_unavailable(deployment: Deployment) -> None:
    deployment.admin.config_set("maxmemory", "1")
    deployment.assert_unavailable()

    deployment.admin.config_set("maxmemory", "0")
    deployment.assert_recovered()


def test_a_server_that_runs_another_script_is_unavailable(deployment: Deployment) -> None:
    deployment.admin.config_set("busy-reply-threshold", "10")
    with closing(redis.Redis.from_url(deployment.server.url)) as other:

        def run_for_ever() -> None:
            try:
                other.eval("while true do end", 0)
            except redis.RedisError as error:
                killed.append(translated(error))

        killed: list[Exception] = []

        thread = threading.Thread(target=run_for_ever)
        thread.start()
        try:
            assert wait_until(lambda: is_busy(deployment.admin), timeout=60)
            deployment.assert_unavailable()
        finally:
            deployment.admin.script_kill()
            thread.join()
    # As it would be for a call of ours.
    assert [type(error) for error in killed] == [StoreUnavailableError]
    assert "killed" in str(killed[0])
    deployment.assert_recovered()


def is_busy(client: redis.Redis) -> bool:
    try:
        client.ping()
    except redis.RedisError as error:
        return str(error).startswith("BUSY")
    return False


def test_a_replica_without_its_primary_is_unavailable(deployment: Deployment) -> None:
    """READONLY after a failover; MASTERDOWN where old data must not be served."""
    deployment.admin.config_set("replica-serve-stale-data", "yes")
    deployment.command("REPLICAOF", "127.0.0.1", free_port())
    deployment.assert_unavailable()
    deployment.admin.config_set("replica-serve-stale-data", "no")
    deployment.assert_unavailable()

    deployment.command("REPLICAOF", "NO", "ONE")
    deployment.assert_recovered()


def test_a_primary_without_replicas_that_it_needs_is_unavailable(deployment: Deployment) -> None:
    deployment.admin.config_set("min-replicas-to-write", "1")
    deployment.assert_unavailable()

    deployment.admin.config_set("min-replicas-to-write", "0")
    deployment.assert_recovered()


def test_a_server_that_cannot_save_is_unavailable(deployment: Deployment) -> None:
    """MISCONF: it was told not to take writes then."""
    deployment.admin.config_set("save", "3600 1")
    deployment.admin.config_set("rdbcompression", "no")
    deployment.server.directory.joinpath("dump.rdb").mkdir()
    with pytest.raises(redis.ResponseError):
        deployment.admin.save()
    deployment.admin.bgsave()
    persistence = deployment.admin.info
    assert wait_until(
        lambda: persistence("persistence")["rdb_last_bgsave_status"] == "err", timeout=60
    )

    deployment.assert_unavailable()

    deployment.admin.config_set("stop-writes-on-bgsave-error", "no")
    deployment.assert_recovered()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_cluster_without_its_slots_is_unavailable(private_store: MakeStore, flavour: str) -> None:
    server = private_store(flavour, options=["--cluster-enabled", "yes"])
    with closing(Deployment(server)) as deployment:
        deployment.assert_unavailable()

        deployment.command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        # CLUSTERDOWN until the node thinks so itself.
        info = partial(deployment.command, "CLUSTER", "INFO")
        assert wait_until(lambda: b"cluster_state:ok" in info(), timeout=60)
        deployment.assert_recovered()


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    "rights",
    [
        None,
        ["+script|load", "+script|exists"],
        ["+evalsha", "+script|load", "+hget", "+exists", "+hset", "+hdel"],
        ["+evalsha", "+script|load", "+hset", "+pexpire", "+hdel"],
    ],
)
def test_a_server_that_refuses_us_is_a_wrong_configuration(
    private_store: MakeStore, flavour: str, rights: Sequence[str] | None
) -> None:
    """Without a password, or without the right to a command, waiting would not help."""
    with closing(Deployment(private_store(flavour))) as deployment:
        url = deployment.server.url
        if rights is None:
            deployment.admin.config_set("requirepass", "secret")
        else:
            commands = ["+ping", *rights]
            deployment.admin.acl_setuser(
                "limited", enabled=True, nopass=True, keys=["*"], commands=commands
            )
            url = url.replace("//", "//limited:any@")
        with closing(connect(url)) as client, pytest.raises(ConfigError, match=r"Redis refuses us"):
            ProfileScript(client, RULES).apply([EVENT])
