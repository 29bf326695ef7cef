"""A program that is told to stop ends in time, and says what it left; see also `tests/worker`.

The time is the program's own, from the signal to its last line; the tests wait more patiently.
"""

import signal
import time

import pytest

from profiler.servers.ports import free_port
from profiler.worker.shutdown import ONE_REQUEST_S
from tests.conftest import MakeStore
from tests.integration.conftest import Deploy
from tests.integration.fault_events import page_views
from tests.integration.pipeline_runs import place_of
from tests.integration.stops import LEFT, stop, suspended


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


@pytest.mark.field(
    kind="stops",
    meets="a stop while Redis hangs",
    happens="it ends within 10 s, and says that a batch will be read again",
)
def test_redis_is_busy_for_longer_than_there_is_time(
    private_store: MakeStore, deploy: Deploy
) -> None:
    server = private_store("redis7")
    deployment = deploy(server.url)
    with deployment.start("run", REDIS__SOCKET_TIMEOUT_S="60") as program:
        deployment.produce(page_views(0, 100))
        program.wait_for(deployment.is_done)
        with suspended(server.pid):
            deployment.produce(page_views(100, 100))
            program.wait_for_event("paused")
            stop(program)
            assert program.events(LEFT)
            assert program.events("left behind what does not answer")


def test_two_signals_at_once_are_one_request(private_store: MakeStore, deploy: Deploy) -> None:
    deployment = deploy(private_store("redis7").url)
    deployment.produce(page_views(0, 100))
    with deployment.start("run") as program:
        program.wait_for(deployment.is_done)
        program.send_signal(signal.SIGTERM)
        stop(program)
        assert not program.events("ended at once")
        assert len(program.events("stopping")) == len(program.events("stopped")) == 1
    assert sum(deployment.committed().values()) == 100


@pytest.mark.parametrize("away", ["kafka", "redis"])
def test_while_starting(away: str, private_store: MakeStore, deploy: Deploy) -> None:
    server = private_store("redis7")
    deployment = deploy(server.url)
    if away == "kafka":
        deployment.bootstrap_servers = f"127.0.0.1:{free_port()}"
        with deployment.start("run") as program:
            program.wait_for_event("starting")
            last = stop(program)
    else:
        with suspended(server.pid), deployment.start("run") as program:
            program.wait_for_event("starting")
            last = stop(program)
    assert last["event"] == "stopped while starting"


def test_a_second_signal_ends_it_at_once(private_store: MakeStore, deploy: Deploy) -> None:
    server = private_store("redis7")
    deployment = deploy(server.url)
    with deployment.start("run", REDIS__SOCKET_TIMEOUT_S="60") as program:
        deployment.produce(page_views(0, 100))
        program.wait_for(deployment.is_done)
        with suspended(server.pid):
            deployment.produce(page_views(100, 100))
            program.wait_for_event("paused")
            program.send_signal(signal.SIGTERM)
            program.wait_for_event("stopping")
            time.sleep(ONE_REQUEST_S)
            last = stop(program, code=1)
            assert program.events(LEFT)
    assert (last["event"], last["reason"]) == ("ended at once", "a second signal, SIGTERM")
    assert sum(deployment.committed().values()) == 100
