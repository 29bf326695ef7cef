"""Kafka in trouble in mid-stream: outputs may come twice, and no record or count is lost."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.errors import UnknownBrokerIdError

from servers.kafka import Kafka, RestartedKafka, admin_client
from tests.conftest import MakeStore, make_topics
from tests.integration.conftest import Deploy, Settle
from tests.integration.fault_events import (
    UNWELL_KAFKA,
    VISITORS,
    bad_records,
    page_views,
    without_event_ids,
)
from tests.integration.pipeline_runs import Deployment, place_of
from tests.kafka.clients import ADAPTERS
from tests.missing import own_server

SESSION_S = 3
SHORT = {
    "KAFKA__SESSION_TIMEOUT_MS": str(SESSION_S * 1_000),
    # So long a broker that was killed may wait for members that are gone.
    "KAFKA__MAX_POLL_INTERVAL_MS": "15000",
    "KAFKA__DELIVERY_TIMEOUT_MS": "2000",
    "BATCH__MAX_RECORDS": "10",
}


@pytest.fixture(scope="module")
def broker() -> Iterator[RestartedKafka]:
    """A broker that only these tests stop."""
    with own_server("Kafka", RestartedKafka) as server:
        yield server


@pytest.fixture
def deploy_there(
    broker: RestartedKafka, key_prefix: str, tmp_path: Path
) -> Callable[[str, KafkaAdminClient], Deployment]:
    """Make deployments on `broker`; takes the address of a Redis and an admin client."""

    def deploy(redis_url: str, admin: KafkaAdminClient) -> Deployment:
        return Deployment(
            redis_url,
            kafka=Kafka(broker.bootstrap_servers),
            admin=admin,
            make_topics=partial(make_topics, admin),
            key_prefix=key_prefix,
            directory=tmp_path,
        )

    return deploy


def restarted(broker: RestartedKafka) -> None:
    broker.stop()
    broker.start()


def killed(broker: RestartedKafka) -> None:
    broker.kill()
    broker.start()


def suspended(broker: RestartedKafka) -> None:
    """For longer than the group waits for a heartbeat and the worker for an acknowledgement."""
    os.kill(broker.pid, signal.SIGSTOP)
    time.sleep(SESSION_S + 1)
    os.kill(broker.pid, signal.SIGCONT)


@pytest.mark.parametrize("library", ADAPTERS)
@pytest.mark.parametrize("fault", [restarted, killed, suspended])
def test_an_unwell_broker_costs_time_and_outputs_twice(
    *,
    library: str,
    fault: Callable[[RestartedKafka], None],
    broker: RestartedKafka,
    deploy_there: Callable[[str, KafkaAdminClient], Deployment],
    private_store: MakeStore,
    settle: Settle,
) -> None:
    store = private_store("valkey9")
    with ExitStack() as stack:
        # Ours leak sockets when they lose their broker, and get over it slowly; so none is open.
        with admin_client(broker.bootstrap_servers) as admin:
            deployment = without_event_ids(deploy_there(store.url, admin))
            deployment.produce(page_views(0, 1_500))
            program = stack.enter_context(deployment.start("run", **SHORT, KAFKA__CLIENT=library))
            program.wait_for(lambda: sum(deployment.committed().values()) >= 50)
            assert not deployment.is_done()
        fault(broker)
        deployment.admin = stack.enter_context(admin_client(broker.bootstrap_servers))
        deployment.produce(page_views(1_500, 500))
        program.wait_for(lambda: is_done(deployment))
        program.stop()
        settle(deployment)


def is_done(deployment: Deployment) -> bool:
    """Whether it is; not while a partition has no leader yet."""
    try:
        return deployment.is_done()
    except UnknownBrokerIdError:
        return False


def shrink(deployment: Deployment, topic: str) -> Callable[[], None]:
    """Let no record fit the topic."""
    name = deployment.topics[topic]
    deployment.configure(name, {"max.message.bytes": "100"})
    return lambda: deployment.configure(name, {"max.message.bytes": "1048588"})


def delete(deployment: Deployment, topic: str) -> Callable[[], None]:
    name = deployment.topics[topic]
    deployment.admin.delete_topics([name])

    def make_anew() -> None:
        options = {"num_partitions": deployment.partitions, "replication_factor": 1}
        deployment.admin.create_topics({name: options}, wait_for_metadata=True)

    return make_anew


@pytest.mark.parametrize(
    ("cause", "topic"),
    [(shrink, "flattened"), (shrink, "persisted"), (shrink, "rejected"), (delete, "persisted")],
)
def test_nothing_is_committed_before_every_output_is_acknowledged(
    cause: Callable[[Deployment, str], Callable[[], None]],
    topic: str,
    private_store: MakeStore,
    deploy: Deploy,
    settle: Settle,
) -> None:
    deployment = without_event_ids(deploy(private_store("valkey9").url, partitions=1))
    hasty = {"DELIVERY": "at-least-once", "KAFKA__DELIVERY_TIMEOUT_MS": "2000"}
    with deployment.start("run", **hasty) as program:
        deployment.produce([*page_views(0, 40), *bad_records(2)])
        program.wait_for(deployment.is_done)
        before = len(set(map(place_of, deployment.read("persisted"))))
        assert before == 40

        remove_cause = cause(deployment, topic)
        # The bad ones first, so that no batch is without one that comes before them all.
        deployment.produce([*bad_records(2), *page_views(40, 60)])
        program.wait_for_event(UNWELL_KAFKA, times=2)
        assert deployment.committed() == {0: 42}
        # Redis has them already: only the watermark keeps what follows from counting again.
        events = len(range(0, 100, len(VISITORS)))
        assert deployment.stored(VISITORS[0])["visitor_events"] == str(events)

        remove_cause()
        program.wait_for(deployment.is_done)
        assert program.stop()["replayed"] >= 60
    found = settle(deployment, gone=before if cause is delete else 0)
    # What went to the other topics went there at every attempt.
    assert found.flattened + found.persisted + found.rejected > 0
