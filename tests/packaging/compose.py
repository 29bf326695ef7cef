"""The services of docker-compose.yml as plain processes on loopback.

Compose itself (the binary, which needs no engine for this) reads the file. Of a service, command,
environment and health check are used as they stand, but for its addresses and directories.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from profiler.servers.ports import LOOPBACK, free_port
from profiler.servers.processes import ServerProcess
from servers import MissingServerError
from servers.kafka import KafkaProcess
from tests.packaging.commands import ROOT, bare_environment, run

COMPOSE = Path(sys.executable).with_name("docker-compose")
# Where the image has Kafka's scripts, and the class that the one in use starts.
KAFKA_SCRIPTS = "/opt/kafka/bin"
KAFKA_CLASSES = {
    "kafka-broker-api-versions.sh": "org.apache.kafka.tools.BrokerApiVersionsCommand",
}


def read_compose(*further: Path) -> tuple[dict[str, Any], str]:
    """Let compose check the file, with further ones on top, and spell it out.

    Returns:
        The model, and compose's warnings.
    """
    files = [f"--file={file}" for file in (ROOT / "docker-compose.yml", *further)]
    command = [str(COMPOSE), *files, "config", "--format", "json"]
    done = run(command, directory=ROOT, environment=bare_environment(COMPOSE.parent, ROOT))
    model: dict[str, Any] = json.loads(done.stdout)
    return model, done.stderr


class Network:
    """The names and ports of the compose file, mapped to free ports on loopback."""

    def __init__(self) -> None:
        self._ports: dict[str, int] = {}

    def port(self, inner: str) -> int:
        """The port of this machine that stands for a container's."""
        return self._ports.setdefault(inner, free_port())

    def local(self, text: str) -> str:
        """The text with each ``host:port`` and each ``:port`` to bind to made one of ours."""
        return re.sub(
            r"(?:\b(?:kafka|redis|localhost)|(?<=//)):(\d{4})\b",
            lambda found: f"{LOOPBACK}:{self.port(found[1])}",
            text,
        )

    def environment(self, service: dict[str, Any]) -> dict[str, str]:
        """A service's variables."""
        return {name: self.local(text) for name, text in service["environment"].items()}


class RedisService(ServerProcess):
    """The service `redis`; it is ready when its own health check says so."""

    name = "redis"
    start_timeout = 30.0
    stop_timeout = 30.0

    def __init__(self, service: dict[str, Any], network: Network) -> None:
        """Find the programs.

        Raises:
            MissingServerError: one is missing.
        """
        super().__init__(port=network.port("6379"))
        for program in ("redis-server", "redis-cli"):
            if shutil.which(program) is None:
                raise MissingServerError("install Redis (Debian: apt-get install redis-server)")
        self._arguments = service["command"]
        self._health = network.local(health_command(service))

    def command(self) -> list[str]:
        """The service's command, with our port and directory."""
        program, *options = self._arguments
        found = shutil.which(program)
        assert found is not None
        ours = ["--bind", LOOPBACK, "--port", str(self.port), "--dir", str(self.directory)]
        return [found, *options, *ours]

    def is_ready(self) -> bool:
        """Whether the health check passes."""
        return passes(self._health)


class KafkaService(KafkaProcess):
    """The service `kafka`; the image's own program turns its variables into properties."""

    stop_timeout = 30.0

    def __init__(self, service: dict[str, Any], network: Network) -> None:
        """Find Java and the jars.

        Raises:
            MissingServerError: one is missing.
        """
        super().__init__(port=network.port("9092"))
        self._variables = network.environment(service)
        self._health = network.local(health_command(service))

    def prepare(self) -> None:
        """Write the properties and format the storage, by what the image calls at its start."""
        self._write_scripts()
        if self._logs.exists():
            return
        folders = [self.directory / name for name in ("defaults", "mounted", "final")]
        for folder in folders:
            folder.mkdir()
        names = ("--default-configs-dir", "--mounted-configs-dir", "--final-configs-dir")
        pairs = [str(word) for pair in zip(names, folders, strict=True) for word in pair]
        variables = {**self._variables, "KAFKA_LOG_DIRS": str(self._logs)}
        run(
            [*self._jvm(), "kafka.docker.KafkaDockerWrapper", "setup", *pairs],
            directory=self.directory,
            environment=variables,
        )

    def is_ready(self) -> bool:
        """Whether the health check passes."""
        return passes(self._health.replace(KAFKA_SCRIPTS, str(self.directory / "bin")))

    @property
    def _properties(self) -> Path:
        return self.directory / "final" / "server.properties"

    def _write_scripts(self) -> None:
        # The distribution's scripts, less their search for Java and the jars.
        folder = self.directory / "bin"
        folder.mkdir(exist_ok=True)
        for name, main in KAFKA_CLASSES.items():
            script = folder / name
            script.write_text(f'#!/bin/sh\nexec {shlex.join(self._jvm())} {main} "$@"\n')
            script.chmod(0o755)


def health_command(service: dict[str, Any]) -> str:
    """A service's health check, a line for the shell."""
    kind, line = service["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    return str(line)


def passes(health_command_line: str) -> bool:
    """Whether the health check succeeds now."""
    command = ["sh", "-c", health_command_line]
    return subprocess.run(command, capture_output=True, check=False, timeout=120).returncode == 0
