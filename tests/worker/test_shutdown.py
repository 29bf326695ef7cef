"""A worker that is told to stop does so in time, whatever does not answer, and says what it left.

The time is the worker's own; the tests wait more patiently.
"""

import time

import redis

from tests.conftest import MakeStore
from tests.integration.fault_events import page_views
from tests.integration.pipeline_runs import place_of
from tests.integration.stops import LEFT, suspended
from tests.worker.conftest import Deploy
from tests.worker.deployment import MemoryDeployment
from tests.worker.running import FINISH_S, Running


def stop(program: Running) -> None:
    """Ask it to stop; it takes no longer than it has, but for what a busy machine adds."""
    asked = time.monotonic()
    program.stop()
    assert time.monotonic() - asked < FINISH_S + 5


def play(deployment: MemoryDeployment, program: Running, first: int) -> None:
    """Put 100 records in, and wait until they are committed."""
    deployment.produce(page_views(first, 100))
    program.wait_for(deployment.is_done)


def test_a_batch_under_way_is_finished_and_committed(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("redis7").url)
    deployment.produce(page_views(0, 2_000))
    with deployment.start("run", BATCH__MAX_RECORDS="20") as program:
        program.wait_for(lambda: sum(deployment.committed().values()) >= 20)
        stop(program)
        assert not program.events(LEFT)
        assert len(program.events("stopped")) == 1
        committed = deployment.committed()
        for line in program.events("committed"):
            for name, offset in line["offsets"].items():
                assert committed[int(name.rpartition("-")[2])] == offset
    written = [place_of(record) for record in deployment.read("persisted")]
    assert len(written) == len(set(written)) == sum(committed.values()) < 2_000


def test_redis_does_not_answer(private_store: MakeStore, deploy: Deploy) -> None:
    server = private_store("redis7")
    deployment = deploy(server.url)
    with deployment.start("run", REDIS__SOCKET_TIMEOUT_S="0.5") as program:
        play(deployment, program, 0)
        with suspended(server.pid):
            deployment.produce(page_views(100, 100))
            program.wait_for_event("paused")
            stop(program)
            assert program.events(LEFT)
    assert sum(deployment.committed().values()) == 100


def test_redis_is_busy_for_longer_than_there_is_time(
    private_store: MakeStore, deploy: Deploy
) -> None:
    server = private_store("redis7")
    deployment = deploy(server.url)
    with deployment.start("run", REDIS__SOCKET_TIMEOUT_S="60") as program:
        play(deployment, program, 0)
        with suspended(server.pid):
            deployment.produce(page_views(100, 100))
            program.wait_for_event("paused")
            stop(program)
            assert program.events(LEFT)
        assert program.events("paused")[-1]["reason"] == "redis is slow"
    assert sum(deployment.committed().values()) == 100


def test_the_broker_does_not_acknowledge(private_store: MakeStore, deploy: Deploy) -> None:
    deployment = deploy(private_store("redis7").url)
    with deployment.start("run") as program:
        play(deployment, program, 0)
        deployment.broker.withhold_acknowledgements(deployment.topics["persisted"])
        deployment.produce(page_views(100, 100))
        program.wait_for_event("paused")
        stop(program)
        assert program.events(LEFT)
        assert program.events("paused")[-1]["reason"] == "kafka is slow"
        deployment.broker.give_acknowledgements(deployment.topics["persisted"])
    assert sum(deployment.committed().values()) == 100


def test_the_broker_is_away(private_store: MakeStore, deploy: Deploy) -> None:
    deployment = deploy(private_store("redis7").url)
    with deployment.start("run") as program:
        play(deployment, program, 0)
        deployment.broker.stop()
        stop(program)
        assert not program.events(LEFT)
    assert sum(deployment.committed().values()) == 100


def test_the_broker_goes_away_with_a_batch_under_way(
    private_store: MakeStore, deploy: Deploy
) -> None:
    server = private_store("redis7")
    deployment = deploy(server.url)
    with deployment.start("run") as program:
        play(deployment, program, 0)
        with redis.Redis.from_url(server.url) as client:
            client.client_pause(60_000, all=False)
            deployment.produce(page_views(100, 100))
            program.wait_for_event("paused")
            deployment.broker.stop()
            client.client_unpause()
        program.wait_for_event("resumed")
        stop(program)
        assert program.events(LEFT)
    assert sum(deployment.committed().values()) == 100


def test_while_joining_a_group(private_store: MakeStore, deploy: Deploy) -> None:
    deployment = deploy(private_store("redis7").url)
    with redis.Redis.from_url(deployment.redis_url) as client, deployment.start("run") as first:
        first.wait_for_event("assigned")
        # The group waits for its first member, which is not told to join anew: it does not poll.
        client.client_pause(60_000, all=False)
        with deployment.start("run") as second:
            stop(second)
            assert not second.events(LEFT)
        client.client_unpause()
