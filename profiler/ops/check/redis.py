"""Redis: is it there, may it be written to, and does it keep what it is given?"""

import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import redis

from profiler.config.settings import Settings
from profiler.errors import ConfigError, ProfilerError
from profiler.ops.check.findings import Finding, Status, Subject
from profiler.ops.check.redis_cluster import check_cluster
from profiler.ops.check.redis_sentinel import check_sentinels
from profiler.ops.check.redis_version import check_version
from profiler.ops.check.script import check_script
from profiler.profiles.redis import nodes_of
from profiler.profiles.redis.connections import connect_to
from profiler.profiles.redis.detect import refuse_sentinel
from profiler.profiles.redis.faults import translated, translating
from profiler.profiles.script import ProfileScript
from profiler.rules.model import Rules

_REDIS = Subject("redis")
_PINGS = 5
_ASKED = (
    "appendfsync",
    "hash-max-listpack-value",
    "maxmemory-policy",
    "min-replicas-to-write",
    "save",
)
_FULL = 0.9
#: See docs/performance.md, "Memory".
_COMPACT_BYTES = 2_048
_AS_ADMIN = "grant it, or look as another user: profiler check --redis redis://admin@host:6379/0"


def check_redis(settings: Settings, rules: Rules | None, *, timeout_s: float) -> Iterator[Finding]:
    """All rows about Redis, of a cluster about every primary.

    Each question waits for the timeout at most.

    Args:
        settings: how to reach it.
        rules: whose script is to run; None where they are wrong.
        timeout_s: for one answer.

    Raises:
        ConfigError: the address or a TLS file cannot be read, or what answers cannot be used.
    """
    client = connect_to(settings.redis.model_copy(update={"socket_timeout_s": timeout_s}))
    with closing(client):
        yield from check_sentinels(client)
        reached = _reached(client)
        yield reached
        if reached.status is Status.FAILED:
            return
        try:
            with translating():
                yield from _rows(client, rules, outputs=settings.delivery == "exactly-once")
        except ConfigError:
            raise
        except ProfilerError as error:
            yield _REDIS.failed("connection", str(error), "try again")


def _rows(client: "redis.Redis", rules: Rules | None, *, outputs: bool) -> Iterator[Finding]:
    """What a server that can be reached tells about itself, and our rights there."""
    nodes = nodes_of(client)
    cluster = check_cluster(nodes)
    yield cluster
    if cluster.status is Status.FAILED:
        return
    for name, server in nodes.servers().items():
        yield from (row._replace(subject=name) for row in _server(server))
    if rules is not None:
        user = client.connection_pool.connection_kwargs.get("username") or "default"
        yield from check_script(ProfileScript(client, rules), user, outputs=outputs)


def _reached(client: "redis.Redis") -> Finding:
    times = []
    try:
        for _ in range(_PINGS):
            started = time.perf_counter()
            client.ping()
            times.append(time.perf_counter() - started)
    except redis.exceptions.NoPermissionError:
        return _REDIS.ok("reachable", "it answers; this user may not PING")
    except redis.exceptions.ResponseError as error:
        return _REDIS.warning("reachable", f"it answers: {error}", "the rows below say why")
    except redis.exceptions.AuthenticationError as error:
        refuse_sentinel(client)
        return _REDIS.failed(
            "reachable",
            f"it refuses the login: {error}",
            "check redis.username and redis.password, or the user and password in redis.url",
        )
    except redis.RedisError as error:
        return _REDIS.failed(
            "reachable",
            str(translated(error)),
            "start the server, and check redis.url: host, port, and rediss:// where it has TLS",
        )
    return _REDIS.ok("reachable", f"it answers within {statistics.median(times) * 1_000:.1f} ms")


def _server(client: "redis.Redis") -> Iterator[Finding]:
    """Version, role and settings, as far as this user may ask."""
    try:
        info: Mapping[str, Any] = client.info()
    except redis.ConnectionError as error:
        yield _REDIS.failed(
            "reachable",
            f"a node of the cluster announces this address: {error}",
            "start it; where the address leads nowhere from here: cluster-announce-hostname or -ip",
        )
        return
    except redis.exceptions.NoPermissionError as error:
        yield _REDIS.unknown(
            "server", f"version, role, memory and persistence: {error}", f"+info: {_AS_ADMIN}"
        )
        return
    config: dict[str, str] = {}
    try:
        config = {str(name): str(value) for name, value in client.config_get(*_ASKED).items()}
    except redis.exceptions.ResponseError as error:  # providers remove the command
        yield _REDIS.unknown(
            "settings", f"saving, needed replicas: {error}", f"+config|get: {_AS_ADMIN}"
        )
    yield check_version(info)
    yield _role(info)
    yield _eviction(info)
    yield _memory(info)
    yield from _persistence(info, config)
    yield _last_write(info)
    yield _replicas(info, config)
    if config:
        yield _encoding(config)


