"""A worker that is fed bad records stops at its limit, says why, and loses nothing."""

import pytest

from profiler.config.settings import Mode
from tests.conftest import MakeStore
from tests.integration.fault_events import VISITORS, bad_records, page_views
from tests.integration.pipeline_runs import Input, place_of
from tests.worker.conftest import Deploy
from tests.worker.deployment import MemoryDeployment
from tests.worker.running import Running

SOURCES: dict[Mode, str] = {"run": "processed", "flatten": "processed", "profile": "flattened"}
SMALL = {"BATCH__MAX_RECORDS": "40"}
IN_A_ROW = SMALL | {"DEAD_LETTERS__MAX_CONSECUTIVE": "100"}
SHARE = SMALL | {"DEAD_LETTERS__MAX_RATIO": "0.4", "DEAD_LETTERS__WINDOW_RECORDS": "100"}
UNLIMITED = {"DEAD_LETTERS__MAX_CONSECUTIVE": "0", "DEAD_LETTERS__MAX_RATIO": "1"}


def half_bad(pairs: int) -> list[Input]:
    good, bad = page_views(0, pairs), bad_records(pairs)
    return [item for pair in zip(good, bad, strict=True) for item in pair]


def assert_stopped_at_limit(program: Running, setting: str) -> None:
    assert program.wait() == 1
    [message] = [line for line in program.output.splitlines() if line.startswith("profiler: ")]
    assert "dead-letter limit" in message
    assert "bad_json" in message
    assert "at offset " in message
    assert f"dead_letters.{setting} (PROFILER_DEAD_LETTERS__{setting.upper()}" in message
    assert "not JSON" not in program.output
    assert "Traceback" not in program.output


def assert_each_rejected_once(deployment: MemoryDeployment, mode: Mode, expected: int) -> None:
    places = [place_of(record) for record in deployment.read("rejected")]
    assert len(places) == len(set(places)) == expected
    assert {place.topic for place in places} <= {deployment.topics[SOURCES[mode]]}


@pytest.mark.parametrize("mode", SOURCES)
def test_bad_records_alone_stop_the_worker_and_nothing_is_lost(
    mode: Mode, private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("valkey9").url, partitions=1)
    deployment.produce(bad_records(300), SOURCES[mode])
    for _ in range(2):  # a supervisor starts it again: it gets no further than the limit each time
        before = deployment.committed(mode).get(0, 0)
        with deployment.start(mode, **IN_A_ROW) as program:
            assert_stopped_at_limit(program, "max_consecutive")
        written = deployment.committed(mode)[0]
        assert before < written < before + 100
        assert_each_rejected_once(deployment, mode, written)

    with deployment.start(mode, **UNLIMITED) as program:
        program.wait_for(lambda: deployment.is_done(mode))
        program.stop()
    assert_each_rejected_once(deployment, mode, 300)


def test_too_large_a_share_of_bad_records_stops_the_worker(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("valkey9").url, partitions=1)
    deployment.produce(half_bad(200))
    with deployment.start("run", **SHARE) as program:
        assert_stopped_at_limit(program, "max_ratio")
    written = deployment.committed()[0]
    assert 0 < written <= 100
    assert_each_rejected_once(deployment, "run", written // 2)

    with deployment.start("run", **IN_A_ROW) as program:  # bad ones, but none in a row
        program.wait_for(deployment.is_done)
        assert program.stop()["rejected"] == 200 - written // 2
    assert_each_rejected_once(deployment, "run", 200)
    stored = deployment.stored(VISITORS[0])
    events = len(range(0, 200, len(VISITORS)))
    assert (stored["visitor_events"], stored["visitor_visits"]) == (str(events), "1")


def test_events_that_a_setting_rejects_do_not_stop_the_worker(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("valkey9").url, partitions=1)
    deployment.produce([Input(b"{}")] * 300)
    limits = IN_A_ROW | SHARE
    with deployment.start("run", ANONYMOUS="reject", **limits) as program:
        program.wait_for(deployment.is_done)
        assert program.stop()["rejected"] == 300
    assert_each_rejected_once(deployment, "run", 300)
