"""Two producers with one transactional id: the brokers know the younger one only."""

import pytest

from profiler.kafka.memory import MemoryBroker, memory_transactional_producer
from tests.conftest import MakeStore
from tests.integration.fault_events import page_views
from tests.worker.conftest import Deploy
from tests.worker.deployment import MemoryDeployment
from tests.worker.transactions import assert_once, transactional_ids, written

COUNT = 60
FENCED = "another producer took over our transactions"
FAILED, MISCONFIGURED = 1, 78


@pytest.fixture
def deployment(private_store: MakeStore, deploy: Deploy) -> MemoryDeployment:
    return deploy(private_store("redis7").url, partitions=1)


@pytest.mark.parametrize("turn", [0, 1], ids=["first", "second"])
def test_a_worker_that_is_fenced_once_begins_once_more(
    deployment: MemoryDeployment, turn: int
) -> None:
    persisted = deployment.topics["persisted"]
    other = memory_transactional_producer(
        deployment.broker, transactional_id=transactional_ids(deployment)[turn]
    )
    deployment.broker.withhold_acknowledgements(persisted)
    deployment.produce(page_views(0, COUNT))
    with deployment.start("run") as worker:
        worker.wait_for(lambda: written(deployment, "persisted") == COUNT)
        other.init(timeout_s=1)
        deployment.broker.give_acknowledgements(persisted)
        for first in (COUNT, 2 * COUNT):  # whoever has the turn: each has one by then
            worker.wait_for(deployment.is_done)
            deployment.produce(page_views(first, COUNT))
        worker.wait_for(deployment.is_done)
        worker.wait_for_event(FENCED)
        worker.stop()
    assert_once(deployment, 3 * COUNT)


def test_a_worker_that_is_fenced_again_and_again_ends(deployment: MemoryDeployment) -> None:
    other = memory_transactional_producer(
        deployment.broker, transactional_id=transactional_ids(deployment)[0]
    )
    persisted = deployment.topics["persisted"]
    deployment.broker.withhold_acknowledgements(persisted)
    deployment.produce(page_views(0, COUNT))
    with deployment.start("run", KAFKA__DELIVERY_TIMEOUT_MS="10000") as worker:
        for times in (1, 2):
            worker.wait_for(lambda: written(deployment, "persisted") >= times * COUNT)  # noqa: B023
            other.init(timeout_s=1)
            deployment.broker.give_acknowledgements(persisted)
            if times == 1:
                worker.wait_for_event(FENCED)
                deployment.broker.withhold_acknowledgements(persisted)
        assert worker.wait() == FAILED
        assert "worker_id" in worker.output.splitlines()[-1]
    assert deployment.committed() == {}
    assert deployment.read("persisted") == []
    with deployment.start("run") as worker:
        worker.wait_for(deployment.is_done)
        worker.stop()
    assert_once(deployment, COUNT)


def test_the_same_id_may_be_in_use_in_another_group(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("redis7").url, partitions=1)
    with (
        deployment.start("flatten", WORKER_ID="same") as flatten,
        deployment.start("profile", WORKER_ID="same") as profile,
    ):
        for first in range(0, 5 * COUNT, COUNT):
            deployment.produce(page_views(first, COUNT))
            flatten.wait_for(lambda: deployment.is_done("flatten"))
            profile.wait_for(
                lambda: deployment.is_done("profile") and deployment.is_done("flatten")
            )
        flatten.stop()
        profile.stop()
    assert not flatten.events(FENCED)
    assert_once(deployment, 5 * COUNT)


def test_a_broker_without_transactions_is_refused(private_store: MakeStore, deploy: Deploy) -> None:
    deployment = deploy(private_store("redis7").url, broker=MemoryBroker(has_transactions=False))
    deployment.produce(page_views(0, COUNT))
    with deployment.start("run") as worker:
        assert worker.wait() == MISCONFIGURED
        assert 'delivery = "at-least-once"' in worker.output
    with deployment.start("run", DELIVERY="at-least-once") as worker:
        worker.wait_for(deployment.is_done)
        worker.stop()
