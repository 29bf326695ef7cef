"""A record whose timestamp a topic refuses leaves with the time of writing, and costs no other."""

import time
from collections.abc import Sequence

import pytest

from profiler.kafka import TimestampLimits
from profiler.records.types import Record
from tests.conftest import MakeStore
from tests.integration.fault_events import VISITORS, bad_records, page_views
from tests.integration.pipeline_runs import Input
from tests.worker.conftest import Deploy
from tests.worker.deployment import MemoryDeployment

#: New Year's Day of 2100.
FAR = 4_102_444_800_000
DAY = 86_400_000
HOUR = 3_600_000
COUNT = 2 * len(VISITORS)
OUTPUTS = ("flattened", "persisted", "rejected")
TOLD = "timestamps that a topic refuses: outputs leave with the time of writing"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def limited(deployment: MemoryDeployment, *, before_ms: int = 2**62, after_ms: int = HOUR) -> None:
    """Let the output topics take these timestamps alone."""
    for topic in OUTPUTS:
        limits = TimestampLimits(before_ms, after_ms)
        deployment.broker.topics[deployment.topics[topic]].timestamp_limits = limits


def stamped(inputs: Sequence[Input], timestamp: int) -> list[Input]:
    return [given._replace(timestamp=timestamp) for given in inputs]


def restamped(records: Sequence[Record]) -> list[Record]:
    """Those that say which timestamp they would have."""
    return [record for record in records if "source-timestamp" in dict(record.headers)]


@pytest.mark.field(
    kind="streams",
    meets="a record whose timestamp the broker refuses for the outputs",
    happens="the output has the time of writing, and the original in a header; the stream goes on",
)
@pytest.mark.parametrize(
    "limits", [{"after_ms": HOUR}, {"before_ms": DAY}], ids=["in the future", "in the past"]
)
def test_one_record_costs_no_other(
    private_store: MakeStore, deploy: Deploy, limits: dict[str, int]
) -> None:
    deployment = deploy(private_store("redis7").url)
    limited(deployment, **limits)
    refused = FAR if "after_ms" in limits else now_ms() - 30 * DAY
    good = stamped(page_views(0, COUNT), now_ms())
    deployment.produce([*good[:5], *stamped(page_views(COUNT, 1), refused), *good[5:]])
    with deployment.start("run") as program:
        program.wait_for(deployment.is_done)
        assert program.stop()["restamped"] == 2
    assert program.events("kafka is unwell, trying again") == []
    for topic in ("flattened", "persisted"):
        records = deployment.read(topic)
        assert len(records) == COUNT + 1
        [found] = restamped(records)
        headers = dict(found.headers)
        assert headers["source-timestamp"] == b"%d" % refused
        assert abs(found.timestamp - now_ms()) < HOUR
        assert program.events(TOLD)[0]["first"] == (
            f"tracking_processed-{int(headers['source-partition'] or b'')}"
            f" offset {int(headers['source-offset'] or b'')}"
        )


def test_a_dead_letter_leaves_too(private_store: MakeStore, deploy: Deploy) -> None:
    deployment = deploy(private_store("redis7").url)
    limited(deployment)
    deployment.produce([*stamped(bad_records(1), FAR), *stamped(page_views(0, COUNT), now_ms())])
    with deployment.start("run") as program:
        program.wait_for(deployment.is_done)
        assert program.stop()["rejected"] == 1
    [dead] = deployment.read("rejected")
    assert dict(dead.headers)["source-timestamp"] == b"%d" % FAR
    assert dict(dead.headers)["error-code"] == b"bad_json"
    assert dead.value == bad_records(1)[0].value


def test_limits_that_become_stricter_are_learnt(private_store: MakeStore, deploy: Deploy) -> None:
    deployment = deploy(private_store("redis7").url)
    with deployment.start("run") as program:
        deployment.produce(stamped(page_views(0, COUNT), FAR))
        program.wait_for(deployment.is_done)
        limited(deployment)
        more = [*page_views(COUNT, 1), *stamped(page_views(COUNT + 1, 1), FAR)]
        deployment.produce(more)
        program.wait_for(deployment.is_done)
        assert program.stop()["restamped"] == 2
    assert program.events("kafka is unwell, trying again") == []
    assert len(restamped(deployment.read("persisted"))) == 1


def test_where_no_limit_is_known_a_refusal_is_enough(
    private_store: MakeStore, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the right to ask for them: then all that is sent with it has the time of writing."""
    deployment = deploy(private_store("redis7").url)
    limited(deployment)
    monkeypatch.setattr(deployment.broker, "topic_limits", dict)
    deployment.produce([*stamped(page_views(0, 1), FAR), *page_views(1, 5 * COUNT)])
    with deployment.start("run", BATCH__MAX_RECORDS="5") as program:
        program.wait_for(deployment.is_done)
        program.stop()
    found = restamped(deployment.read("persisted"))
    assert 1 <= len(found) <= 3 * 5  # of all batches that may be under way
    assert b"%d" % FAR in {dict(record.headers)["source-timestamp"] for record in found}


def test_the_second_stage_keeps_the_first_one_s_header(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("redis7").url)
    limited(deployment)
    deployment.produce(stamped(page_views(0, 1), FAR))
    with deployment.start("flatten") as flatten, deployment.start("profile") as profile:
        flatten.wait_for(lambda: deployment.is_done("flatten"))
        profile.wait_for(lambda: deployment.is_done("profile"))
        for program in (flatten, profile):
            program.stop()
    [found] = deployment.read("persisted")
    assert dict(found.headers)["source-timestamp"] == b"%d" % FAR
