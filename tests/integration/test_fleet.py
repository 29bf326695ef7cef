"""`--workers N`: plain processes that share the partitions, and end together."""

import os
import signal

import pytest
from kafka.errors import RetriableError

from profiler.servers.processes import wait_until
from tests.conftest import MakeStore
from tests.integration.conftest import Deploy, Settle
from tests.integration.fault_events import page_views
from tests.integration.pipeline_runs import Deployment
from tests.integration.programs import PATIENCE_S, Program

WORKERS = 3


def pids(program: Program) -> list[int]:
    program.wait_for_event("workers started")
    return list(program.events("workers started")[0]["pids"])


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_workers_share_the_partitions_and_stop_together(
    private_store: MakeStore, deploy: Deploy, settle: Settle
) -> None:
    deployment = deploy(private_store("valkey9").url, partitions=WORKERS)
    with deployment.start("run", f"--workers={WORKERS}") as program:
        program.wait_for(lambda: each_owns_one(deployment))
        deployment.produce(page_views(0, 600))
        program.wait_for(deployment.is_done)
        workers = pids(program)
        program.stop()
    assert not any(map(is_alive, workers))
    stopped = program.events("stopped")
    assert len(stopped) == WORKERS
    assert sum(counts["read"] for counts in stopped) == 600
    assert all(counts["read"] for counts in stopped)
    names = {line["worker"] for line in program.events("starting")}
    assert {name[-2:] for name in names} == {"-0", "-1", "-2"}
    assert settle(deployment).lost == 0


def each_owns_one(deployment: Deployment) -> bool:
    """Whether the group is settled so; the log leaves out lines that follow each other quickly."""
    group = deployment.groups["run"]
    try:
        found = deployment.admin.describe_groups([group])[group]
    except RetriableError:
        return False  # the first group ever has no coordinator yet
    assigned = [member["member_assignment"] for member in found["members"]]
    owned = [topic["partitions"] for one in assigned if one for topic in one["assigned_partitions"]]
    return found["group_state"] == "Stable" and sorted(owned) == [[n] for n in range(WORKERS)]


@pytest.mark.field(
    kind="stops",
    meets="`--workers`, and a signal to all processes of the group",
    happens="one request to each worker, exit code 0",
)
def test_signals_to_the_whole_group_are_one_request(
    private_store: MakeStore, deploy: Deploy
) -> None:
    """So a supervisor sends them: to each process; and the parent hands its own on as well."""
    deployment = deploy(private_store("valkey9").url, partitions=WORKERS)
    with deployment.start("run", f"--workers={WORKERS}") as program:
        program.wait_for(lambda: len(program.events("joining")) == WORKERS)
        program.wait_for(lambda: bool(program.events("assigned")))
        for pid in (*pids(program), program.pid, program.pid):
            os.kill(pid, signal.SIGTERM)
        assert program.wait() == 0
    assert len(program.events("stopped")) == WORKERS
    assert not program.events("ended at once")


def test_when_one_is_killed_the_others_stop_and_the_code_tells(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("valkey9").url, partitions=WORKERS)
    with deployment.start("run", "--workers", str(WORKERS)) as program:
        first, *others = pids(program)
        program.wait_for(lambda: bool(program.events("assigned")))
        os.kill(first, signal.SIGKILL)
        assert program.wait() == 128 + signal.SIGKILL
    assert not any(map(is_alive, others))
    [line] = program.events("a worker ended, stopping the others")
    assert (line["worker"], line["exit_code"]) == (0, 137)


def test_no_worker_outlives_the_one_that_started_them(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("valkey9").url, partitions=WORKERS)
    with deployment.start("run", "--workers", str(WORKERS)) as program:
        workers = pids(program)
        os.kill(program.pid, signal.SIGKILL)
        program.wait()
    assert wait_until(lambda: not any(map(is_alive, workers)), timeout=PATIENCE_S)
