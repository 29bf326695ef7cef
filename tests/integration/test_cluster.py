"""The script on a Redis Cluster: the same answers as one server's, wherever a key lives."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest
import redis
from redis.crc import key_slot

from profiler.demo.sample import read_sample
from profiler.errors import ConfigError, StoreUnavailableError
from profiler.profiles.keys import key_of
from profiler.profiles.redis.connections import connect
from profiler.profiles.redis.exchange import exchange
from profiler.profiles.redis.single import SingleServer
from profiler.profiles.reply import Applied
from profiler.profiles.script import ProfileScript
from profiler.records.flatten import decode_processed
from profiler.records.json_objects import Limits
from profiler.records.types import FlatEvent
from profiler.rules.model import load_rules
from profiler.servers.embedded import StoreServer
from servers.redis import redis_binary
from tests.integration.pipeline_runs import rules_file
from tests.missing import own_server
from tests.presets import ONE_OF_EACH_ORDER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servers.redis_cluster import RedisCluster
    from tests.conftest import MakeStore


class Visitors:
    """The script under keys of the test's own."""

    def __init__(self, url: str, rules: str) -> None:
        self.client = connect(url)
        self.script = ProfileScript(self.client, load_rules(rules))
        self.offset = 0

    def see(self, *visitors: str) -> list[int]:
        """Apply an event of each; returns how many each has now."""
        events = [self._event(visitor) for visitor in visitors]
        outcomes = self.script.apply(events)
        assert all(isinstance(outcome, Applied) for outcome in outcomes), outcomes
        return [o.profile["profile_visitor_events"] for o in outcomes if isinstance(o, Applied)]

    def key(self, visitor: str) -> str:
        """Where a visitor is stored."""
        return key_of(self.script.rules.store.key, visitor)

    def _event(self, visitor: str) -> FlatEvent:
        self.offset += 1
        identity = self.script.rules.identity
        fields = {identity.visitor[0]: visitor, identity.visit: "one"}
        return FlatEvent("0:t:0", self.offset, 1_700_000_000_000 + self.offset, fields)


@pytest.fixture
def visitors(redis_cluster: RedisCluster, key_prefix: str, tmp_path: Path) -> Iterator[Visitors]:
    visitors = Visitors(redis_cluster.url, str(rules_file(tmp_path, "lean", key_prefix)))
    with closing(visitors.client):
        visitors.script.register()
        yield visitors


NAMES = [f"visitor-{number}" for number in range(30)]


@pytest.mark.parametrize("preset", ONE_OF_EACH_ORDER)
def test_a_cluster_answers_as_one_server_does(
    redis_cluster: RedisCluster,
    private_store: MakeStore,
    preset: str,
    key_prefix: str,
    tmp_path: Path,
) -> None:
    rules = str(rules_file(tmp_path, preset, key_prefix))
    records = enumerate(read_sample())
    events = [
        FlatEvent("0:t:0", offset, time, decode_processed(value, Limits()))
        for offset, (_, value, time) in records
    ]
    before = [node.calls("evalsha") for node in redis_cluster.primaries]
    outcomes = []
    for url in (private_store().url, redis_cluster.url):
        with closing(connect(url)) as client:
            script = ProfileScript(client, load_rules(rules))
            script.register()
            outcomes.append(script.apply(events))
    after = [node.calls("evalsha") for node in redis_cluster.primaries]

    assert outcomes[0] == outcomes[1]
    assert sum(isinstance(outcome, Applied) for outcome in outcomes[1]) > 500
    assert all(more > less for more, less in zip(after, before, strict=True))


def test_the_script_is_loaded_again_where_it_is_missing(
    redis_cluster: RedisCluster, visitors: Visitors
) -> None:
    assert visitors.script.is_registered()
    assert visitors.see(*NAMES) == [1] * len(NAMES)
    redis_cluster.primaries[1].ask("SCRIPT", "FLUSH")
    assert not visitors.script.is_registered()
    assert visitors.see(*NAMES) == [2] * len(NAMES)
    assert visitors.script.is_registered()


def test_a_slot_on_its_way_is_followed(redis_cluster: RedisCluster, visitors: Visitors) -> None:
    """The key still there, gone ahead (ASK), its slot moved for good (MOVED), and back again."""
    visitors.see(*NAMES)
    slot = key_slot(visitors.key("visitor-0").encode())
    source = redis_cluster.primary_of(visitors.key("visitor-0"))
    target = redis_cluster.another_than(source)
    asks, moves = source.errors("ASK"), source.errors("MOVED")

    redis_cluster.begin_move(slot, source, target)
    assert visitors.see(*NAMES) == [2] * len(NAMES)
    assert source.errors("ASK") == asks
    redis_cluster.move_keys(slot, source, target)
    assert visitors.see(*NAMES) == [3] * len(NAMES)
    assert source.errors("ASK") > asks
    redis_cluster.finish_move(slot, source, target)
    assert visitors.see(*NAMES) == [4] * len(NAMES)
    assert source.errors("MOVED") == moves + 1
    assert visitors.see(*NAMES) == [5] * len(NAMES)
    assert source.errors("MOVED") == moves + 1, "the map was not asked for anew"

    redis_cluster.move_slot(slot, target, source)
    assert visitors.see(*NAMES) == [6] * len(NAMES)


