"""The demo's own processes beside the servers: a worker, the service, the shop."""

import http.client
import os
import secrets
import socket
import sys
from pathlib import Path

from profiler.config.settings import ENV_PREFIX, Settings
from profiler.rules.model import PRESETS
from profiler.servers.ports import LOOPBACK
from profiler.servers.processes import ServerProcess

_PREFIX = ENV_PREFIX.upper()


class DemoCommand(ServerProcess):
    """A command of ours, with the demo's settings in its environment."""

    stop_timeout = 1.5

    def __init__(self, settings: Settings, *, port: int = 0) -> None:
        """Describe the process.

        Args:
            settings: the demo's.
            port: where it listens, if it does; 0 for any free one.
        """
        super().__init__(port=port)
        self._settings = settings

    def environment(self) -> dict[str, str]:
        """Ours without the settings in it, and the demo's settings."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(_PREFIX)}
        kafka = self._settings.kafka
        rules = self._settings.rules
        if rules not in PRESETS:
            rules = str(Path(rules).resolve())  # the process has a directory of its own
        return ours | {
            f"{_PREFIX}RULES": rules,
            f"{_PREFIX}DELIVERY": self._settings.delivery,
            f"{_PREFIX}REDIS__URL": self._settings.redis.url.get_secret_value(),
            f"{_PREFIX}KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            f"{_PREFIX}KAFKA__SESSION_TIMEOUT_MS": str(kafka.session_timeout_ms),
            f"{_PREFIX}KAFKA__HEARTBEAT_INTERVAL_MS": str(kafka.heartbeat_interval_ms),
        }

    @property
    def log(self) -> Path:
        """The file of its log."""
        return self.directory / "output.log"


class DemoWorker(DemoCommand):
    """One worker; it listens on no port, and has joined its group some seconds after `start`."""

    name = "worker"

    def command(self) -> list[str]:
        """`profiler run`."""
        return [sys.executable, "-m", "profiler", "run"]

    def is_ready(self) -> bool:
        """There is nothing to ask; see `has_joined`."""
        return True

    @property
    def has_joined(self) -> bool:
        """Whether its log says that it owns partitions."""
        return '"assigned"' in self.last_output()


class DemoService(DemoCommand):
    """`profiler serve`, with the live page."""

    name = "live page"
    start_timeout = 30.0

    def __init__(self, settings: Settings, *, port: int = 0) -> None:
        """Describe the service; its token is of this run.

        Args:
            settings: the demo's.
            port: where it listens; 0 for any free one.
        """
        super().__init__(settings, port=port)
        self._token = secrets.token_hex(16)

    @property
    def page(self) -> str:
        """The live page's address, with the token where no server sees it: behind the #."""
        return f"http://{LOOPBACK}:{self.port}/#token={self._token}"

    def command(self) -> list[str]:
        """`profiler serve`."""
        return [sys.executable, "-m", "profiler", "serve", "--port", str(self.port)]

    def environment(self) -> dict[str, str]:
        """See `DemoCommand.environment`; and the token, which `ps` must not show."""
        return super().environment() | {f"{_PREFIX}SERVE__TOKEN": self._token}

    def is_ready(self) -> bool:
        """Whether its page sees the topics; what came before is not on it."""
        return b'"trouble":""' in (self._first_message() or b"")

    def _first_message(self) -> bytes | None:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=2)
        try:
            connection.request(
                "GET", "/v1/live", headers={"Authorization": f"Bearer {self._token}"}
            )
            return connection.getresponse().readline()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


class DemoShop(DemoCommand):
    """The shop and its collector."""

    name = "shop"
    start_timeout = 30.0

    def __init__(self, settings: Settings, *, live_page: str, port: int = 0) -> None:
        """Describe the shop.

        Args:
            settings: the demo's.
            live_page: the address of the live page, to which the shop links.
            port: where it listens; 0 for any free one.
        """
        super().__init__(settings, port=port)
        self._live_page = live_page

    @property
    def url(self) -> str:
        """The address of its first page."""
        return f"http://{LOOPBACK}:{self.port}/"

    def command(self) -> list[str]:
        """`python -m profiler.demo.shop`."""
        return [sys.executable, "-m", "profiler.demo.shop", str(self.port)]

    def environment(self) -> dict[str, str]:
        """See `DemoCommand.environment`; and the live page with its token."""
        return super().environment() | {"SHOP_LIVE_PAGE": self._live_page}

    def is_ready(self) -> bool:
        """Whether it takes connections."""
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, self.port)) == 0
