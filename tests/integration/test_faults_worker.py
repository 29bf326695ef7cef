"""Workers that are killed, suspended, stopped, or come and go, while records flow.

Delivered at least once, so that the outputs show what came twice; for exactly once see tests/chaos.
"""

import logging
import os
import random
import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack

import pytest
import redis

from tests.conftest import MakeStore
from tests.integration.conftest import Deploy, Settle
from tests.integration.fault_events import UNWELL_REDIS, page_views, without_event_ids
from tests.integration.pipeline_runs import Deployment

KILLS, STOPS, JOINS = 20, 8, 4
# Many small batches, so that a moment in the life of a worker is in the middle of one.
BUSY = {
    "DELIVERY": "at-least-once",
    # A group gives up a member that is silent for so long; the next worker waits for that.
    "KAFKA__SESSION_TIMEOUT_MS": "300",
    "KAFKA__HEARTBEAT_INTERVAL_MS": "100",
    "BATCH__MAX_RECORDS": "4",
}
# Workers that leave the group themselves need no short session. On a busy machine a short one ends
# between two heartbeats, and the group refuses the commit of a batch that was finished in time.
LEAVING = {**BUSY, "KAFKA__SESSION_TIMEOUT_MS": "6000"}


@pytest.fixture
def chance() -> random.Random:
    """The moments; PROFILER_TEST_SEED=n gives others."""
    seed = int(os.environ.get("PROFILER_TEST_SEED", "4"))
    logging.getLogger(__name__).warning("PROFILER_TEST_SEED=%d", seed)
    return random.Random(seed)


def finish(deployment: Deployment, settings: Mapping[str, str] = BUSY) -> int:
    """Let a worker do what is left; return how many events it found applied already."""
    with deployment.start("run", **settings) as program:
        program.wait_for(deployment.is_done)
        program.wait_for_event("assigned")
        return int(program.stop()["replayed"])


def test_killed_workers_lose_and_double_nothing(
    private_store: MakeStore, deploy: Deploy, settle: Settle, chance: random.Random
) -> None:
    deployment = without_event_ids(deploy(private_store("valkey9").url))
    interrupted = 0
    for number in range(KILLS):
        with deployment.start("run", **BUSY) as program:
            deployment.produce(page_views(60 * number, 60))
            program.wait_for_event("assigned")
            time.sleep(chance.uniform(0, 0.3))
            program.kill()
            interrupted += not deployment.is_done()
    assert interrupted > 0
    finish(deployment)
    found = settle(deployment)
    # Some were killed between their outputs and the commit.
    assert found.flattened + found.persisted > 0


def test_stopped_workers_finish_their_batch(
    private_store: MakeStore, deploy: Deploy, settle: Settle, chance: random.Random
) -> None:
    deployment = without_event_ids(deploy(private_store("valkey9").url))
    interrupted = 0
    for number in range(STOPS):
        with deployment.start("run", **LEAVING) as program:
            deployment.produce(page_views(200 * number, 200))
            program.wait_for_event("assigned")
            time.sleep(chance.uniform(0, 0.3))
            program.stop()
            interrupted += not deployment.is_done()
    assert interrupted > 0
    assert finish(deployment, LEAVING) == 0
    found = settle(deployment)
    assert (found.flattened, found.persisted) == (0, 0)


def test_a_worker_that_is_stopped_while_redis_is_away_leaves_its_batch_to_the_next(
    private_store: MakeStore, deploy: Deploy, settle: Settle
) -> None:
    server = private_store("redis7")
    deployment = without_event_ids(deploy(server.url))
    with deployment.start("run", **BUSY, REDIS__SOCKET_TIMEOUT_S="0.5") as program:
        # So that it is the calls that meet a Redis that is away, and not the look at the marks.
        deployment.produce(page_views(0, 20))
        program.wait_for(deployment.is_done)
        before = deployment.committed()
        os.kill(server.pid, signal.SIGSTOP)
        deployment.produce(page_views(20, 80))
        program.wait_for_event(UNWELL_REDIS)
        program.stop()
        os.kill(server.pid, signal.SIGCONT)
    assert deployment.committed() == before
    # Redis did what the worker had given up waiting for.
    assert finish(deployment) > 0
    settle(deployment)


def test_workers_that_join_and_leave_lose_and_double_nothing(
    private_store: MakeStore, deploy: Deploy, settle: Settle
) -> None:
    deployment = without_event_ids(deploy(private_store("valkey9").url))
    total = 0
    with ExitStack() as stack:
        old = stack.enter_context(deployment.start("run", **LEAVING))
        old.wait_for_event("assigned")
        for _ in range(JOINS):
            new = stack.enter_context(deployment.start("run", **LEAVING))
            while new.owned() == 0:
                deployment.produce(page_views(total, 20))
                total += 20
            deployment.produce(page_views(total, 200))
            total += 200
            old.stop()
            old = new
        old.wait_for(deployment.is_done)
        old.stop()
    found = settle(deployment)
    assert (found.inputs, found.lost, found.twofold, found.miscounted) == (total, 0, 0, 0)


def blocked_clients(client: redis.Redis) -> int:
    """How many wait for the end of a pause with a command of theirs."""
    return sum("b" in found["flags"] for found in client.client_list())


def test_a_suspended_worker_that_wakes_up_as_a_zombie_doubles_nothing(
    private_store: MakeStore, deploy: Deploy, settle: Settle
) -> None:
    server = private_store("redis7")
    deployment = without_event_ids(deploy(server.url))
    patient = {**BUSY, "BATCH__MAX_RECORDS": "50"}
    with deployment.start("run", **patient) as zombie, redis.Redis.from_url(server.url) as client:
        zombie.wait_for_event("assigned")
        client.client_pause(60_000, all=False)
        deployment.produce(page_views(0, 300))
        zombie.wait_for(lambda: blocked_clients(client) == 1)
        zombie.send_signal(signal.SIGSTOP)
        # From here on Redis applies a batch whose worker does not hear of it.
        client.client_unpause()
        with deployment.start("run", **patient) as successor:
            successor.wait_for(deployment.is_done)
            # Its last line may be held back for a second.
            successor.wait_for(lambda: successor.owned() == deployment.partitions)
            before = deployment.committed()
            zombie.send_signal(signal.SIGCONT)
            zombie.wait_for(lambda: 0 < zombie.owned() < deployment.partitions)
            assert deployment.committed() == before
            deployment.produce(page_views(300, 100))
            zombie.wait_for(deployment.is_done)
            assert successor.stop()["replayed"] > 0
        zombie.stop()
    found = settle(deployment)
    assert found.persisted > 0  # the zombie's outputs
