"""The primary changes while a worker runs: it finds the new one, and nothing is lost."""

from __future__ import annotations

import os
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest
import redis
from pydantic import SecretStr

from profiler.config import RedisSettings
from profiler.profiles.redis.connections import connect_to
from profiler.profiles.redis.exchange import exchange_one
from profiler.servers.processes import wait_until
from servers.moving_name import MovingName
from servers.redis_sentinel import SERVICE, RedisSentinel, await_copy
from tests.integration.fault_events import VISITORS, page_views
from tests.integration.pipeline_runs import place_of, stored_profile
from tests.missing import own_server
from tests.worker.running import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from profiler.servers.embedded import StoreServer
    from tests.conftest import MakeStore
    from tests.worker.conftest import Deploy
    from tests.worker.deployment import MemoryDeployment
    from tests.worker.running import Running

HALF = 3 * len(VISITORS)
UNWELL = "redis is unwell, trying again"


def administer(server: StoreServer, *words: str | bytes | int) -> None:
    with closing(redis.Redis.from_url(server.url)) as client:
        client.execute_command(*words)  # type: ignore[no-untyped-call]


def follow(old: StoreServer, new: StoreServer) -> None:
    administer(old, "REPLICAOF", "127.0.0.1", new.port)


def follow_nobody(old: StoreServer, _new: StoreServer) -> None:
    administer(old, "CONFIG", "SET", "replica-serve-stale-data", "no")
    administer(old, "REPLICAOF", "127.0.0.1", 1)


def miss_replicas(old: StoreServer, _new: StoreServer) -> None:
    administer(old, "CONFIG", "SET", "min-replicas-to-write", 3)


def fail_to_save(old: StoreServer, _new: StoreServer) -> None:
    old.directory.joinpath("dump.rdb").mkdir()
    administer(old, "CONFIG", "SET", "save", "3600 1")
    administer(old, "BGSAVE")
    with closing(redis.Redis.from_url(old.url)) as client:
        assert wait_until(
            lambda: client.info()["rdb_last_bgsave_status"] == "err", timeout=PATIENCE_S
        )


def load_for_long(old: StoreServer, _new: StoreServer) -> None:
    """It takes a minute, and looks at its connections after each key; they stay."""
    for number in range(600):
        administer(old, "SET", f"large {number}", os.urandom(2_048))
    administer(old, "CONFIG", "SET", "key-load-delay", 100_000)
    administer(old, "CONFIG", "SET", "loading-process-events-interval-bytes", 1_024)

    def reload() -> None:
        with suppress(redis.RedisError):  # the server ends before it has loaded
            administer(old, "DEBUG", "RELOAD")

    threading.Thread(target=reload, daemon=True).start()
    with closing(redis.Redis.from_url(old.url)) as client:
        assert wait_until(lambda: _is_loading(client), timeout=PATIENCE_S)


def _is_loading(client: redis.Redis) -> bool:
    try:
        return not client.ping()
    except redis.BusyLoadingError:
        return True


