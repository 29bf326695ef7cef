"""The fixtures that give tests their servers, started lazily, once per session; and the engines.

Over 250 lines: pytest looks for fixtures that all folders share in this file.
"""

from __future__ import annotations

import os
import uuid
from contextlib import ExitStack
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import redis
from hypothesis import HealthCheck, settings
from redis.backoff import NoBackoff
from redis.retry import Retry
from xdist.scheduler import LoadScopeScheduling

from profiler.engine import EngineClass, choose_engine
from profiler.servers.ports import free_port
from servers import USED, MissingServerError
from servers.kafka import Kafka, admin_client, shared_kafka
from servers.redis import FLAVOURS, Store, shared_store
from servers.redis import private_store as describe_private_store
from servers.redis_cluster import RedisCluster
from tests.missing import give_up, needed_native, needed_servers, own_server
from tests.shared import shared

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kafka import KafkaAdminClient

    from profiler.servers.embedded import StoreServer


# No test is timed: machines are shared, and their speed changes.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


class MakeTopics(Protocol):
    """The type of the fixture `topics`."""

    def __call__(self, *names: str, partitions: int = 1) -> list[str]:
        """Create one topic per name.

        Args:
            names: what the topics are for; each becomes the beginning of a unique name.
            partitions: how many partitions each has.

        Returns:
            The names of the topics, in order.
        """


