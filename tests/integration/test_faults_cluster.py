"""`profiler run` on a Redis Cluster that changes in mid-stream: nothing of the stream is lost."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from redis.crc import key_slot

from profiler.demo.sample import read_sample
from profiler.profiles.keys import key_of
from servers.redis_cluster import ClusterNode, RedisCluster
from tests.integration.conftest import Deploy, Settle
from tests.integration.fault_events import (
    HASTY,
    LOST,
    UNWELL_REDIS,
    VISITORS,
    balance,
    page_views,
    without_event_ids,
)
from tests.integration.pipeline_runs import Deployment, Input, place_of
from tests.presets import ONE_OF_EACH_ORDER


def key_in(deployment: Deployment, visitor: str) -> str:
    return key_of(deployment.key_prefix + "{<id>}", visitor)


@contextmanager
def streaming(deployment: Deployment) -> Iterator[Callable[[], None]]:
    """Put page views in, 50 at a time, until the end; yields what waits for the next ones."""
    end, news = threading.Event(), threading.Condition()
    produced = 0

    def produce() -> None:
        nonlocal produced
        while not end.is_set():
            deployment.produce(page_views(produced, 50))
            with news:
                produced += 50
                news.notify_all()

    def wait_for_more() -> None:
        with news:
            until = produced + 100
            assert news.wait_for(lambda: produced >= until, timeout=60)

    thread = threading.Thread(target=produce)
    thread.start()
    try:
        yield wait_for_more
    finally:
        end.set()
        thread.join()


@pytest.mark.parametrize("preset", ONE_OF_EACH_ORDER)
def test_sample_traffic_goes_through_a_cluster(
    redis_cluster: RedisCluster, deploy: Deploy, preset: str
) -> None:
    deployment = deploy(redis_cluster.url, preset=preset)
    deployment.produce(Input(value, key, time) for key, value, time in read_sample())
    before = [node.calls("evalsha") for node in redis_cluster.primaries]
    with deployment.start("run") as program:
        program.wait_for(deployment.is_done)
        counts = program.stop()
    after = [node.calls("evalsha") for node in redis_cluster.primaries]
    persisted = [place_of(record) for record in deployment.read("persisted")]
    assert len(set(persisted)) == len(persisted) == len(deployment.read("processed"))
    assert counts["profiled"] > 500
    assert all(more > less for more, less in zip(after, before, strict=True))


def test_a_reshard_in_mid_stream_costs_nothing(
    redis_cluster: RedisCluster, deploy: Deploy, settle: Settle
) -> None:
    """The slots of half of the visitors move to other primaries, a step at a time."""
    deployment = without_event_ids(deploy(redis_cluster.url))
    asks, moves = redis_cluster.errors("ASK"), redis_cluster.errors("MOVED")
    # With stored outputs a call has two keys, and waits while its slot moves (TRYAGAIN).
    with deployment.start("run", **HASTY, DELIVERY="at-least-once") as program:
        with streaming(deployment) as wait_for_more:
            program.wait_for(lambda: sum(deployment.committed().values()) >= 50)
            for visitor in VISITORS[:3]:
                key = key_in(deployment, visitor)
                source = redis_cluster.primary_of(key)
                move = (key_slot(key.encode()), source, redis_cluster.another_than(source))
                redis_cluster.begin_move(*move)
                redis_cluster.move_keys(*move)
                wait_for_more()
                redis_cluster.finish_move(*move)
        program.wait_for(deployment.is_done)
        counts = program.stop()
    settle(deployment)
    assert redis_cluster.errors("ASK") > asks
    assert redis_cluster.errors("MOVED") > moves
    assert (counts["replayed"], program.events(UNWELL_REDIS)) == (0, [])


def test_a_failover_on_request_in_mid_stream_costs_no_count(
    redis_cluster: RedisCluster, deploy: Deploy, settle: Settle
) -> None:
    """CLUSTER FAILOVER, as for an update: each primary hands over to its replica."""
    former = {node.port for node in redis_cluster.primaries}
    deployment = without_event_ids(deploy(redis_cluster.url))
    with deployment.start("run", **HASTY) as program:
        with streaming(deployment) as wait_for_more:
            program.wait_for(lambda: sum(deployment.committed().values()) >= 50)
            for primary in redis_cluster.primaries:
                replica = redis_cluster.replica_of(primary)
                replica.ask("CLUSTER", "FAILOVER")
                replica.await_promotion()
                wait_for_more()
        redis_cluster.await_health()
        program.wait_for(deployment.is_done)
        program.stop()
    found = settle(deployment)
    assert (found.lost, found.twofold, found.miscounted) == (0, 0, 0)
    assert former.isdisjoint(node.port for node in redis_cluster.primaries)


@contextmanager
def killed(cluster: RedisCluster, primary: ClusterNode) -> Iterator[None]:
    """SIGKILL; the block ends when the replica has taken over, and the cluster is whole again."""
    replica = cluster.replica_of(primary)
    primary.kill()
    try:
        yield
        replica.await_promotion()
    finally:
        primary.start()
        cluster.await_health()


def test_a_killed_primary_in_mid_stream_costs_time(
    redis_cluster: RedisCluster, deploy: Deploy
) -> None:
    """Until its replica has taken over, the worker waits; the stream loses nothing."""
    deployment = without_event_ids(deploy(redis_cluster.url))
    primary = redis_cluster.primary_of(key_in(deployment, VISITORS[0]))
    with deployment.start("run", **HASTY) as program:
        with streaming(deployment) as wait_for_more:
            program.wait_for(lambda: sum(deployment.committed().values()) >= 50)
            with killed(redis_cluster, primary):
                program.wait_for_event(UNWELL_REDIS)
            wait_for_more()
        program.wait_for(deployment.is_done)
        program.stop()
    found = balance(deployment)
    assert (found.lost, found.twofold) == (0, 0)


def test_what_a_killed_primary_had_not_replicated_is_made_again(
    redis_cluster: RedisCluster, deploy: Deploy
) -> None:
    """In the profiles that lived there; no input has an output more."""
    deployment = without_event_ids(deploy(redis_cluster.url))
    primary = redis_cluster.primary_of(key_in(deployment, VISITORS[0]))
    replica = redis_cluster.replica_of(primary)
    deployment.produce(page_views(0, 300))
    with deployment.start("run", **HASTY) as program:
        program.wait_for(deployment.is_done)
        assert primary.ask("WAIT", 1, 10_000) == 1
        # From here on the replica gets nothing, and cannot come back for it.
        os.kill(replica.pid, signal.SIGSTOP)
        primary.ask("CLIENT", "KILL", "TYPE", "replica")
        try:
            deployment.produce(page_views(300, 300))
            program.wait_for(deployment.is_done)
            primary.kill()
        finally:
            os.kill(replica.pid, signal.SIGCONT)
        replica.await_promotion()
        deployment.produce(page_views(600, 300))
        program.wait_for(deployment.is_done)
        assert program.events(LOST)
        program.stop()
    primary.start()
    redis_cluster.await_health()
    found = balance(deployment)
    assert (found.lost, found.twofold) == (0, 0)
    counts = {visitor: int(deployment.stored(visitor)["visitor_events"]) for visitor in VISITORS}
    assert counts == dict.fromkeys(VISITORS, 150)
