"""Fixtures that give a test programs, topics, groups and keys of its own, and balance a fault."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest
from kafka import KafkaAdminClient

from servers.kafka import Kafka, RestartedKafka
from servers.kafka_secure import SecureKafka
from servers.kafka_strict import StrictKafka
from servers.redis_secure import TlsStore
from tests.conftest import MakeTopics, make_topics
from tests.integration.fault_events import Balance, balance
from tests.integration.pipeline_runs import Deployment
from tests.integration.secure_runs import (
    Certificates,
    make_certificates,
    secure_kafka,
    tls_store,
)
from tests.missing import own_server


class Deploy(Protocol):
    """The type of the fixture `deploy`."""

    def __call__(
        self, redis_url: str, *, preset: str = "lean", partitions: int = 3, processed: str = ""
    ) -> Deployment:
        """Describe a deployment; see `Deployment`."""


@pytest.fixture
def deploy(
    kafka: Kafka,
    kafka_admin: KafkaAdminClient,
    topics: MakeTopics,
    key_prefix: str,
    tmp_path: Path,
) -> Deploy:
    """Make deployments on `kafka`; several in one test share their keys."""
    return partial(
        Deployment,
        kafka=kafka,
        admin=kafka_admin,
        make_topics=topics,
        key_prefix=key_prefix,
        directory=tmp_path,
    )


@pytest.fixture(scope="module")
def own_broker() -> Iterator[RestartedKafka]:
    """A broker that only the tests of one file stop."""
    with own_server("Kafka", RestartedKafka) as server:
        yield server


class DeployThere(Protocol):
    """The type of the fixture `deploy_there`."""

    def __call__(self, redis_url: str, admin: KafkaAdminClient) -> Deployment:
        """Describe a deployment on `own_broker`."""


@pytest.fixture
def deploy_there(own_broker: RestartedKafka, key_prefix: str, tmp_path: Path) -> DeployThere:
    """Make deployments on `own_broker`."""

    def deploy(redis_url: str, admin: KafkaAdminClient) -> Deployment:
        return Deployment(
            redis_url,
            kafka=Kafka(own_broker.bootstrap_servers),
            admin=admin,
            make_topics=partial(make_topics, admin),
            key_prefix=key_prefix,
            directory=tmp_path,
        )

    return deploy


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A CA of the tests' own, and what it issued."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def redis_tls(certificates: Certificates) -> Iterator[TlsStore]:
    """A Redis with TLS only, and with the documented user."""
    with tls_store(certificates) as server:
        yield server


@pytest.fixture(scope="session")
def kafka_tls(certificates: Certificates) -> Iterator[SecureKafka]:
    """A Kafka with TLS, logins and client certificates."""
    with secure_kafka(certificates) as server:
        yield server


@pytest.fixture(scope="session")
def kafka_strict() -> Iterator[str]:
    """The address of a Kafka with access rules; what no rule names is free to everybody."""
    with own_server("Kafka", StrictKafka) as server:
        yield server.bootstrap_servers


class Settle(Protocol):
    """The type of the fixture `settle`."""

    def __call__(self, deployment: Deployment, *, gone: int = 0) -> Balance:
        """Assert that nothing was lost and no count doubled; duplicates of outputs are allowed.

        Args:
            deployment: whose programs have ended.
            gone: how many inputs lost an output to the test itself.
        """


@pytest.fixture
def settle(record_property: Callable[[str, object], None]) -> Settle:
    """Draw up the balance of a fault; the summary of the run shows its figures."""

    def draw_up(deployment: Deployment, *, gone: int = 0) -> Balance:
        found = balance(deployment)
        found = found._replace(lost=found.lost - gone)
        for name, figure in found._asdict().items():
            record_property(name, figure)
        assert (found.lost, found.twofold, found.miscounted) == (0, 0, 0)
        return found

    return draw_up


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the balance of every fault."""
    rows = [
        (report.nodeid.rpartition("/")[2], dict(report.user_properties))
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call" and Balance._fields[0] in dict(report.user_properties)
    ]
    if not rows:
        return
    terminalreporter.section("inputs, and what became of them by source offset")
    terminalreporter.write_line(" ".join(f"{name:>10}" for name in Balance._fields))
    for test, figures in rows:
        columns = " ".join(f"{figures[name]:>10}" for name in Balance._fields)
        terminalreporter.write_line(f"{columns}  {test}")
