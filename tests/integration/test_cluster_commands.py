"""The commands, the rights and TLS on a Redis Cluster."""

from __future__ import annotations

import itertools
import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import redis
from pydantic import SecretStr
from redis.crc import key_slot

from profiler.config import RedisSettings
from profiler.errors import ConfigError
from profiler.profiles.keys import key_of
from profiler.profiles.redis import nodes_of
from profiler.profiles.redis.connections import connect, connect_to
from profiler.profiles.reply import Applied
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent
from profiler.rules.model import load_rules
from profiler.servers.ports import free_port
from profiler.servers.processes import wait_until
from servers import passwords
from servers.redis_secure import USER, TlsStore
from tests.integration.checks import check_redis_alone
from tests.integration.commands import run_command
from tests.integration.documented_rights import (
    documented_cluster_rights,
    documented_rights,
    make_user,
)
from tests.integration.pipe_runs import pipe
from tests.integration.secure_runs import EVENT, Certificates, user_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from servers.redis_cluster import RedisCluster
    from tests.conftest import MakeStore

ALL_SLOTS = ("CLUSTER", "ADDSLOTSRANGE", 0, 16383)


def test_the_commands(redis_cluster: RedisCluster) -> None:
    url = redis_cluster.url
    for node in redis_cluster.nodes:
        node.ask("SCRIPT", "FLUSH")
    assert run_command(["lua", "check"], redis__url=url).code == 1
    assert run_command(["lua", "install"], redis__url=url).code == 0
    assert run_command(["lua", "check"], redis__url=url).code == 0
    names = [f"visitor-{number}" for number in range(20)]
    lines = [b'{"value": %b}\n' % EVENT.replace(b"ada", name.encode()) for name in names]
    outputs, errors = pipe(b"".join(lines), "--redis", url)
    assert errors == []
    found = {}
    for name in names[:2]:
        done = run_command(["get", name, "--json"], redis__url=url)
        found[name] = json.loads(done.output)["profile"]["visitor_first_page"]
    assert found == dict.fromkeys(names[:2], "Home")
    assert len(outputs) == len(names)
    for name in names:
        key = f"visitor:{{{name}}}"
        assert redis_cluster.primary_of(key).ask("DEL", key) == 1


def test_check_has_rows_for_every_primary(redis_cluster: RedisCluster) -> None:
    checked = check_redis_alone(redis_cluster.url)
    status, found, _ = checked.row("redis cluster")
    assert (status, found) == ("ok", "3 primaries, every slot is served, each has a replica")
    for node in redis_cluster.primaries:
        assert checked.row(f"redis 127.0.0.1:{node.port} role")[:2] == ("ok", "primary")
        assert "neither AOF" in checked.row(f"redis 127.0.0.1:{node.port} persistence")[1]


def test_check_names_a_node_that_is_away(redis_cluster: RedisCluster) -> None:
    """Here because it is down, and so as well where its address leads nowhere."""
    primary = redis_cluster.primaries[1]
    replica = redis_cluster.replica_of(primary)
    replica.kill()
    primary.kill()
    try:
        checked = check_redis_alone(redis_cluster.url)
        status, found, remedy = checked.row(f"redis 127.0.0.1:{primary.port} reachable")
        assert (status, "refused" in found) == ("failed", True)
        assert "cluster-announce-hostname" in remedy
    finally:
        primary.start()
        replica.start()
        redis_cluster.await_health()


def test_a_primary_without_a_replica_is_no_protection(private_store: MakeStore) -> None:
    server = private_store(options=["--cluster-enabled", "yes"])
    with closing(redis.Redis.from_url(server.url)) as admin:
        admin.execute_command(*ALL_SLOTS)  # type: ignore[no-untyped-call]
    status, found, _ = check_redis_alone(server.url).row("redis cluster")
    assert status == "warning"
    assert f"no replica takes over from 127.0.0.1:{server.port}" in found


def test_a_unix_socket_leads_to_one_node_only(private_store: MakeStore) -> None:
    server = private_store(options=["--cluster-enabled", "yes", "--unixsocket", "redis.sock"])
    with closing(connect(f"unix://{server.directory}/redis.sock")) as client:
        script = ProfileScript(client, load_rules("lean"))
        with pytest.raises(ConfigError, match="a cluster is reached by redis:// or rediss://"):
            script.register()


@pytest.fixture
def user(redis_cluster: RedisCluster) -> Iterator[RedisCluster]:
    """The documented user on every node, with no password in any message."""
    grant_everywhere(redis_cluster, [*documented_rights(), *documented_cluster_rights()])
    yield redis_cluster
    for node in redis_cluster.nodes:
        node.ask("ACL", "DELUSER", USER)
        node.ask("ACL", "LOG", "RESET")


