"""A Docker engine of the tests' own, which leaves nothing behind.

It has its own data, socket, containerd and bridge. It is process 1 of its own process namespace, so
whatever ends it ends all containers too. Its mounts are in its own mount namespace. It writes no
rules for iptables: containers of one network reach each other without, and a published port has a
process that listens. Only a build reaches outside, on the host's network.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from profiler.servers.processes import ServerProcess, ServerStartError, wait_until
from servers import MissingServerError

PROGRAMS = {
    "dockerd": "docker.io",
    "docker": "docker.io",
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "ip": "iproute2",
    "unshare": "util-linux",
    "jq": "jq",
}
COMPOSE = Path(sys.executable).with_name("docker-compose")
CGROUPS = Path("/sys/fs/cgroup")

# Hides the settings and the state of an engine that this machine may have.
_ALONE = """
set -e
for folder in /etc/docker /run/docker /run/containerd; do
  mkdir -p $folder
  mount -t tmpfs none $folder
done
exec "$@"
"""


class Engine(ServerProcess):
    """`dockerd` in namespaces of its own; its clients need `variables`."""

    name = "dockerd"
    start_timeout = 60.0
    stop_timeout = 30.0

    def __init__(self) -> None:
        """Find the programs.

        Raises:
            MissingServerError: we are not root, or one of them is missing.
        """
        super().__init__()
        if os.geteuid() != 0:
            raise MissingServerError("run as root")
        missing = sorted({pkg for program, pkg in PROGRAMS.items() if not shutil.which(program)})
        if missing:
            raise MissingServerError(
                f"install programs (Debian: apt-get install {' '.join(missing)})"
            )
        self._own_name = f"profiler{os.getpid()}"[:15]

    def prepare(self) -> None:
        """Make the bridge of its default network, and give its client the plugin for compose."""
        plugins = self._client / "cli-plugins"
        plugins.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            (plugins / "docker-compose").symlink_to(COMPOSE)
        bridge = _run("ip", "link", "add", "name", self._own_name, "type", "bridge", check=False)
        if bridge.returncode != 0:
            raise ServerStartError(f"ip makes no bridge: {bridge.stderr}")

    def command(self) -> list[str]:
        """The engine, in its namespaces."""
        options = {
            "data-root": self.directory / "data",
            "exec-root": self.directory / "exec",
            "pidfile": self.directory / "docker.pid",
            "host": self._address,
            "bridge": self._own_name,
            "cgroup-parent": f"/{self._own_name}",
            "exec-opt": "native.cgroupdriver=cgroupfs",
            "iptables": "false",
            "ip6tables": "false",
            "ip-forward": "false",
        }
        namespaces = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
        alone = ("sh", "-c", _ALONE, "sh", "dockerd")
        flags = [f"--{name}={value}" for name, value in options.items()]
        return [str(shutil.which("unshare")), *namespaces, *alone, *flags]

    def is_ready(self) -> bool:
        """Whether it answers."""
        return _run("docker", "version", check=False, **self.variables()).returncode == 0

    def variables(self) -> dict[str, str]:
        """What a client of Docker must have in its environment."""
        return {
            "DOCKER_HOST": self._address,
            "DOCKER_CONFIG": str(self._client),
            # Debian's client, where there are several: it asks the engine's own BuildKit.
            "PATH": f"/usr/bin:{os.environ['PATH']}",
        }

    def docker(self, *arguments: str | Path, check: bool = True, **variables: str) -> str:
        """Run a command of Docker, and return what it printed.

        Args:
            arguments: the command.
            check: whether to expect success; else errors are part of what is returned.
            variables: for its environment.
        """
        command = ("docker", *map(str, arguments))
        done = _run(*command, check=check, **self.variables(), **variables)
        return done.stdout if check else done.stdout + done.stderr

    def stop(self) -> None:
        """Remove the containers and networks, and end the engine by SIGTERM."""
        if not self.running:
            return
        try:
            containers = self.docker("ps", "--all", "--quiet").split()
            if containers:
                self.docker("rm", "--force", "--volumes", *containers)
            self.docker("network", "prune", "--force")
            # `unshare` holds back SIGTERM; its only child is the engine.
            os.kill(self.engine_pid, signal.SIGTERM)
            wait_until(lambda: not self.running, timeout=self.stop_timeout)
        finally:
            self.kill()

    def close(self) -> None:
        """End it, and remove its files, its bridge and its groups of processes."""
        try:
            super().close()
        finally:
            _run("ip", "link", "delete", self._own_name, check=False)
            groups = [Path(folder) for folder, _, _ in os.walk(CGROUPS, topdown=False)]
            for group in groups:
                if self._own_name in group.parts:
                    group.rmdir()

    @property
    def engine_pid(self) -> int:
        """The process id of `dockerd` itself."""
        [child] = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text("ascii").split()
        return int(child)

    @property
    def _address(self) -> str:
        return f"unix://{self.directory}/docker.sock"

    @property
    def _client(self) -> Path:
        return self.directory / "client"


def _run(*command: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0 or not check, f"{command}\n{done.stdout}{done.stderr}"
    return done
