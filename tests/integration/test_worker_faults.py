"""Faults that cost a worker time and nothing else, on a real Kafka and a real Redis."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis

from tests.conftest import MakeStore
from tests.integration.conftest import Deploy
from tests.integration.pipeline_runs import Deployment, Input, place_of

VISITORS = [f"visitor-{number}" for number in range(20)]
# What a write that was acknowledged survives a crash with.
DURABLE = ["--appendonly", "yes", "--appendfsync", "always"]


def page_views(first: int, count: int) -> list[Input]:
    """So many events, each with its own id, of all visitors in turn."""
    return [page_view(number) for number in range(first, first + count)]


def page_view(number: int) -> Input:
    visitor = VISITORS[number % len(VISITORS)]
    fields = {
        "domain_userid": visitor,
        "domain_sessionid": f"visit of {visitor}",
        "event_id": f"event {number}",
        "eventtype": "Pageview",
        "page_title": f"page {number}",
    }
    elements = [{"name": f"other_{name}", "value": value} for name, value in fields.items()]
    value = json.dumps({"query": elements}).encode()
    return Input(value, visitor.encode(), 1_700_000_000_000 + number)


def assert_nothing_lost_or_counted_twice(
    deployment: Deployment, total: int, *, gone: int = 0
) -> None:
    """Every input came out, at least once; what is stored counts each once.

    The outputs of `gone` inputs were deleted with their topic.
    """
    flattened, persisted = map(deployment.read, ("flattened", "persisted"))
    assert len(set(map(place_of, flattened))) == total
    assert len(set(map(place_of, persisted))) == total - gone
    assert deployment.read("rejected") == []
    for number, visitor in enumerate(VISITORS):
        stored = deployment.stored(visitor)
        events = str(total // len(VISITORS))
        assert (stored["visitor_events"], stored["visitor_pageviews"]) == (events, events)
        assert (stored["visitor_visits"], stored["visit_events"]) == ("1", events)
        assert stored["visitor_first_page"] == f"page {number}"
        assert stored["visitor_last_page"] == f"page {total - len(VISITORS) + number}"


def scripts_loaded(redis_url: str) -> int:
    """How often a script was loaded since the server's start."""
    with redis.Redis.from_url(redis_url) as client:
        calls = client.info("commandstats").get("cmdstat_script|load", {"calls": 0})
    return int(calls["calls"])


def shrink(deployment: Deployment) -> Callable[[], None]:
    topic = deployment.topics["persisted"]
    deployment.configure(topic, {"max.message.bytes": "100"})
    return lambda: deployment.configure(topic, {"max.message.bytes": "1048588"})


def delete(deployment: Deployment) -> Callable[[], None]:
    topic = deployment.topics["persisted"]
    deployment.admin.delete_topics([topic])

    def make_anew() -> None:
        options = {"num_partitions": deployment.partitions, "replication_factor": 1}
        deployment.admin.create_topics({topic: options}, wait_for_metadata=True)

    return make_anew


@pytest.mark.parametrize("cause", [shrink, delete])
def test_nothing_is_committed_before_every_output_is_acknowledged(
    cause: Callable[[Deployment], Callable[[], None]], private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("valkey9").url, partitions=1)
    with deployment.start("run", KAFKA__DELIVERY_TIMEOUT_MS="2000") as program:
        deployment.produce(page_views(0, 40))
        program.wait_for(deployment.is_done)
        before = [place_of(record) for record in deployment.read("persisted")]
        assert len(before) == 40

        remove_cause = cause(deployment)
        deployment.produce(page_views(40, 60))
        program.wait_for_event("kafka is unwell, trying again", times=2)
        assert deployment.committed() == {0: 40}
        # Redis has them already: only the watermark keeps what follows from counting again.
        assert deployment.stored(VISITORS[0])["visitor_events"] == "5"

        remove_cause()
        program.wait_for(deployment.is_done)
        assert program.stop()["replayed"] >= 60
    assert_nothing_lost_or_counted_twice(deployment, 100, gone=40 if cause is delete else 0)


def members_of(deployment: Deployment) -> tuple[str, ...]:
    """The ids of the group's members; one that was away and comes back has a new one."""
    group = deployment.admin.describe_groups([deployment.groups["run"]])
    return tuple(member["member_id"] for member in group[deployment.groups["run"]]["members"])


def test_redis_away_loses_nothing_and_keeps_the_member(
    private_store: MakeStore, deploy: Deploy
) -> None:
    server = private_store("redis7", options=DURABLE)
    deployment = deploy(server.url)
    settings = {"BATCH__MAX_RECORDS": "50", "KAFKA__MAX_POLL_INTERVAL_MS": "3000"}
    deployment.produce(page_views(0, 1_000))
    with deployment.start("run", **settings) as program:
        program.wait_for(lambda: sum(deployment.committed().values()) >= 50)
        members = members_of(deployment)
        server.kill()
        deployment.produce(page_views(1_000, 1_000))
        program.wait_for_event("redis is unwell, trying again", times=6)  # takes 3.1 s
        server.start()
        program.wait_for(deployment.is_done)
        assert members_of(deployment) == members
        program.stop()
        assert len(program.events("assigned")) == 1
        assert program.events("redis is well again")
    assert scripts_loaded(server.url) >= 1  # it came back without one
    assert_nothing_lost_or_counted_twice(deployment, 2_000)


@contextmanager
def flushing(redis_url: str) -> Iterator[None]:
    """Meanwhile the script cache is flushed every 50 ms."""
    end = threading.Event()

    def flush() -> None:
        with redis.Redis.from_url(redis_url) as client:
            while not end.wait(0.05):
                client.script_flush()

    thread = threading.Thread(target=flush)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def test_flushed_scripts_cost_latency_only(private_store: MakeStore, deploy: Deploy) -> None:
    deployment = deploy(private_store("valkey9").url)
    with (
        flushing(deployment.redis_url),
        deployment.start("run", BATCH__MAX_RECORDS="50") as program,
    ):
        deployment.produce(page_views(0, 2_000))
        program.wait_for(deployment.is_done)
        counts = program.stop()
    assert scripts_loaded(deployment.redis_url) > 5
    assert (counts["read"], counts["profiled"], counts.get("replayed", 0)) == (2_000, 2_000, 0)
    assert_nothing_lost_or_counted_twice(deployment, 2_000)
