"""The worker of the demo: `profiler run` as a child process, as anybody would start it."""

import os
import sys
from pathlib import Path

from profiler.config.settings import ENV_PREFIX, Settings
from profiler.rules.model import PRESETS
from profiler.servers.processes import ServerProcess

_PREFIX = ENV_PREFIX.upper()


class DemoWorker(ServerProcess):
    """One worker; it listens on no port, and has joined its group some seconds after `start`."""

    name = "worker"
    stop_timeout = 1.5

    def __init__(self, settings: Settings) -> None:
        """Describe the worker.

        Args:
            settings: the demo's.
        """
        super().__init__()
        self._settings = settings

    def command(self) -> list[str]:
        """`profiler run`."""
        return [sys.executable, "-m", "profiler", "run"]

    def environment(self) -> dict[str, str]:
        """Ours without the settings in it, and the demo's settings."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(_PREFIX)}
        kafka = self._settings.kafka
        rules = self._settings.rules
        if rules not in PRESETS:
            rules = str(Path(rules).resolve())  # the worker has a directory of its own
        return ours | {
            f"{_PREFIX}RULES": rules,
            f"{_PREFIX}DELIVERY": self._settings.delivery,
            f"{_PREFIX}REDIS__URL": self._settings.redis.url.get_secret_value(),
            f"{_PREFIX}KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            f"{_PREFIX}KAFKA__SESSION_TIMEOUT_MS": str(kafka.session_timeout_ms),
            f"{_PREFIX}KAFKA__HEARTBEAT_INTERVAL_MS": str(kafka.heartbeat_interval_ms),
        }

    def is_ready(self) -> bool:
        """There is nothing to ask; see `has_joined`."""
        return True

    @property
    def has_joined(self) -> bool:
        """Whether its log says that it owns partitions."""
        return '"assigned"' in self.last_output()

    @property
    def log(self) -> Path:
        """The file of its log."""
        return self.directory / "output.log"