def assert_nothing_is_lost(deployment: MemoryDeployment, new: StoreServer) -> None:
    """Every input was counted once, and left; a copy of a batch in hand may have left too."""
    prefix = deployment.key_prefix
    # A server that just changed its role still drops connections.
    found: list[str] = []

    def counted() -> bool:
        with suppress(redis.ConnectionError):
            found[:] = [
                stored_profile(new.url, prefix, each)["visitor_events"] for each in VISITORS
            ]
        return len(found) == len(VISITORS)

    assert wait_until(counted, timeout=PATIENCE_S)
    assert found == [str(2 * HALF // len(VISITORS))] * len(VISITORS)
    for topic in ("flattened", "persisted"):
        assert len({place_of(record) for record in deployment.read(topic)}) == 2 * HALF
    assert deployment.read("rejected") == []


def work_through(
    deployment: MemoryDeployment, new: StoreServer, change: Callable[[Running], None]
) -> Running:
    """Let a worker process one half, change the servers, and let it process the other half."""
    with deployment.start() as worker:
        deployment.produce(page_views(0, HALF))
        worker.wait_for(deployment.is_done)
        change(worker)
        deployment.produce(page_views(HALF, HALF))
        worker.wait_for(deployment.is_done)
        worker.stop()
    assert_nothing_is_lost(deployment, new)
    return worker


@pytest.mark.parametrize(
    ("makes_unwell", "answer"),
    [
        (follow, "read only replica"),
        (follow_nobody, "read only replica"),
        (miss_replicas, "NOREPLICAS"),
        (fail_to_save, "MISCONF"),
        (load_for_long, "loading"),
    ],
)
@pytest.mark.field(
    kind="connections",
    meets="a failover behind one name; the old primary keeps its connections",
    happens="the connection is dropped, the name resolved again, and nothing is lost",
)
def test_a_name_that_moved_is_resolved_again(
    makes_unwell: Callable[[StoreServer, StoreServer], None],
    answer: str,
    private_store: MakeStore,
    deploy: Deploy,
) -> None:
    """One name for the primary, as providers have it; the old primary keeps its connections."""
    debug = ["--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"]
    old, new = private_store(options=debug), private_store(options=debug)
    administer(new, "REPLICAOF", "127.0.0.1", old.port)
    with MovingName(old.port) as name:

        def change(worker: Running) -> None:
            await_copy(old, new)
            administer(new, "REPLICAOF", "NO", "ONE")
            makes_unwell(old, new)
            # Before the name leads elsewhere, the worker has met the old primary's answer.
            threading.Thread(target=move_when_met, args=(worker,)).start()

        def move_when_met(worker: Running) -> None:
            wait_until(lambda: bool(worker.events(UNWELL)), timeout=PATIENCE_S)
            name.target = new.port

        worker = work_through(deploy(name.url), new, change)
    (first, *_) = worker.events(UNWELL)
    assert answer in first["error"]
    assert name.led_to[-1] == new.port


@pytest.fixture
def sentinel() -> Iterator[RedisSentinel]:
    with own_server("Redis with Sentinel", RedisSentinel) as servers:
        yield servers


@pytest.mark.field(
    kind="connections",
    meets="the primary and one Sentinel die",
    happens="the other Sentinels name the new primary, and the worker goes on",
)
def test_sentinel_names_another_primary_after_a_crash(
    sentinel: RedisSentinel, deploy: Deploy
) -> None:
    def change(_worker: Running) -> None:
        sentinel.await_copy()
        sentinel.primary.kill()
        # The sentinel that was asked first is gone too, as with a host that both were on.
        sentinel.sentinels[0].kill()

    work_through(deploy(sentinel.url), sentinel.replica, change)
    sentinel.await_failover()


def test_sentinel_names_another_primary_after_a_switch(
    sentinel: RedisSentinel, deploy: Deploy
) -> None:
    """An operator's failover: the old primary lives on, and for a while believes to be one.

    With `min-replicas-to-write`, as the documentation has it, it takes no write that nobody copies.
    """
    administer(sentinel.primary, "CONFIG", "SET", "min-replicas-to-write", 1)

    def change(_worker: Running) -> None:
        sentinel.await_copy()
        sentinel.sentinels[0].ask("SENTINEL", "FAILOVER", SERVICE)

    work_through(deploy(sentinel.url), sentinel.replica, change)


def test_a_connection_does_not_outlive_what_sentinel_says(sentinel: RedisSentinel) -> None:
    """The old primary still takes writes, which it will forget: it answers, and is left.

    Nobody can tell it to follow, so that it is left for what Sentinel says of it, however long the
    test takes.
    """
    administer(sentinel.primary, "ACL", "SETUSER", "default", "-slaveof", "-replicaof")
    with closing(connect_to(RedisSettings(url=SecretStr(sentinel.url)))) as client:

        def port() -> int:
            try:
                text = exchange_one(client.connection_pool, ("INFO", "server")).decode()
            except redis.ConnectionError:  # in the moment of the change
                return 0
            return int(text.partition("tcp_port:")[2].split()[0])

        assert port() == sentinel.primary.port
        sentinel.sentinels[0].ask("SENTINEL", "FAILOVER", SERVICE)
        sentinel.await_failover()
        assert wait_until(lambda: port() == sentinel.replica.port, timeout=PATIENCE_S)
    with closing(redis.Redis.from_url(sentinel.primary.url)) as old:
        assert old.set("forgotten", 1)