def test_a_new_primary_gets_the_script_with_its_first_slot(
    redis_cluster: RedisCluster, visitors: Visitors
) -> None:
    """While the slot is on its way no map shows the new primary, and it has no script."""
    visitors.see(*NAMES)
    slot = key_slot(visitors.key("visitor-0").encode())
    source = redis_cluster.primary_of(visitors.key("visitor-0"))
    with redis_cluster.new_primary() as target:
        redis_cluster.begin_move(slot, source, target)
        redis_cluster.move_keys(slot, source, target)
        assert visitors.see(*NAMES) == [2] * len(NAMES)
        assert target.errors("NOSCRIPT") == 1
        redis_cluster.finish_move(slot, source, target)
        assert visitors.see(*NAMES) == [3] * len(NAMES)
        redis_cluster.move_slot(slot, target, source)
        assert visitors.see(*NAMES) == [4] * len(NAMES)


def test_a_node_that_is_away_makes_the_batch_wait(
    redis_cluster: RedisCluster, visitors: Visitors
) -> None:
    """Nothing is known of the batch, and what is repeated is not counted twice."""
    visitors.see(*NAMES)
    primary = redis_cluster.primary_of(visitors.key("visitor-0"))
    replica = redis_cluster.replica_of(primary)
    visitors.offset -= len(NAMES)
    primary.kill()
    try:
        with pytest.raises(StoreUnavailableError):
            visitors.see(*NAMES)
        replica.await_promotion()
        redis_cluster.await_health()
        visitors.offset = 0
        assert visitors.see(*NAMES) == [1] * len(NAMES)
        assert visitors.see(*NAMES) == [2] * len(NAMES)
    finally:
        primary.start()
        redis_cluster.await_health()


def test_unread_replies_do_not_stay(private_store: MakeStore) -> None:
    """One node is silent, and the other's replies are not read: its connection has to go."""
    silent, quick = private_store(), private_store()
    with closing(connect(silent.url, timeout_s=0.3)) as one, closing(connect(quick.url)) as other:
        pools = [one.connection_pool, other.connection_pool]
        ping = ("PING",)
        assert exchange([(pool, [ping]) for pool in pools]) == [[b"PONG"], [b"PONG"]]
        one.client_pause(2_000)
        connection = pools[1].get_connection()
        pools[1].release(connection)
        with pytest.raises(redis.TimeoutError):
            exchange([(pool, [ping, ping]) for pool in pools])
        assert not connection.is_connected
        assert exchange([(pools[1], [("ECHO", "next")])]) == [[b"next"]]


def test_any_of_several_hosts_will_do(
    redis_cluster: RedisCluster, private_store: MakeStore
) -> None:
    """The first is down, as after a crash: a worker starts all the same."""
    node = redis_cluster.primaries[0]
    register_at(f"redis://127.0.0.1:1,127.0.0.1:{node.port}/0")
    with pytest.raises(StoreUnavailableError, match=r"127.0.0.1:2. Connection refused"):
        register_at("redis://127.0.0.1:1,127.0.0.1:2/0")
    with pytest.raises(ConfigError, match="what answers there is no cluster"):
        register_at(f"redis://127.0.0.1:{private_store().port},127.0.0.1:{node.port}/0")


def test_a_cluster_has_one_database_only(redis_cluster: RedisCluster) -> None:
    with pytest.raises(ConfigError, match=r"let redis\.url end with /0"):
        register_at(redis_cluster.url.removesuffix("0") + "1")


class WithoutHello(StoreServer):
    """Redis without the command, as proxies may be."""

    def __init__(self) -> None:
        super().__init__(redis_binary(), options=["--rename-command", "HELLO", ""])

    def is_ready(self) -> bool:
        """Whether it answers in the old protocol."""
        with closing(connect(self.url)) as client, suppress(redis.ConnectionError):
            return bool(client.ping())
        return False


def test_what_does_not_know_hello_is_one_server() -> None:
    with own_server("redis7", WithoutHello) as server:
        register_at(server.url)
        with closing(connect(server.url)) as client:
            assert ProfileScript(client, load_rules("lean")).is_registered()


def test_a_cluster_that_hides_itself_is_named(
    redis_cluster: RedisCluster, visitors: Visitors
) -> None:
    """A proxy that does not know HELLO makes one server of what is behind it."""
    visitors.script.__dict__["_nodes"] = SingleServer(visitors.client)
    assert len(redis_cluster.primaries) > 1
    with pytest.raises(ConfigError, match=r"MOVED.*name one of its nodes in redis\.url"):
        visitors.see(*NAMES)


def register_at(url: str) -> None:
    with closing(connect(url)) as client:
        ProfileScript(client, load_rules("lean")).register()
