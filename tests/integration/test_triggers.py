"""Triggers of a worker that is killed between Redis and Kafka: each leaves as one record."""

import json
import signal
from collections import Counter
from typing import Any

import pytest

from tests.chaos.crew import PACKAGE
from tests.chaos.failpoints import ARMED
from tests.conftest import MakeStore, MakeTopics
from tests.integration.conftest import Deploy
from tests.integration.fault_events import without_event_ids
from tests.integration.pipeline_runs import ANY_TIMESTAMP, Deployment, Input, place_of

T0 = 1_700_000_000_000
VISITORS = 20
TRIGGERS = """
[[triggers]]
name = "reader"
scope = "visitor"
when = [{ field = "visitor_pageviews", ">" = 2 }]

[[triggers]]
name = "landed"
scope = "visit"
when = [{ field = "visit_first_page", equals = "page 1" }]
"""
#: Where the worker is killed: what Redis knows is not in Kafka; it is, and not committed; it is.
POINTS = ("script.execute.after", "producer.send.after", "producer.commit.after")
MORTAL = {
    "KAFKA__SESSION_TIMEOUT_MS": "1000",
    "KAFKA__HEARTBEAT_INTERVAL_MS": "100",
    "WORKER_ID": "mortal",
}


def views(number: int) -> list[Input]:
    """The view of page `number` of each visitor; page 0 is the earliest, whenever it comes."""
    inputs = []
    for visitor in range(VISITORS):
        fields = {
            "domain_userid": f"visitor {visitor}",
            "domain_sessionid": "visit",
            "eventtype": "Pageview",
            "page_title": f"page {number}",
            "dvce_created_tstamp": T0 + 1_000 * number,
        }
        named = [{"name": f"other_{name}", "value": value} for name, value in fields.items()]
        value = json.dumps({"query": named}).encode()
        inputs.append(Input(value, f"key {visitor}".encode(), T0 + 1_000 * number))
    return inputs


def with_triggers(deployment: Deployment, topics: MakeTopics) -> Deployment:
    """The same deployment, but its rules have triggers."""
    (deployment.topics["triggers"],) = topics("triggers", partitions=deployment.partitions)
    deployment.configure(deployment.topics["triggers"], ANY_TIMESTAMP)
    deployment.rules.write_text(deployment.rules.read_text() + TRIGGERS)
    return deployment


def expected() -> set[tuple[str, str, str]]:
    """Visitor, trigger and state of each record."""
    told = [("reader", "fired"), ("landed", "fired"), ("landed", "retracted")]
    return {(f"visitor {v}", name, state) for v in range(VISITORS) for name, state in told}


@pytest.mark.field(
    kind="stops",
    meets="a worker that crashes after Redis decided that a trigger fires, before Kafka knows",
    happens="one record of the trigger for readers of committed ones; at least once: none is lost",
)
@pytest.mark.parametrize("delivery", ["exactly-once", "at-least-once"])
def test_killed_between_redis_and_kafka_a_trigger_leaves_once(
    private_store: MakeStore, deploy: Deploy, topics: MakeTopics, delivery: str
) -> None:
    deployment = with_triggers(
        without_event_ids(deploy(private_store("redis7").url, partitions=1)), topics
    )
    settings = {**MORTAL, "DELIVERY": delivery}
    points = POINTS if delivery == "exactly-once" else POINTS[:2]
    deployment.package = PACKAGE
    for number, point in zip((1, 2, 3), points, strict=False):
        deployment.environment = {ARMED: f"{point}:1:kill"}
        deployment.produce(views(number))
        with deployment.start("run", **settings) as program:
            assert program.wait() == -signal.SIGKILL
    deployment.environment = {}
    for number in range(3 - len(points)):
        deployment.produce(views(3 + number))
    deployment.produce(views(0))
    with deployment.start("run", **settings) as program:
        program.wait_for(deployment.is_done)
        told = program.stop()

    records = deployment.read("triggers")
    values: list[dict[str, Any]] = [json.loads(record.value or b"") for record in records]
    found = Counter(
        (each["id"], each["visitor_id"], each["trigger"], each["state"]) for each in values
    )
    assert {key[1:] for key in found} == expected()
    assert len({key[0] for key in found}) == 2 * VISITORS  # a retraction has the id of its firing
    if delivery == "exactly-once":
        assert set(found.values()) == {1}
    assert told["triggers_retracted"] >= VISITORS
    keys = {place_of(record): record.key for record in deployment.read("persisted")}
    assert all(keys[place_of(record)] == record.key for record in records)
