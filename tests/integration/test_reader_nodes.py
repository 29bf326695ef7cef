"""Reading with asyncio: replicas, a cluster, Sentinel; and while they change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import redis
from redis.crc import key_slot

from profiler.errors import StoreUnavailableError
from servers.redis_sentinel import RedisSentinel, await_copy
from tests.integration.reader_runs import NAMES, calls, pages, reading, see
from tests.missing import own_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from profiler.profiles.reading import ProfileReader
    from profiler.servers.embedded import StoreServer
    from servers.redis_cluster import RedisCluster
    from tests.conftest import MakeStore


@pytest.fixture
def pair(private_store: MakeStore) -> tuple[StoreServer, StoreServer]:
    """A primary and its replica."""
    quick = ["--repl-diskless-sync-delay", "0"]
    primary = private_store(options=quick)
    follow = ["--replicaof", f"127.0.0.1 {primary.port}"]
    replica = private_store(options=[*quick, *follow])
    await_copy(primary, replica)
    return primary, replica


def test_replicas_are_read_where_that_is_asked_for(pair: tuple[StoreServer, StoreServer]) -> None:
    primary, replica = pair
    see(primary.url, *NAMES)
    await_copy(primary, replica)
    found = reading(primary.url, lambda r: r.look_up_all(NAMES, ""), replicas=True)
    assert pages(found) == NAMES
    assert calls(primary.url) == 0
    assert calls(replica.url) > 0


@pytest.mark.field(
    kind="connections",
    meets="a visitor whom the replica that is read does not know yet",
    happens="the primary is asked",
)
def test_whom_a_replica_does_not_know_is_asked_of_the_primary(
    pair: tuple[StoreServer, StoreServer],
) -> None:
    primary, replica = pair
    with redis.Redis.from_url(replica.url) as client:
        client.config_set("replica-read-only", "no")
        see(primary.url, "ada", "eve")
        await_copy(primary, replica)
        client.delete("visitor:{ada}")
    found = reading(primary.url, lambda r: r.look_up_all(["ada", "eve", "x"], ""), replicas=True)
    assert pages(found) == ["ada", "eve", None]


def test_without_a_replica_the_primary_is_read(private_store: MakeStore) -> None:
    store = private_store()
    see(store.url, "ada")
    found = reading(store.url, lambda r: r.look_up("ada", ""), replicas=True)
    assert found is not None


def test_a_replica_is_read_while_its_primary_is_away(
    pair: tuple[StoreServer, StoreServer],
) -> None:
    primary, replica = pair
    see(primary.url, "ada")
    await_copy(primary, replica)

    async def without(reader: ProfileReader) -> Any:  # noqa: ANN401
        await reader.look_up("ada", "")
        primary.stop()
        return await reader.look_up("ada", "")

    assert reading(primary.url, without, replicas=True) is not None


def test_an_address_that_is_a_replicas_is_read(pair: tuple[StoreServer, StoreServer]) -> None:
    primary, replica = pair
    see(primary.url, "ada")
    await_copy(primary, replica)
    assert reading(replica.url, lambda r: r.look_up("ada", "")) is not None


@pytest.mark.parametrize("replicas", [False, True])
def test_a_cluster_is_read_by_slot(redis_cluster: RedisCluster, *, replicas: bool) -> None:
    see(redis_cluster.url, *NAMES)
    for primary in redis_cluster.primaries:
        await_copy(primary, redis_cluster.replica_of(primary))
    before = {node: calls(node.url) for node in redis_cluster.nodes}
    asked = [*NAMES, "nobody"] if not replicas else NAMES
    found = reading(redis_cluster.url, lambda r: r.look_up_all(asked, ""), replicas=replicas)
    assert pages(found)[: len(NAMES)] == NAMES
    assert pages(found)[len(NAMES) :] == [None] * (len(asked) - len(NAMES))
    for node in redis_cluster.nodes:
        is_asked = node.is_primary is not replicas
        assert (calls(node.url) > before[node]) is is_asked


@pytest.mark.parametrize("replicas", [False, True])
def test_a_slot_that_moves_is_followed(redis_cluster: RedisCluster, *, replicas: bool) -> None:
    url = redis_cluster.url
    see(url, "ada")
    slot = key_slot(b"visitor:{ada}")
    source = redis_cluster.primary_of("visitor:{ada}")
    target = redis_cluster.another_than(source)

    async def moved(reader: ProfileReader) -> list[Any]:
        found = [await reader.look_up("ada", "")]
        redis_cluster.begin_move(slot, source, target)
        found.append(await reader.look_up("ada", ""))
        redis_cluster.move_keys(slot, source, target)
        found.append(await reader.look_up("ada", ""))  # ASK
        redis_cluster.finish_move(slot, source, target)
        found.append(await reader.look_up("ada", ""))  # MOVED
        return found

    try:
        assert pages(reading(url, moved, replicas=replicas)) == ["ada"] * 4
    finally:
        redis_cluster.move_slot(slot, target, source)


def test_a_failover_of_a_cluster_is_followed(redis_cluster: RedisCluster) -> None:
    see(redis_cluster.url, *NAMES)
    primary = redis_cluster.primaries[0]
    replica = redis_cluster.replica_of(primary)
    await_copy(primary, replica)

    async def after(reader: ProfileReader) -> list[Any]:
        await reader.look_up_all(NAMES, "")
        primary.kill()
        replica.await_promotion()
        while True:
            try:
                return await reader.look_up_all(NAMES, "")
            except StoreUnavailableError:
                await asyncio.sleep(0.1)

    try:
        assert pages(reading(redis_cluster.another_than(primary).url, after)) == NAMES
    finally:
        primary.start()
        redis_cluster.await_health()


@pytest.fixture(scope="module")
def sentinels() -> Iterator[RedisSentinel]:
    with own_server("Sentinel", RedisSentinel) as servers:
        yield servers


@pytest.mark.parametrize("replicas", [False, True])
def test_sentinel_names_whom_to_read(sentinels: RedisSentinel, *, replicas: bool) -> None:
    see(sentinels.url, "ada")
    sentinels.await_copy()
    server = sentinels.replica if replicas else sentinels.primary
    before = calls(server.url)
    found = reading(sentinels.url, lambda r: r.look_up("ada", ""), replicas=replicas)
    assert pages([found]) == ["ada"]
    assert calls(server.url) > before


def test_a_failover_that_sentinel_makes_is_followed(sentinels: RedisSentinel) -> None:
    see(sentinels.url, "ada")
    sentinels.await_copy()

    async def after(reader: ProfileReader) -> Any:  # noqa: ANN401
        await reader.look_up("ada", "")
        sentinels.primary.kill()
        await asyncio.to_thread(sentinels.await_failover)
        while True:
            try:
                return await reader.look_up("ada", "")
            except StoreUnavailableError:
                await asyncio.sleep(0.1)

    assert pages([reading(sentinels.url, after)]) == ["ada"]
