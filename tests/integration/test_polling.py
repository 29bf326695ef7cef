"""A call to Redis that takes long, without an error, costs no worker its place in the group."""

import redis

from tests.conftest import MakeStore
from tests.integration.conftest import Deploy, Settle
from tests.integration.fault_events import UNWELL_REDIS, page_views, without_event_ids
from tests.integration.group_log import generations

#: A single call may take longer than the group waits for a poll.
SLOW_MS, POLL_MS = 9_000, 3_000
PATIENT = {
    "REDIS__SOCKET_TIMEOUT_S": "60",
    # The session may not be longer than the poll interval.
    "KAFKA__SESSION_TIMEOUT_MS": str(POLL_MS),
    "KAFKA__MAX_POLL_INTERVAL_MS": str(POLL_MS),
    "BATCH__MAX_RECORDS": "50",
}


def test_polling_goes_on_while_one_call_waits_for_redis(
    private_store: MakeStore, deploy: Deploy, settle: Settle
) -> None:
    deployment = without_event_ids(deploy(private_store("redis7").url))
    servers, group = deployment.bootstrap_servers, deployment.groups["run"]
    with deployment.start("run", **PATIENT) as program:
        deployment.produce(page_views(0, 100))
        program.wait_for(deployment.is_done)
        before = generations(servers, group)
        with redis.Redis.from_url(deployment.redis_url) as client:
            client.client_pause(SLOW_MS, all=False)
        deployment.produce(page_views(100, 300))
        program.wait_for(deployment.is_done)
        assert generations(servers, group) == before != []
        program.stop()
        assert [line["reason"] for line in program.events("paused")] == ["redis is slow"]
        assert len(program.events("resumed")) == len(program.events("assigned")) == 1
        assert not program.events(UNWELL_REDIS)
    assert settle(deployment).persisted == 0


def test_others_can_join_while_one_call_waits_for_redis(
    private_store: MakeStore, deploy: Deploy, settle: Settle
) -> None:
    deployment = without_event_ids(deploy(private_store("redis7").url))
    with deployment.start("run", **PATIENT) as first:
        deployment.produce(page_views(0, 100))
        first.wait_for(deployment.is_done)
        with redis.Redis.from_url(deployment.redis_url) as client:
            client.client_pause(60_000, all=False)
            deployment.produce(page_views(100, 300))
            first.wait_for_event("paused")
            with deployment.start("run", **PATIENT) as second:
                second.wait_for(lambda: second.owned() > 0)
                assert not first.events("resumed")
                client.client_unpause()
                second.wait_for(deployment.is_done)
                second.stop()
        first.stop()
    settle(deployment)