def _role(info: Mapping[str, Any]) -> Finding:
    if info["role"] == "master":
        return _REDIS.ok("role", "primary")
    return _REDIS.failed(
        "role",
        f"a replica of {info.get('master_host')}:{info.get('master_port')}: it takes no writes",
        "name the primary in redis.url",
    )


def _eviction(info: Mapping[str, Any]) -> Finding:
    policy = info["maxmemory_policy"]
    if policy == "noeviction":
        return _REDIS.ok("eviction", policy)
    return _REDIS.failed(
        "eviction",
        f"{policy}: when memory is short, visitors are forgotten without a sign",
        "CONFIG SET maxmemory-policy noeviction, and the same in the server's configuration",
    )


def _memory(info: Mapping[str, Any]) -> Finding:
    used, most = int(info["used_memory"]), int(info["maxmemory"])
    if not most:
        return _REDIS.warning(
            "memory",
            f"{_mib(used)} used, maxmemory is not set: the system may kill the server",
            "CONFIG SET maxmemory to what the host can spare; workers wait while it is full",
        )
    found = f"{_mib(used)} of {_mib(most)} used"
    if used > _FULL * most:
        return _REDIS.warning("memory", found, "raise maxmemory: workers wait while it is full")
    return _REDIS.ok("memory", found)


def _persistence(info: Mapping[str, Any], config: Mapping[str, str]) -> Iterator[Finding]:
    remedy = "CONFIG SET appendonly yes, and the same in the server's configuration"
    if not info["aof_enabled"]:
        if not config:
            yield _REDIS.unknown("persistence", "no AOF; snapshots may not be asked about", remedy)
        elif config["save"]:
            yield _REDIS.warning(
                "persistence",
                f"snapshots only (save {config['save']}): a crash loses what came after the last"
                " snapshot, and Kafka does not send it again",
                remedy,
            )
        else:
            yield _REDIS.failed(
                "persistence", "neither AOF nor snapshots: a restart forgets all visitors", remedy
            )
        return
    fsync = config.get("appendfsync", "unknown")
    if fsync == "no":
        yield _REDIS.warning(
            "persistence",
            "AOF, appendfsync no: a crash of the host loses up to half a minute",
            "CONFIG SET appendfsync everysec, and the same in the server's configuration",
        )
    else:
        yield _REDIS.ok("persistence", f"AOF, appendfsync {fsync}")


def _last_write(info: Mapping[str, Any]) -> Finding:
    names = ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")
    failing = [name for name in names if info.get(name, "ok") != "ok"]
    if not failing:
        return _REDIS.ok("last save", "ok")
    return _REDIS.failed(
        "last save",
        f"{', '.join(failing)}: not ok; the server refuses writes, or will lose them",
        "look into the server's log: full disk, wrong owner of its directory, no memory to fork",
    )


def _replicas(info: Mapping[str, Any], config: Mapping[str, str]) -> Finding:
    there = int(info["connected_slaves"])
    needed = int(config.get("min-replicas-to-write", 0))
    found = f"{there} connected"
    if needed > there:
        return _REDIS.failed(
            "replicas",
            f"{found}, min-replicas-to-write {needed}: it refuses writes",
            "start the replicas",
        )
    if there and config and not needed:
        return _REDIS.warning(
            "replicas",
            f"{found}, min-replicas-to-write 0: a failover may lose acknowledged profiles",
            "CONFIG SET min-replicas-to-write 1",
        )
    return _REDIS.ok("replicas", found)


def _encoding(config: Mapping[str, str]) -> Finding:
    found = int(config["hash-max-listpack-value"])
    hint = f"; {_COMPACT_BYTES} saves a third of a profile's memory" * (found < _COMPACT_BYTES)
    return _REDIS.ok("encoding", f"hash-max-listpack-value {found}{hint}")


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
