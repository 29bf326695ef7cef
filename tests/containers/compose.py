"""docker-compose.yml in a Docker engine: its containers, and records in and out."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.packaging.commands import PATIENCE_S, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.containers.engine import Engine

FILE = ROOT / "docker-compose.yml"
# What the engine's way to a package index needs, see there.
BUILD = ROOT / "tests" / "containers" / "network-host.yml"
READER = Path(__file__).with_name("read_committed.py")


class Project:
    """The compose file under a name of its own, with three workers."""

    def __init__(self, engine: Engine, name: str, *further: Path) -> None:
        """Describe it.

        Args:
            engine: where it runs.
            name: the beginning of the names of containers, networks and volumes.
            further: compose files on top.
        """
        self.engine = engine
        self.name = name
        self._files = (FILE, *further)
        self._pages = itertools.count(1)

    def environment(self) -> dict[str, str]:
        """The variables of a program that calls `docker compose`."""
        return {
            **os.environ,
            **self.engine.variables(),
            "COMPOSE_FILE": ":".join(map(str, self._files)),
            "COMPOSE_PROJECT_NAME": self.name,
        }

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        """Run a command of compose, expect success, and return what it printed."""
        done = subprocess.run(
            ["docker", "compose", *arguments],
            cwd=ROOT,
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout}{done.stderr}"
        return done.stdout

    def up(self) -> None:
        """Return when the servers are healthy, the topics are made and the workers started."""
        self("up", "--detach", "--scale", "worker=3")

    def containers(self, service: str) -> list[dict[str, Any]]:
        """What the engine knows of a service's containers, the ended ones too."""
        ids = self("ps", "--all", "--quiet", service).split()
        found: list[dict[str, Any]] = json.loads(self.engine.docker("inspect", *ids))
        return found

    def inside(self, container: Mapping[str, Any], line: str) -> str:
        """Run a line of shell in a container, and return what it printed."""
        return self.engine.docker("exec", container["Id"], "sh", "-c", line).strip()

    def volumes(self) -> set[str]:
        """The names of the volumes that it left or has."""
        label = f"label=com.docker.compose.project={self.name}"
        return set(self.engine.docker("volume", "ls", "--quiet", "--filter", label).split())

    def send(self, visitors: Iterable[str]) -> None:
        """Produce a page view of each visitor, with the visitor as key; no two are the same."""
        lines = [f"{name}|{json.dumps(page_view(name, next(self._pages)))}\n" for name in visitors]
        tool = ("/opt/kafka/bin/kafka-console-producer.sh", "--bootstrap-server", "kafka:9092")
        keys = ("--reader-property=parse.key=true", "--reader-property=key.separator=|")
        where = ("--topic", "tracking_processed")
        self("exec", "-T", "kafka", *tool, *keys, *where, stdin="".join(lines))

    def outputs(self, count: int = 0, *, within: float = 120) -> list[dict[str, Any]]:
        """Return all committed outputs once there are so many, or what there is at the end."""
        python = ("run", "--rm", "--no-deps", "-T", "--entrypoint=python", "worker", "-")
        arguments = ("tracking_persisted", str(count), str(within))
        printed = self(*python, *arguments, stdin=READER.read_text("utf-8"))
        return [json.loads(line) for line in printed.splitlines()]

    def profile(self, visitor: str) -> dict[str, Any]:
        """A visitor's profile, from a container of its own."""
        printed = self("run", "--rm", "--no-deps", "-T", "worker", "get", visitor, "--json")
        profile: dict[str, Any] = json.loads(printed)["profile"]
        return profile


def page_view(visitor: str, page: int) -> dict[str, Any]:
    """An event, as the tracker sends it."""
    fields = {
        "other_domain_userid": visitor,
        "other_domain_sessionid": "visit-1",
        "other_eventtype": "Pageview",
        "other_page_title": f"Page {page}",
    }
    return {"query": [{"name": name, "value": value} for name, value in fields.items()]}
