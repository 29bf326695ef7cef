"""Reading with asyncio: one server, its replicas, a cluster, Sentinel; and while they change."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import redis
from pydantic import SecretStr
from redis.crc import key_slot

from profiler.config import RedisSettings
from profiler.errors import ConfigError, StoredStateError, StoreUnavailableError
from profiler.profiles.aio import ProfileReader
from profiler.profiles.keyed_hash import KeyedHash, StoredIds
from profiler.profiles.redis.connections import connect_to, target_of
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent
from profiler.rules.model import load_rules
from servers.redis_sentinel import RedisSentinel, await_copy
from tests.missing import own_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from profiler.servers.embedded import StoreServer
    from servers.redis_cluster import RedisCluster
    from tests.conftest import MakeStore

RULES = load_rules("standard")
NAMES = [f"visitor {number}" for number in range(60)]


def settings_of(url: str, **more: Any) -> RedisSettings:  # noqa: ANN401 - of any setting
    return RedisSettings(url=SecretStr(url), socket_timeout_s=2, **more)


def see(url: str, *names: str, stored: StoredIds | None = None) -> None:
    """Give visitors a page view each."""
    client = connect_to(settings_of(url))
    script = ProfileScript(client, RULES, stored=stored or StoredIds())
    script.apply(
        [
            FlatEvent(
                "",
                0,
                1_700_000_000_000,
                {
                    "query-other_domain_userid": name,
                    "query-other_domain_sessionid": "visit",
                    "query-other_eventtype": "Pageview",
                    "query-other_page_title": name,
                },
            )
            for name in names
        ]
    )
    client.close()


@asynccontextmanager
async def reader_of(url: str, **options: Any) -> AsyncIterator[ProfileReader]:  # noqa: ANN401
    reader = ProfileReader(target_of(settings_of(url)), RULES, **options)
    try:
        yield reader
    finally:
        await reader.close()


def reading(
    url: str,
    ask: Callable[[ProfileReader], Awaitable[Any]],
    **options: Any,  # noqa: ANN401 - of the reader
) -> Any:  # noqa: ANN401 - what was asked
    async def run() -> Any:  # noqa: ANN401
        async with reader_of(url, **options) as reader:
            return await ask(reader)

    return asyncio.run(run())


def pages(found: list[Any]) -> list[str | None]:
    return [each and each.profile["visitor_first_page"] for each in found]


def calls(url: str) -> int:
    """How many reads a server ran."""
    with redis.Redis.from_url(url) as client:
        stats = client.info("commandstats")
    return sum(
        stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("evalsha_ro", "eval_ro")
    )


@pytest.mark.parametrize("flavour", ["redis7", "valkey9"])
def test_a_server_that_knows_no_script_is_sent_it_once(
    private_store: MakeStore, flavour: str
) -> None:
    store = private_store(flavour)
    see(store.url, *NAMES)
    with redis.Redis.from_url(store.url) as client:
        client.script_flush()

    async def twice(reader: ProfileReader) -> list[Any]:
        await reader.look_up_all(NAMES, "")
        return await reader.look_up_all([*NAMES, "nobody"], "")

    assert pages(reading(store.url, twice)) == [*NAMES, None]
    with redis.Redis.from_url(store.url) as client:
        stats = client.info("commandstats")
    assert stats["cmdstat_eval_ro"]["calls"] == len(NAMES)
    assert stats["cmdstat_evalsha_ro"]["calls"] == 2 * len(NAMES) + 1


def test_reading_agrees_with_the_synchronous_reader(private_store: MakeStore) -> None:
    store = private_store()
    see(store.url, "ada")
    script = ProfileScript(
        connect_to(settings_of(store.url)), RULES, clock=lambda: 1_700_000_100_000
    )
    expected = script.look_up("ada")
    assert expected is not None
    assert reading(store.url, lambda r: r.look_up("ada", 1_700_000_100_000)) == expected


def test_a_hashed_id_is_found_by_the_id_itself(private_store: MakeStore) -> None:
    store = private_store()
    stored = StoredIds(KeyedHash(b"k" * 32), is_hashed=True)
    see(store.url, "ada", stored=stored)
    found = reading(store.url, lambda r: r.look_up("ada", ""), stored=stored)
    assert found.profile["visitor_id"] == stored.of("ada") != "ada"
    assert reading(store.url, lambda r: r.look_up("ada", "")) is None


def test_a_connection_that_died_is_made_anew(private_store: MakeStore) -> None:
    store = private_store()
    see(store.url, "ada")

    async def restarted(reader: ProfileReader) -> Any:  # noqa: ANN401
        await reader.look_up("ada", "")
        with redis.Redis.from_url(store.url) as client:
            client.client_kill_filter(_type="normal", skipme=True)
        return await reader.look_up("ada", "")

    assert reading(store.url, restarted) is not None


def test_a_cancelled_read_leaves_no_reply_behind(private_store: MakeStore) -> None:
    """Else it would be taken for the next visitor's."""
    store = private_store()
    see(store.url, *NAMES)

    async def cancelled(reader: ProfileReader) -> list[Any]:
        await reader.look_up_all(NAMES, "")
        for delay in range(40):
            task = asyncio.create_task(reader.look_up(NAMES[0], ""))
            await asyncio.sleep(delay / 20_000)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert pages([await reader.look_up(NAMES[1], "")]) == [NAMES[1]]
        return await reader.look_up_all(NAMES, "")

    assert pages(reading(store.url, cancelled)) == NAMES


def test_what_goes_wrong_has_our_names(private_store: MakeStore) -> None:
    store = private_store(options=["--requirepass", "secret"])
    with pytest.raises(ConfigError):
        reading(store.url.replace("secret", "wrong"), lambda r: r.look_up("ada", ""))
    with pytest.raises(StoreUnavailableError):
        reading("redis://127.0.0.1:1/0", lambda r: r.look_up("ada", ""))


def test_a_key_of_another_program_is_named(private_store: MakeStore) -> None:
    store = private_store()
    with redis.Redis.from_url(store.url) as client:
        client.set("visitor:{ada}", "text")
        client.hset("visitor:{eve}", "~", "garbage")
    found = reading(store.url, lambda r: r.look_up_all(["ada", "eve"], ""))
    assert [type(each) for each in found] == [StoredStateError] * 2
    with pytest.raises(StoredStateError, match="another program"):
        reading(store.url, lambda r: r.look_up("ada", ""))


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
