"""`profiler check` on Redis: each thing that can be wrong has its row and its remedy."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import pytest
import redis

from profiler.ops.check.redis_version import check_version
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.rules.model import load_rules
from profiler.servers.processes import wait_until
from servers.redis import FLAVOURS
from tests.integration.checks import NO_REDIS, SOUND, check_redis_alone
from tests.integration.commands import run_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.conftest import MakeStore


class Case(NamedTuple):
    """A server that is not as it should be."""

    options: Sequence[str]
    row: str
    status: str
    found: str
    remedy: str


CASES = [
    Case(
        ["--maxmemory-policy", "allkeys-lru"],
        "redis eviction",
        "failed",
        "allkeys-lru: when memory is short, visitors are forgotten",
        "CONFIG SET maxmemory-policy noeviction",
    ),
    Case(
        ["--maxmemory-policy", "volatile-ttl"],
        "redis eviction",
        "failed",
        "volatile-ttl",
        "CONFIG SET maxmemory-policy noeviction",
    ),
    Case(
        ["--appendonly", "no"],
        "redis persistence",
        "failed",
        "a restart forgets all visitors",
        "CONFIG SET appendonly yes",
    ),
    Case(
        ["--appendonly", "no", "--save", "60 1"],
        "redis persistence",
        "warning",
        "snapshots only (save 60 1)",
        "CONFIG SET appendonly yes",
    ),
    Case(
        ["--appendfsync", "no"],
        "redis persistence",
        "warning",
        "appendfsync no",
        "CONFIG SET appendfsync everysec",
    ),
    Case(
        ["--maxmemory", "0"],
        "redis memory",
        "warning",
        "maxmemory is not set",
        "CONFIG SET maxmemory",
    ),
    Case(["--maxmemory", "1mb"], "redis memory", "warning", "of 1 MiB used", "raise maxmemory"),
    Case(
        ["--replicaof", "127.0.0.1 1"],
        "redis role",
        "failed",
        "a replica of 127.0.0.1",
        "name the primary in redis.url",
    ),
    Case(
        ["--cluster-enabled", "yes"],
        "redis cluster",
        "failed",
        "16,384 of 16,384 slots are served by no primary",
        "redis-cli --cluster check",
    ),
    Case(
        ["--min-replicas-to-write", "1"],
        "redis replicas",
        "failed",
        "0 connected, min-replicas-to-write 1",
        "start the replicas",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(case.options).strip("-"))
def test_a_wrong_setting_has_its_row_and_its_remedy(private_store: MakeStore, case: Case) -> None:
    server = private_store(options=[*SOUND, *case.options])

    checked = check_redis_alone(server.url)

    status, found, remedy = checked.row(case.row)
    assert status == case.status
    assert case.found in found
    assert case.remedy in remedy
    expected = [case.row] if case.status == "failed" else []
    assert checked.failed() == [*expected, "kafka reachable"]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_sound_server_has_no_failure(private_store: MakeStore, flavour: str) -> None:
    server = private_store(flavour, options=SOUND)
    assert run_command(["lua", "install"], redis__url=server.url).code == 0

    checked = check_redis_alone(server.url)

    rows = {name: row.status.value for name, row in checked.rows.items() if "redis" in name}
    assert set(rows.values()) - {"warning"} == {"ok"}
    assert [name for name in rows if rows[name] == "warning"] == ["redis version"] * (
        flavour == "redis7"  # 7.0 was never repaired
    )
    assert checked.row("script loaded")[0] == "ok"
    assert checked.row("script rights")[0] == "ok"


def test_a_script_that_is_not_loaded_is_said(private_store: MakeStore) -> None:
    server = private_store(options=SOUND)
    status, found, remedy = check_redis_alone(server.url).row("script loaded")
    assert status == "warning"
    assert ProfileScript(connect(server.url), load_rules("standard")).sha in found
    assert "profiler lua install" in remedy
    with closing(redis.Redis.from_url(server.url)) as admin:
        assert admin.dbsize() == 0


def test_a_replica_that_lags_behind_is_no_protection(private_store: MakeStore) -> None:
    server = private_store(options=SOUND)
    replica = private_store(options=["--replicaof", f"127.0.0.1 {server.port}"])
    with closing(redis.Redis.from_url(server.url)) as admin:
        assert wait_until(lambda: admin.info()["connected_slaves"] == 1, timeout=60), replica
    status, found, remedy = check_redis_alone(server.url).row("redis replicas")
    assert (status, remedy) == ("warning", "CONFIG SET min-replicas-to-write 1")
    assert "1 connected" in found


def test_a_server_that_cannot_save(private_store: MakeStore) -> None:
    server = private_store(options=[*SOUND, "--save", "3600 1"])
    server.directory.joinpath("dump.rdb").mkdir()
    with closing(redis.Redis.from_url(server.url)) as admin:
        admin.bgsave()
        status = "rdb_last_bgsave_status"
        assert wait_until(lambda: admin.info()[status] == "err", timeout=60)
    row = check_redis_alone(server.url).row("redis last save")
    assert row[:2] == ("failed", f"{status}: not ok; the server refuses writes, or will lose them")
    assert "server's log" in row[2]


def test_a_server_that_is_away() -> None:
    checked = check_redis_alone(NO_REDIS)
    assert checked.code == 1
    status, found, remedy = checked.row("redis reachable")
    assert status == "failed"
    assert "refused" in found
    assert "check redis.url" in remedy


@pytest.mark.field(
    kind="connections",
    meets="Redis takes connections and does not answer",
    happens="`check` ends in time and says so",
)
def test_a_server_that_hangs_is_given_up(private_store: MakeStore) -> None:
    server = private_store(options=SOUND)
    with closing(redis.Redis.from_url(server.url)) as admin:
        admin.client_pause(60_000)
    assert check_redis_alone(server.url).row("redis reachable")[0] == "failed"


def test_a_wrong_password(private_store: MakeStore) -> None:
    server = private_store(options=[*SOUND, "--requirepass", "right"])
    for password in ("very-wrong", ""):
        more = {"redis__password": password} if password else {}
        checked = check_redis_alone(server.url, **more)
        assert checked.code == 1
        status, _, remedy = checked.row("redis reachable")
        assert status == "failed"
        assert "redis.password" in remedy
        assert "very-wrong" not in str(checked)
    assert check_redis_alone(server.url, redis__password="right").row("redis role")[0] == "ok"  # noqa: S106


@pytest.mark.parametrize(
    ("info", "status"),
    [
        ({"redis_version": "6.2.20"}, "failed"),
        ({"redis_version": "7.0.15"}, "warning"),
        ({"redis_version": "7.2.10"}, "warning"),
        ({"redis_version": "7.2.11"}, "ok"),
        ({"redis_version": "8.2.1"}, "warning"),
        ({"redis_version": "8.4.0"}, "ok"),
        ({"redis_version": "7.2.4", "valkey_version": "7.2.11"}, "failed"),
        ({"redis_version": "7.2.4", "valkey_version": "8.1.3"}, "warning"),
        ({"redis_version": "7.2.4", "valkey_version": "8.1.4"}, "ok"),
        ({"redis_version": "7.2.4", "valkey_version": "9.0.0"}, "ok"),
    ],
)
def test_versions(info: dict[str, str], status: str) -> None:
    assert check_version(info).status == status
