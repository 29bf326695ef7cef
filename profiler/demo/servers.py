"""The demo's processes: started in order, watched, stopped together."""

from contextlib import ExitStack
from time import monotonic, sleep

from pydantic import SecretStr
from rich.console import Console

from profiler.config.settings import KafkaSettings, RedisSettings, Settings
from profiler.demo.commands import DemoService, DemoShop, DemoWorker
from profiler.demo.interrupts import Interrupts
from profiler.errors import ProfilerError
from profiler.kafka.admin.topics import create_topics
from profiler.rules.model import load_rules
from profiler.servers.embedded import EmbeddedBroker, EmbeddedStore
from profiler.servers.ports import LOOPBACK, is_free
from profiler.servers.processes import ServerProcess

#: The ports of a demo that is kept, where nothing else has them.
STORE_PORT = 6399
BROKER_PORT = 9099
PAGE_PORT = 8321
SHOP_PORT = 8322

_JOIN_TIMEOUT_S = 30.0
_JOIN_POLL_S = 0.05


class DemoServers:
    """The processes and the settings that bind them."""

    def __init__(
        self, console: Console, interrupts: Interrupts, *, rules: str, fixed_ports: bool
    ) -> None:
        """Choose ports; nothing is started.

        Args:
            console: where to say what was started.
            interrupts: looked at between steps.
            rules: a preset, or the path of a rules file.
            fixed_ports: take the well-known ports where they are free.

        Raises:
            ConfigError: a wheel is missing, or no port is free.
        """
        self._console = console
        self._interrupts = interrupts
        self._store = EmbeddedStore(port=_port(STORE_PORT) if fixed_ports else 0)
        self._broker = EmbeddedBroker(port=_port(BROKER_PORT) if fixed_ports else 0)
        self.settings = Settings(
            rules=rules,
            # Its broker does not hide aborted transactions.
            delivery="at-least-once",
            # The broker lets the group's first member wait for half of the session timeout.
            kafka=KafkaSettings(
                bootstrap_servers=self._broker.bootstrap_servers,
                session_timeout_ms=6_000,
                heartbeat_interval_ms=2_000,
                delivery_timeout_ms=10_000,
            ),
            redis=RedisSettings(url=SecretStr(self._store.url)),
        )
        self.worker = DemoWorker(self.settings)
        self.service = DemoService(self.settings, port=_port(PAGE_PORT) if fixed_ports else 0)
        self.shop = DemoShop(
            self.settings,
            live_page=self.service.page,
            port=_port(SHOP_PORT) if fixed_ports else 0,
        )
        #: In the order of their starts.
        self._all = (self._store, self._broker, self.worker, self.service, self.shop)

    @property
    def redis_url(self) -> str:
        """The store's address."""
        return self._store.url

    def start(self) -> None:
        """Start everything; the worker then takes seconds to join its group: `await_worker`.

        Raises:
            ConfigError: a port was taken meanwhile.
            ProfilerError: a server did not start, or a topic was refused.
        """
        self._start(self._store, f"Valkey, {LOOPBACK}:{self._store.port}")
        self._start(self._broker, f"speaks Kafka's protocol, {self._broker.bootstrap_servers}")
        topics = self.settings.topics.all(triggers=bool(load_rules(self.settings.rules).triggers))
        create_topics(self.settings.kafka, topics, partitions=1, replication=1)
        self._start(self.worker, "profiler run")
        self._start(self.service, "profiler serve")
        self._start(self.shop, f"three pages, tracked by Snowplow, {self.shop.url}")

    def await_worker(self) -> None:
        """Wait until the worker has joined its group.

        Raises:
            ProfilerError: it ended, or has not joined in time.
        """
        deadline = monotonic() + _JOIN_TIMEOUT_S
        message = "the worker joins its consumer group; the broker makes it wait for 3 s"
        with ExitStack() as stack:
            if self._console.is_terminal:
                stack.enter_context(self._console.status(message))
            else:
                self._console.print(f"  … {message}")
            while not self.worker.has_joined:
                self.check()
                if monotonic() > deadline:
                    raise ProfilerError(
                        f"the worker did not join its group within {_JOIN_TIMEOUT_S:g} s; its"
                        f" last output:\n{self.worker.last_output(3)}"
                    )
                sleep(_JOIN_POLL_S)

    def check(self) -> None:
        """Look after everything.

        Raises:
            Interrupted: a signal came.
            ProfilerError: one of the processes ended.
        """
        self._interrupts.check()
        for server in self._all:
            if not server.running:
                raise ProfilerError(
                    f"the {server.name} ended; its last output:\n{server.last_output(3)}"
                )

    def kill(self) -> None:
        """End everything at once: nothing here outlives the demo, so nothing can be lost."""
        for server in reversed(self._all):
            server.kill()

    def close(self) -> None:
        """Stop everything, the servers last, and remove its files."""
        with ExitStack() as stack:
            for server in self._all:
                stack.callback(server.close)

    def _start(self, server: ServerProcess, what: str) -> None:
        self._interrupts.check()
        server.start()
        self._console.print(f"  [green]✓[/] {server.name:15} [dim]{what}[/]")


def _port(wanted: int) -> int:
    return wanted if is_free(wanted) else 0
