"""How busy Redis says that it is: with the right to ask, without it, and in a cluster."""

import time
from contextlib import closing

import pytest
import redis
from pydantic import SecretStr
from structlog.testing import capture_logs

from profiler.config.settings import RedisSettings
from profiler.service.metrics import REDIS_BUSY, SCRIPT_CALLS, SCRIPT_TIME
from profiler.service.redis_load import RedisLoad, Usage, usage_of
from profiler.service.store import Store
from servers import passwords
from servers.redis import FLAVOURS
from servers.redis_cluster import RedisCluster
from servers.redis_secure import USER
from tests.conftest import MakeStore
from tests.integration.documented_rights import documented_rights, make_user

METRICS = (REDIS_BUSY, SCRIPT_TIME, SCRIPT_CALLS)
SPIN = "for i = 1, 3000000 do end"


def told(store: Store) -> dict[str, dict[str, float]]:
    """What is known, by metric and primary."""
    return {
        sample.name: {
            each.labels["primary"]: each.value
            for each in family.samples
            if each.name == sample.name
        }
        for family in store.collect()
        for sample in family.samples
    }


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_server_tells_how_busy_it_is(private_store: MakeStore, flavour: str) -> None:
    server, store = private_store(flavour), Store(METRICS)
    load = RedisLoad(RedisSettings(url=SecretStr(server.url)), store)
    assert load.look()
    assert REDIS_BUSY.name not in told(store)  # a share needs two looks
    with closing(redis.Redis.from_url(server.url)) as client:
        started = time.monotonic()
        for _ in range(5):
            client.eval(SPIN, 0)
        spun_s = time.monotonic() - started
    assert load.look()
    found = told(store)
    assert found[SCRIPT_CALLS.name] == {"redis": 5}
    assert 0.1 * spun_s < found[SCRIPT_TIME.name]["redis"] < spun_s
    assert 0.05 < found[REDIS_BUSY.name]["redis"] < 1.1


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_without_the_right_nothing_is_told_and_that_is_said_once(
    private_store: MakeStore, flavour: str
) -> None:
    server, store = private_store(flavour), Store(METRICS)
    settings = RedisSettings(
        url=SecretStr(server.url), username=USER, password=SecretStr(passwords.REDIS)
    )
    with closing(redis.Redis.from_url(server.url, decode_responses=True)) as admin:
        make_user(admin, documented_rights())
        with capture_logs() as lines:
            assert not RedisLoad(settings, store).look()
        assert [line["event"] for line in lines] == [
            "no metrics of redis itself: its user may not call INFO"
        ]
        assert told(store) == {}
        make_user(admin, [*documented_rights(), "+info"])
        assert RedisLoad(settings, store).look()
    assert told(store).keys() == {SCRIPT_TIME.name, SCRIPT_CALLS.name}


def test_a_server_that_is_away_is_asked_again(private_store: MakeStore) -> None:
    server, store = private_store("redis7"), Store(METRICS)
    load = RedisLoad(RedisSettings(url=SecretStr(server.url)), store)
    assert load.look()
    server.stop()
    assert load.look()
    assert told(store) == {}
    server.start()
    assert load.look()
    assert told(store)[SCRIPT_CALLS.name] == {"redis": 0}


def test_each_primary_of_a_cluster_tells(redis_cluster: RedisCluster) -> None:
    store = Store(METRICS)
    load = RedisLoad(RedisSettings(url=SecretStr(redis_cluster.url)), store)
    assert load.look()
    primaries = told(store)[SCRIPT_CALLS.name].keys()
    assert len(primaries) == 3
    assert all(":" in primary for primary in primaries)


def test_an_old_server_tells_of_its_whole_process_only() -> None:
    cpu = {"used_cpu_user": 2.0, "used_cpu_sys": 1.0}
    assert usage_of(cpu, {}, 7.0) == Usage(7.0, 3.0, 0.0, 0)
    main = {"used_cpu_user_main_thread": 1.0, "used_cpu_sys_main_thread": 0.5}
    commands = {
        "cmdstat_evalsha": {"calls": 3, "usec": 500_000},
        "cmdstat_fcall": {"calls": 1, "usec": 250_000},
        "cmdstat_get": {"calls": 9, "usec": 9},
    }
    assert usage_of(cpu | main, commands, 8.0) == Usage(8.0, 1.5, 0.75, 4)