def grant_everywhere(cluster: RedisCluster, rights: Sequence[str]) -> None:
    for node in cluster.nodes:
        with closing(redis.Redis.from_url(node.url)) as admin:
            make_user(admin, list(rights))


def script_of(url: str) -> ProfileScript:
    """The script, called by the user."""
    settings = RedisSettings(url=SecretStr(url), username=USER, password=SecretStr(passwords.REDIS))
    return ProfileScript(connect_to(settings), load_rules("lean"))


def see_while_it_moves(cluster: RedisCluster, script: ProfileScript) -> None:
    """Apply a new visitor's event while the slot is on its way, and remove it again."""
    key = key_of(script.rules.store.key, "ada")
    slot, source = key_slot(key.encode()), cluster.primary_of(key)
    target = cluster.another_than(source)
    cluster.begin_move(slot, source, target)
    fields = {script.rules.identity.visitor[0]: "ada", script.rules.identity.visit: "one"}
    try:
        (outcome,) = script.apply([FlatEvent("0:t:0", 1, 1_700_000_000_000, fields)])
    finally:
        cluster.finish_move(slot, source, target)
        cluster.await_health()
        target.ask("DEL", key)
    assert isinstance(outcome, Applied)


def test_the_documented_rights_are_enough(user: RedisCluster) -> None:
    script = script_of(user.url)
    script.register()
    see_while_it_moves(user, script)
    assert script.is_registered()
    assert script.read("ada") is None
    assert script.rights().missing == []
    assert [node.ask("ACL", "LOG") for node in user.nodes] == [[]] * len(user.nodes)


@pytest.mark.parametrize("missing", ["+cluster|slots", "+asking"])
def test_each_right_of_a_cluster_is_needed(user: RedisCluster, missing: str) -> None:
    rights = [right for right in documented_cluster_rights() if right != missing]
    assert len(rights) == 1
    grant_everywhere(user, [*documented_rights(), *rights])
    script = script_of(user.url)
    assert script.rights().missing == [missing]
    with pytest.raises(ConfigError, match=r"Redis refuses us: .*see docs/operations.md"):
        see_while_it_moves(user, script)


class TlsNode(TlsStore):
    """A cluster of one node, with TLS on every port."""

    def __init__(self, certificates: Certificates) -> None:
        bus = ["--tls-cluster", "yes", "--cluster-port", str(free_port())]
        super().__init__(certificates.authority, options=["--cluster-enabled", "yes", *bus])


def info_of(admin: redis.Redis) -> bytes:
    info: bytes = admin.execute_command("CLUSTER", "INFO", NEVER_DECODE=True)  # type: ignore[no-untyped-call]
    return info


def test_tls_and_login_are_those_of_every_node(certificates: Certificates) -> None:
    with TlsNode(certificates) as server:
        with closing(redis.Redis.from_url(server.trusting_url)) as admin:
            admin.execute_command(*ALL_SLOTS)  # type: ignore[no-untyped-call]
            make_user(admin, [*documented_rights(), *documented_cluster_rights()])
            assert wait_until(lambda: b"cluster_state:ok" in info_of(admin), timeout=60)
        settings = user_of(server, certificates)
        # The host that is down comes first: it is passed over with TLS too.
        settings |= {"REDIS__URL": f"rediss://127.0.0.1:1,127.0.0.1:{server.port}/0"}
        assert run_command(["lua", "install"], **settings).code == 0
        assert run_command(["lua", "check"], **settings).code == 0
        named = [(f"PROFILER_{name}", text) for name, text in settings.items()]
        line = b'{"value": %b}\n' % EVENT
        ((output,), errors) = pipe(line, "--redis", settings["REDIS__URL"], settings=named)
    assert output["value"]["profile_visitor_first_page"] == "Home"
    # It may read no other keys than a worker's.
    assert [each["event"] for each in errors] == ["who was forgotten under other keys is not known"]


def test_keys_of_one_slot_end_the_search(redis_cluster: RedisCluster) -> None:
    """As where `check` looks for a key on each primary, and the keys have one slot."""
    with closing(connect(redis_cluster.url)) as client:
        nodes = nodes_of(client)
        numbers = itertools.count()
        assert len(nodes.key_on_each(lambda: f"{{x}}{next(numbers)}")) == 1
        assert len(nodes.key_on_each(lambda: f"{{{next(numbers)}}}")) == len(
            redis_cluster.primaries
        )
