"""A record that comes again gets byte for byte what it got first, and leaves nothing behind."""

from contextlib import closing

import pytest
import redis

from profiler.servers.embedded import StoreServer
from tests.conftest import MakeStore
from tests.integration.fault_events import VISITORS, page_views
from tests.integration.pipeline_runs import place_of
from tests.worker.conftest import Deploy
from tests.worker.deployment import MemoryDeployment
from tests.worker.transactions import written

SIZE = 2 * len(VISITORS)
BATCHES = 9
INPUTS = page_views(0, BATCHES * SIZE)


@pytest.fixture
def store(private_store: MakeStore) -> StoreServer:
    return private_store("redis7")


def values(deployment: MemoryDeployment) -> dict[int, bytes | None]:
    """What each input became; it must be one record each."""
    records = deployment.read("persisted")
    found = {place_of(record).offset: record.value for record in records}
    assert len(found) == len(records)
    return found


def sidecars(store: StoreServer) -> list[bytes]:
    with closing(redis.Redis.from_url(store.url)) as client:
        return list(client.scan_iter("*:outputs"))


def events_stored(deployment: MemoryDeployment) -> int:
    return sum(int(deployment.stored(v).get("visitor_events", 0)) for v in VISITORS)


@pytest.fixture
def clean(store: StoreServer, deploy: Deploy) -> dict[int, bytes | None]:
    """What each input becomes where nothing fails."""
    deployment = deploy(store.url, partitions=1)
    deployment.produce(INPUTS)
    with deployment.start("run", BATCH__MAX_RECORDS=f"{SIZE}") as worker:
        worker.wait_for(deployment.is_done)
        worker.stop()
    with closing(redis.Redis.from_url(store.url)) as client:
        client.flushall()
    return values(deployment)


@pytest.mark.parametrize("again", [SIZE, 5, 3 * SIZE], ids=["as before", "smaller", "larger"])
def test_later_events_of_the_visitor_change_no_answer(
    store: StoreServer, deploy: Deploy, clean: dict[int, bytes | None], again: int
) -> None:
    """A worker is lost with three batches in Redis, of which none is committed."""
    deployment = deploy(store.url, partitions=1)
    persisted = deployment.topics["persisted"]
    deployment.broker.withhold_acknowledgements(persisted)
    deployment.produce(INPUTS)
    with deployment.start("run", BATCH__MAX_RECORDS=f"{SIZE}") as lost:
        lost.wait_for(lambda: events_stored(deployment) >= 3 * SIZE)
        assert sidecars(store)
    assert deployment.committed() == {}
    deployment.broker.give_acknowledgements(persisted)
    with deployment.start("run", BATCH__MAX_RECORDS=f"{again}") as worker:
        worker.wait_for(deployment.is_done)
        totals = worker.stop()
    assert values(deployment) == clean
    assert totals["replayed"] == 0
    assert events_stored(deployment) == len(INPUTS)


def test_what_is_stored_goes_when_all_is_committed(
    store: StoreServer, deploy: Deploy, clean: dict[int, bytes | None]
) -> None:
    deployment = deploy(store.url, partitions=1)
    deployment.produce(INPUTS)
    with deployment.start("run", BATCH__MAX_RECORDS=f"{SIZE}") as worker:
        worker.wait_for(deployment.is_done)
        worker.wait_for(lambda: not sidecars(store))
        worker.stop()
    assert values(deployment) == clean


def test_at_a_stop_nothing_is_left(store: StoreServer, deploy: Deploy) -> None:
    deployment = deploy(store.url, partitions=1)
    deployment.produce(INPUTS)
    with deployment.start("run", BATCH__MAX_RECORDS=f"{SIZE}") as worker:
        worker.wait_for(deployment.is_done)
        worker.stop()
    assert not sidecars(store)


def test_at_least_once_stores_nothing(store: StoreServer, deploy: Deploy) -> None:
    deployment = deploy(store.url, partitions=1)
    persisted = deployment.topics["persisted"]
    deployment.broker.withhold_acknowledgements(persisted)
    deployment.produce(INPUTS)
    settings = {"BATCH__MAX_RECORDS": f"{SIZE}", "DELIVERY": "at-least-once"}
    with deployment.start("run", **settings) as worker:
        worker.wait_for(lambda: events_stored(deployment) >= 3 * SIZE)
        assert not sidecars(store)
        deployment.broker.give_acknowledgements(persisted)
        worker.wait_for(deployment.is_done)
        worker.stop()


def test_a_batch_that_fails_again_and_again_gets_its_first_answers(
    store: StoreServer, deploy: Deploy, clean: dict[int, bytes | None]
) -> None:
    deployment = deploy(store.url, partitions=1)
    persisted = deployment.topics["persisted"]
    with deployment.start("run", BATCH__MAX_RECORDS=f"{SIZE}") as worker:
        for at in range(0, len(INPUTS), 3 * SIZE):
            deployment.broker.withhold_acknowledgements(persisted)
            before = written(deployment, "persisted")
            deployment.produce(INPUTS[at : at + 3 * SIZE])
            worker.wait_for(lambda: events_stored(deployment) >= at + 3 * SIZE)  # noqa: B023
            assert written(deployment, "persisted") > before
            deployment.broker.time_out_transactions()
            deployment.broker.give_acknowledgements(persisted)
            worker.wait_for(deployment.is_done)
        worker.stop()
    assert values(deployment) == clean