class MakeStore(Protocol):
    """The type of the fixture `private_store`."""

    def __call__(
        self,
        flavour: str = "redis7",
        *,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> StoreServer:
        """Start a server for this test alone; it may be stopped, killed and started again.

        Args:
            flavour: one of `FLAVOURS`.
            options: further command-line options, e.g. ``["--appendonly", "yes"]``.
            environment: variables for the server, on top of ours.

        Returns:
            The running server.
        """


@pytest.fixture(scope="session", params=["python", "native"])
def engine(request: pytest.FixtureRequest) -> EngineClass:
    """Each of the engines: what a worker does must not hang on which one runs."""
    if request.param == "native":
        needed_native()
    return choose_engine(request.param)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A real Apache Kafka, one for all processes: tests take names of their own."""
    ours = tmp_path_factory.getbasetemp()
    folder = ours.parent if "PYTEST_XDIST_WORKER" in os.environ else ours

    def start(stack: ExitStack) -> str:
        with needed_servers():
            return shared_kafka(stack).bootstrap_servers

    with shared(folder, "kafka", start) as bootstrap_servers:
        yield Kafka(bootstrap_servers)


@pytest.fixture(scope="session", params=FLAVOURS)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A real Redis, then a real Valkey."""
    with ExitStack() as stack:
        with needed_servers():
            server = shared_store(stack, request.param)
        yield server


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[RedisCluster]:
    """Three primaries with a replica each; whatever a test does to them, it mends."""
    with own_server("Redis Cluster", RedisCluster) as cluster:
        yield cluster


@pytest.fixture
def key_prefix() -> str:
    """A beginning for keys that no other test uses."""
    return f"test-{uuid.uuid4().hex[:12]}:"


@pytest.fixture
def redis_client(store: Store, key_prefix: str) -> Iterator[redis.Redis]:
    """A client of `store` for bytes, without retries; removes the keys under `key_prefix`."""
    client = redis.Redis.from_url(store.url, retry=Retry(NoBackoff(), 0))
    try:
        yield client
        for key in client.scan_iter(match=f"{key_prefix}*", count=1000):
            client.unlink(key)
    finally:
        client.close()


@pytest.fixture(scope="session")
def kafka_admin(kafka: Kafka) -> Iterator[KafkaAdminClient]:
    """An admin client of `kafka`."""
    with admin_client(kafka.bootstrap_servers) as admin:
        yield admin


def make_topics(admin: KafkaAdminClient, *names: str, partitions: int = 1) -> list[str]:
    """Do what `MakeTopics` does, on any cluster; nothing removes them."""
    unique = [f"{name}-{uuid.uuid4().hex[:12]}" for name in names]
    options = {"num_partitions": partitions, "replication_factor": 1}
    admin.create_topics(dict.fromkeys(unique, options), wait_for_metadata=True)
    return unique


@pytest.fixture(scope="session")
def topics(kafka_admin: KafkaAdminClient) -> Iterator[MakeTopics]:
    """Makes uniquely named topics on `kafka`, and removes them at the end of the session."""
    made: list[str] = []

    def make(*names: str, partitions: int = 1) -> list[str]:
        unique = make_topics(kafka_admin, *names, partitions=partitions)
        made.extend(unique)
        return unique

    yield make
    if made:
        kafka_admin.delete_topics(made)


@pytest.fixture
def private_store() -> Iterator[MakeStore]:
    """Starts throw-away servers, and ends them with the test."""
    with ExitStack() as stack:

        def make(
            flavour: str = "redis7",
            *,
            options: Sequence[str] = (),
            environment: Mapping[str, str] | None = None,
        ) -> StoreServer:
            if "--cluster-enabled" in options:
                # Its own choice, 10,000 above, is where the kernel puts outgoing connections.
                options = [*options, "--cluster-port", str(free_port())]
            try:
                server = describe_private_store(flavour, options=options, environment=environment)
            except MissingServerError as missing:
                give_up(f"a {flavour} server of the test's own", [str(missing)])
            return stack.enter_context(server)

        yield make


#: Files of tests that one process should run, because they share costly fixtures.
TOGETHER = {
    **dict.fromkeys(("test_tls.py", "test_secrets.py"), "a Kafka with TLS"),
    **dict.fromkeys(("test_check_rights.py", "test_mode_rights.py"), "a Kafka with access rules"),
    **dict.fromkeys(("test_demo.py", "test_live_page.py"), "the ports of a demo that stays"),
    **dict.fromkeys(
        ("test_cluster.py", "test_cluster_commands.py", "test_faults_cluster.py"), "a Redis Cluster"
    ),
    "test_reader_nodes.py": "a Redis Cluster",
}
#: What takes longest begins first, so that no process is left with it at the end.
FIRST = (
    "packaging",
    "clients",
    "test_script_cost.py",
    "test_mode_switch.py",
    "test_faults_kafka.py",
    "test_faults_worker.py",
    "test_faults_redis.py",
    "test_race.py",
    *dict.fromkeys(TOGETHER.values()),
)


def scope_of(nodeid: str) -> str:
    """What must stay in one process: a file, or what builds or starts something once for all."""
    file = PurePosixPath(nodeid.partition("::")[0])
    if file.parent.name in {"packaging", "clients"}:
        return file.parent.name
    if file.parent.name == "integration":
        return TOGETHER.get(file.name, file.name)
    return str(file)


class FileScheduling(LoadScopeScheduling):  # type: ignore[misc] # it has no types
    """Keeps together what `scope_of` says when several processes share the tests.

    Marks for ``--dist loadgroup`` would say the same; pytest-xdist 3.8 loses them on pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest first where processes share the tests."""
    if "PYTEST_XDIST_WORKER" in os.environ and config.getoption("dist") != "worksteal":
        rank = {scope: number for number, scope in enumerate(FIRST)}
        items.sort(key=lambda item: rank.get(scope_of(item.nodeid), len(rank)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:  # noqa: ANN401 - a Producer
    """Take the place of ``--dist loadscope``."""
    return FileScheduling(config, log) if config.getoption("dist") == "loadscope" else None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that prints the summary which servers this one used."""
    output: dict[str, object] = getattr(session.config, "workeroutput", {})
    output["servers"] = USED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401 - a process of pytest-xdist
    """Take over what `pytest_sessionfinish` tells."""
    for what, where in getattr(node, "workeroutput", {}).get("servers", {}).items():
        USED[f"{what} of {node.gateway.id}"] = where


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print which servers the tests ran against."""
    for what, where in USED.items():
        terminalreporter.write_line(f"{what}: {where}")
