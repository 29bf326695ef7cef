"""The unit, under a systemd that is process 1 of a container."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

import pytest

from profiler.servers.processes import wait_until
from tests.containers.compose import Project
from tests.packaging.commands import ROOT
from tests.packaging.test_systemd import UNIT, documented_drop_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.containers.engine import Engine

PROJECT = "systemd"
VISITORS = [f"visitor-{number}" for number in range(12)]
WORKERS = ("visitor-profiler@1", "visitor-profiler@2")
CONFIGURATION = "/etc/visitor-profiler"


class Machine:
    """A container in which systemd has started."""

    def __init__(self, engine: Engine, image: str) -> None:
        """Start it on the network of the compose file."""
        self._engine = engine
        rights = ("--cap-add=SYS_ADMIN", "--security-opt=seccomp=unconfined", "--cgroupns=private")
        engine.docker(
            *("run", "--detach", "--name=machine", f"--network={PROJECT}_default", *rights),
            *("--tmpfs=/run", "--tmpfs=/tmp", image),
        )
        assert wait_until(
            lambda: self.run("systemctl is-system-running || true") in {"running", "degraded"},
            timeout=60,
        )

    def run(self, line: str) -> str:
        """Run a line of shell as root, and return what it printed."""
        return self._engine.docker("exec", "machine", "sh", "-c", line).strip()

    def write(self, path: str, text: str) -> None:
        """Write a file that root alone may read."""
        self.run(f"mkdir -p $(dirname {path}) && umask 077 && printf '%s' '{text}' >{path}")

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run(f"systemctl show --property={name} --value {unit}")


@pytest.fixture(scope="module")
def project(engine: Engine, image: str) -> Iterator[Project]:  # noqa: ARG001 - must be there
    """The servers and the topics, without a worker."""
    found = Project(engine, PROJECT)
    try:
        found("up", "--detach", "--wait", "redis", "kafka")
        found("run", "--rm", "-T", "topics")
        yield found
    finally:
        found("down", "--volumes")


@pytest.fixture(scope="module")
def machine(
    engine: Engine,
    project: Project,  # noqa: ARG001 - must be up
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Machine]:
    """A machine on which everything is installed as docs/deployment.md says."""
    context: Path = tmp_path_factory.mktemp("machine") / "context"
    shutil.copytree(ROOT / "tests" / "containers" / "machine", context)
    shutil.copy(UNIT, context)
    engine.docker("build", "--quiet", "--tag=machine", context)
    try:
        found = Machine(engine, "machine")
        address = "PROFILER_KAFKA__BOOTSTRAP_SERVERS=kafka:9092"
        found.write(f"{CONFIGURATION}/environment", address)
        found.write(f"{CONFIGURATION}/redis_url", "redis://redis:6379/0")
        found.write(f"/etc/systemd/system/{UNIT.name}.d/secrets.conf", documented_drop_in())
        found.run(f"systemctl daemon-reload && systemctl start {' '.join(WORKERS)}")
        yield found
    finally:
        engine.docker("rm", "--force", "--volumes", "machine", check=False)


def test_workers_profile_without_any_right(machine: Machine, project: Project) -> None:
    project.send(VISITORS)
    assert len(project.outputs(len(VISITORS))) == len(VISITORS)

    for worker in WORKERS:
        pid = machine.show(worker, "MainPID")
        status = machine.run(f"cat /proc/{pid}/status")
        fields = dict(line.split(":\t", 1) for line in status.splitlines())
        assert fields["Name"] == "profiler"
        assert int(fields["Uid"].split()[0]) > 60_000  # of the range of DynamicUser
        assert int(fields["CapBnd"], 16) == int(fields["CapEff"], 16) == 0
        assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
        variables = machine.run(f"tr '\\0' '\\n' </proc/{pid}/environ")
        assert f"PROFILER_REDIS__URL_FILE=/run/credentials/{worker}.service" in variables
        assert "redis://" not in variables


def test_a_killed_worker_comes_back(machine: Machine, project: Project) -> None:
    machine.run(f"systemctl kill --signal=KILL {WORKERS[0]}")
    project.send(VISITORS)

    # Soon: the group does not wait for the session of a static member, which is 45 s.
    assert len(project.outputs(2 * len(VISITORS), within=30)) == 2 * len(VISITORS)
    assert wait_until(lambda: machine.show(WORKERS[0], "NRestarts") == "1", timeout=30)
    assert machine.show(WORKERS[0], "ActiveState") == "active"


def test_a_wrong_configuration_is_not_tried_again(machine: Machine) -> None:
    drop_in = "/etc/systemd/system/visitor-profiler@3.service.d/wrong.conf"
    machine.write(drop_in, "[Service]\nEnvironment=PROFILER_BATCH__MAX_RECODS=1\n")
    machine.run("systemctl daemon-reload && systemctl start visitor-profiler@3 || true")

    third = "visitor-profiler@3"
    assert wait_until(lambda: machine.show(third, "ActiveState") == "failed", timeout=30)
    time.sleep(6)  # longer than RestartSec
    assert machine.show(third, "ActiveState") == "failed"
    assert (machine.show(third, "ExecMainStatus"), machine.show(third, "NRestarts")) == ("78", "0")
    assert "MAX_RECORDS" in machine.run(f"journalctl --no-pager --unit={third}")


def test_workers_stop_in_time(machine: Machine) -> None:
    began = time.monotonic()
    machine.run(f"systemctl stop {' '.join(WORKERS)}")

    assert time.monotonic() - began < 15
    for worker in WORKERS:
        assert machine.show(worker, "Result") == "success"
        assert machine.show(worker, "ExecMainStatus") == "0"
