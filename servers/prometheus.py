"""Prometheus, from the Debian package `prometheus`: scrapes workers and evaluates rules."""

from __future__ import annotations

import json
import shutil
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

from profiler.servers.ports import LOOPBACK
from profiler.servers.processes import ServerProcess
from servers.sources import MissingServerError

if TYPE_CHECKING:
    from collections.abc import Sequence

_REMEDY = "install the Debian package prometheus"


def binary(name: str) -> str:
    """The path of ``prometheus`` or ``promtool``.

    Raises:
        MissingServerError: it is not installed.
    """
    if found := shutil.which(name):
        return found
    raise MissingServerError(f"{name}: {_REMEDY}")


class Prometheus(ServerProcess):
    """One server, with a storage of its own that goes with it.

    Args:
        targets: addresses of the job ``profiler``.
        rules: text of a rules file; empty for none.
        every_s: between two scrapes, and between two evaluations.
    """

    name = "prometheus"
    start_timeout = 30.0
    is_disposable = True

    def __init__(self, targets: Sequence[str], *, rules: str = "", every_s: int = 1) -> None:
        super().__init__()
        self._binary = binary("prometheus")
        self._targets = list(targets)
        self._rules = rules
        self._every = f"{every_s}s"

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{LOOPBACK}:{self.port}"

    def command(self) -> list[str]:
        """See `ServerProcess.command`."""
        return [
            self._binary,
            f"--config.file={self.directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            f"--web.listen-address={LOOPBACK}:{self.port}",
        ]

    def prepare(self) -> None:
        """Write configuration and rules; JSON is YAML."""
        (self.directory / "rules.yml").write_text(self._rules or "groups: []\n")
        job = {"job_name": "profiler", "static_configs": [{"targets": self._targets}]}
        configuration = {
            "global": {"scrape_interval": self._every, "evaluation_interval": self._every},
            "rule_files": ["rules.yml"],
            "scrape_configs": [job],
        }
        (self.directory / "prometheus.yml").write_text(json.dumps(configuration))

    def is_ready(self) -> bool:
        """See `ServerProcess.is_ready`."""
        try:
            urllib.request.urlopen(f"{self.url}/-/ready", timeout=1).close()  # noqa: S310 - ours
        except OSError:
            return False
        return True

    def ask(self, path: str, **parameters: str | float) -> Any:  # noqa: ANN401 - what it answers
        """Call its HTTP API; return the answer's data."""
        query = urllib.parse.urlencode(parameters)
        url = f"{self.url}/api/v1/{path}?{query}"
        with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - it is ours
            return json.load(response)["data"]

    def firing(self) -> dict[str, dict[str, Any]]:
        """The alerts that fire now, by name; of several of one name any."""
        alerts = self.ask("alerts")["alerts"]
        return {each["labels"]["alertname"]: each for each in alerts if each["state"] == "firing"}
