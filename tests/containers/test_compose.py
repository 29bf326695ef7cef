"""docker-compose.yml with three workers, of which one is killed, and then Redis."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from profiler.servers.processes import wait_until
from tests.containers.compose import BUILD, Project
from tests.packaging.commands import ROOT
from tests.packaging.test_compose import documented_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.containers.engine import Engine

VISITORS = [f"visitor-{number}" for number in range(12)]
EVENTS = 10
# Process 1 is Docker's init, and the worker its only child.
OUR_PROCESS = "read -r pid _ </proc/1/task/1/children"


@pytest.fixture(scope="module")
def project(engine: Engine, image: str) -> Iterator[Project]:  # noqa: ARG001 - must be there
    """Three workers and their servers, up; each test leaves them so."""
    found = Project(engine, "containers")
    try:
        found.up()
        yield found
    finally:
        found("down", "--volumes", "--timeout", "30")


@pytest.mark.usefixtures("package_index")
def test_the_steps_of_ci(engine: Engine) -> None:
    environment = Project(engine, "ci", BUILD).environment()

    done = subprocess.run(
        [".ci/compose"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    assert done.stdout.endswith("a record went in and came out\n")
    assert engine.docker("volume", "ls", "--quiet") == ""


def test_a_worker_has_no_rights_and_can_write_nowhere(project: Project) -> None:
    for worker in project.containers("worker"):
        assert project.inside(worker, "id -u; id -g").split() == ["10001", "10001"]
        assert project.inside(worker, "cat /proc/1/comm") == "docker-init"
        status = project.inside(worker, f"{OUR_PROCESS}; cat /proc/$pid/status")
        fields = dict(line.split(":\t", 1) for line in status.splitlines())
        assert fields["Name"] == "profiler"
        assert int(fields["CapBnd"], 16) == int(fields["CapEff"], 16) == 0
        assert fields["NoNewPrivs"] == "1"
        assert fields["Seccomp"] == "2"
        refused = project.inside(worker, "touch /tmp/x /etc/profiler/x 2>&1 || true")
        assert refused.count("Read-only file system") == 2


def test_the_servers_run_as_users_of_their_own(project: Project) -> None:
    [kafka], [redis] = project.containers("kafka"), project.containers("redis")

    assert (
        project.inside(kafka, "stat -c %U /proc/1 /var/lib/kafka/data").split() == ["appuser"] * 2
    )
    assert project.inside(redis, "stat -c %U /proc/1 /data").split() == ["redis"] * 2
    assert project.volumes() == {"containers_kafka", "containers_redis"}


def test_a_worker_that_hangs_is_unhealthy_until_it_goes_on(project: Project) -> None:
    victim = project.containers("worker")[0]

    def told() -> list[str]:
        return sorted(w["State"]["Health"]["Status"] for w in project.containers("worker"))

    assert wait_until(lambda: told() == ["healthy"] * 3, timeout=90)
    project.inside(victim, f"{OUR_PROCESS}; kill -STOP $pid")
    try:
        assert wait_until(lambda: told() == ["healthy", "healthy", "unhealthy"], timeout=120)
    finally:
        project.inside(victim, f"{OUR_PROCESS}; kill -CONT $pid")
    assert wait_until(lambda: told() == ["healthy"] * 3, timeout=90)


def test_a_killed_worker_comes_back_and_each_record_is_answered_once(project: Project) -> None:
    before = len(project.outputs())
    project.send(VISITORS * EVENTS)
    victim = project.containers("worker")[0]
    # By docker kill a container would count as stopped on purpose, and stay so.
    project.inside(victim, f"{OUR_PROCESS}; kill -KILL $pid")
    project.send(VISITORS * EVENTS)

    outputs = project.outputs(before + 2 * EVENTS * len(VISITORS))

    assert len(outputs) == before + 2 * EVENTS * len(VISITORS)
    assert_counted_one_by_one(outputs)
    assert wait_until(lambda: len(running(project)) == 3, timeout=30)
    assert sorted(worker["RestartCount"] for worker in running(project)) == [0, 0, 1]


def test_workers_wait_for_a_killed_redis_which_has_kept_its_data(project: Project) -> None:
    restarts = [worker["RestartCount"] for worker in running(project)]
    before = len(project.outputs())
    project("kill", "--signal", "KILL", "redis")
    project.send(VISITORS * EVENTS)
    assert len(project.outputs(before + 1, within=5)) == before
    project("up", "--detach", "--no-recreate", "--wait", "redis")

    outputs = project.outputs(before + EVENTS * len(VISITORS))

    assert len(outputs) == before + EVENTS * len(VISITORS)
    assert_counted_one_by_one(outputs)
    assert [worker["RestartCount"] for worker in running(project)] == restarts


def test_the_address_of_redis_may_come_from_a_secret(project: Project, tmp_path: Path) -> None:
    feed(project)
    secret = tmp_path / "redis_url"
    secret.write_text("redis://redis:6379/0\n")
    secret.chmod(0o444)
    further = tmp_path / "secrets.yml"
    further.write_text(documented_secrets().replace("./redis_url", str(secret)))

    with_secret = Project(project.engine, project.name, further)

    assert with_secret.profile(VISITORS[0]) == project.profile(VISITORS[0])


def test_workers_stop_in_time_while_redis_hangs(project: Project) -> None:
    before = len(project.outputs())
    project("pause", "redis")
    try:
        project.send(VISITORS)
        began = time.monotonic()
        project("stop", "worker")
        took = time.monotonic() - began
    finally:
        project("unpause", "redis")
    codes = [worker["State"]["ExitCode"] for worker in project.containers("worker")]

    assert took < 15  # 10 s by itself
    assert codes == [0, 0, 0]

    assert wait_until(lambda: health(project, "redis") == "healthy", timeout=60)
    project.up()
    outputs = project.outputs(before + len(VISITORS))
    assert len(outputs) == before + len(VISITORS)
    assert_counted_one_by_one(outputs)


def test_data_outlive_the_containers_until_their_volumes_are_removed(project: Project) -> None:
    outputs, profile = feed(project), project.profile(VISITORS[0])
    project("down")
    project.up()

    assert project.profile(VISITORS[0]) == profile
    assert project.outputs() == outputs

    project("down", "--volumes")
    assert project.volumes() == set()


def running(project: Project) -> list[dict[str, Any]]:
    """The workers that run, always in the same order."""
    workers = project.containers("worker")
    return sorted((w for w in workers if w["State"]["Running"]), key=lambda worker: worker["Name"])


def feed(project: Project) -> list[dict[str, Any]]:
    """Let each visitor have one event more, and return all outputs."""
    before = len(project.outputs())
    project.send(VISITORS)
    outputs = project.outputs(before + len(VISITORS))
    assert len(outputs) == before + len(VISITORS)
    return outputs


def health(project: Project, service: str) -> str:
    [container] = project.containers(service)
    return str(container["State"]["Health"]["Status"])


def assert_counted_one_by_one(outputs: Sequence[dict[str, Any]]) -> None:
    """Of no visitor's events was one lost or counted twice."""
    for visitor in VISITORS:
        counts = [
            output["profile_visitor_events"]
            for output in outputs
            if output["query-other_domain_userid"] == visitor
        ]
        assert sorted(counts) == list(range(1, len(counts) + 1)), visitor
