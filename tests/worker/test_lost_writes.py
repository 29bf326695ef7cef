"""A Redis that lost what it acknowledged: found out, and repaired, or left to a person."""

from contextlib import closing

import pytest
import redis

from profiler.kafka.memory import MemoryConsumer
from profiler.servers.embedded import StoreServer
from tests.conftest import MakeStore
from tests.integration.fault_events import HASTY, VISITORS, page_views
from tests.integration.pipeline_runs import place_of
from tests.worker.conftest import Deploy
from tests.worker.deployment import MemoryDeployment
from tests.worker.running import Running

PART = 20 * len(VISITORS)
LOST = "redis may lack what it acknowledged: events are applied once more, without outputs"
CHOICES = ("profiler replay", "--accept-lost-state", "store.key")
MISCONFIGURED = 78


@pytest.fixture
def store(private_store: MakeStore) -> StoreServer:
    """A server that comes back as it was last saved."""
    return private_store("redis7", options=["--save", ""])


def save(store: StoreServer) -> None:
    with closing(redis.Redis.from_url(store.url)) as client:
        client.save()


def go_back(store: StoreServer) -> None:
    """Lose everything since the last `save`."""
    store.kill()
    store.start()


def process(deployment: MemoryDeployment, worker: Running, part: int) -> None:
    deployment.produce(page_views(part * PART, PART))
    worker.wait_for(deployment.is_done)


def marks(store: StoreServer) -> dict[str, int]:
    with closing(redis.Redis.from_url(store.url, decode_responses=True)) as client:
        return {key: int(client.get(key) or -1) for key in client.scan_iter("*mark:*")}


def assert_all_is_there(deployment: MemoryDeployment, parts: int) -> None:
    """Every event is counted once, and has one output."""
    count = parts * PART
    each = str(count // len(VISITORS))
    assert [deployment.stored(v)["visitor_events"] for v in VISITORS] == [each] * len(VISITORS)
    for topic in ("flattened", "persisted"):
        places = [place_of(record) for record in deployment.read(topic)]
        assert len(places) == len(set(places)) == count


@pytest.mark.field(
    kind="connections",
    meets="a redis that comes back without its last writes",
    happens="the events are applied once more, without outputs, and every profile is right",
)
def test_lost_writes_are_made_again(store: StoreServer, deploy: Deploy) -> None:
    deployment = deploy(store.url)
    with deployment.start("run", **HASTY) as worker:
        process(deployment, worker, 0)
        save(store)
        process(deployment, worker, 1)
        process(deployment, worker, 2)
        go_back(store)
        process(deployment, worker, 3)
        told = worker.events(LOST)
        totals = worker.stop()
    assert_all_is_there(deployment, 4)
    assert totals["read"] == totals["profiled"] == 4 * PART
    assert sum(line["records"] for line in told) >= 2 * PART
    assert totals["repaired"] >= 2 * PART


def test_a_worker_that_is_idle_notices(store: StoreServer, deploy: Deploy) -> None:
    deployment = deploy(store.url)
    with deployment.start("run", **HASTY) as worker:
        process(deployment, worker, 0)
        save(store)
        process(deployment, worker, 1)
        worker.wait_for(lambda: sum(marks(store).values()) == 2 * PART)
        go_back(store)
        worker.wait_for(lambda: sum(marks(store).values()) == 2 * PART)
        assert worker.events(LOST)
        worker.stop()
    assert_all_is_there(deployment, 2)


def test_writes_that_are_lost_while_batches_are_under_way(
    store: StoreServer, deploy: Deploy
) -> None:
    deployment = deploy(store.url)
    parts = 40
    with deployment.start("run", **HASTY) as worker:
        process(deployment, worker, 0)
        save(store)
        deployment.produce(page_views(PART, (parts - 1) * PART))
        for times in range(1, 4):
            worker.wait_for(lambda: sum(deployment.committed().values()) > 3 * times * PART)  # noqa: B023
            go_back(store)
            worker.wait_for_event(
                "connected to redis anew: is everything still there?", times=times
            )
        worker.wait_for(lambda: sum(marks(store).values()) == parts * PART)
        worker.stop()
    each = str(parts * PART // len(VISITORS))
    assert [deployment.stored(v)["visitor_events"] for v in VISITORS] == [each] * len(VISITORS)
    for topic in ("flattened", "persisted"):
        assert len({place_of(record) for record in deployment.read(topic)}) == parts * PART


def test_a_worker_that_starts_notices(store: StoreServer, deploy: Deploy) -> None:
    deployment = deploy(store.url)
    with deployment.start("run", **HASTY) as worker:
        process(deployment, worker, 0)
        save(store)
        process(deployment, worker, 1)
        worker.stop()
    go_back(store)
    with deployment.start("run", **HASTY) as worker:
        worker.wait_for(lambda: sum(marks(store).values()) == 2 * PART)
        worker.stop()
    assert_all_is_there(deployment, 2)


def test_a_clean_stop_leaves_nothing_to_repair(store: StoreServer, deploy: Deploy) -> None:
    deployment = deploy(store.url)
    for part in range(3):
        with deployment.start("run", **HASTY) as worker:
            process(deployment, worker, part)
            assert worker.stop()["repaired"] == 0
        assert sum(marks(store).values()) == (part + 1) * PART


def test_partitions_that_come_over_an_old_connection_are_compared(
    store: StoreServer, deploy: Deploy
) -> None:
    deployment = deploy(store.url)
    topic, group = deployment.topics["processed"], deployment.groups["run"]
    with deployment.start("run", **HASTY) as worker:
        process(deployment, worker, 0)
        worker.wait_for(lambda: sum(marks(store).values()) == PART)
        other = MemoryConsumer(deployment.broker, topics=[topic], group=group)
        while not other.assignment:
            other.poll(timeout_ms=100, max_records=1)
        with closing(redis.Redis.from_url(store.url)) as client:
            # As a server would be that never had these writes: but nobody's connection broke.
            lost = list(client.scan_iter("*"))
            client.delete(*[key for key in lost if b"mark:" not in key])
            for key in marks(store):
                client.set(key, 0)
        other.close()
        worker.wait_for(lambda: sum(marks(store).values()) == PART)
        worker.stop()
    assert_all_is_there(deployment, 1)


@pytest.fixture
def emptied(store: StoreServer, deploy: Deploy) -> MemoryDeployment:
    """A deployment that has worked, whose Redis then lost everything."""
    deployment = deploy(store.url)
    with deployment.start("run", **HASTY) as worker:
        process(deployment, worker, 0)
        worker.stop()
    go_back(store)
    return deployment


@pytest.mark.field(
    kind="connections",
    meets="a redis that was emptied, or another one, while offsets are committed",
    happens="the worker stops with exit code 78, and names the choices",
)
def test_an_emptied_redis_stops_the_worker(emptied: MemoryDeployment) -> None:
    for _ in range(2):
        with emptied.start("run", **HASTY) as worker:
            assert worker.wait() == MISCONFIGURED
        assert all(choice in worker.output for choice in CHOICES)
    assert len(emptied.read("persisted")) == len(emptied.read("processed"))


def test_an_emptied_redis_stops_a_worker_that_runs(store: StoreServer, deploy: Deploy) -> None:
    deployment = deploy(store.url)
    with deployment.start("run", **HASTY) as worker:
        process(deployment, worker, 0)
        go_back(store)
        deployment.produce(page_views(PART, PART))
        assert worker.wait() == MISCONFIGURED
    assert not deployment.is_done()


def test_lost_state_can_be_accepted(emptied: MemoryDeployment) -> None:
    emptied.accept_lost_state = True
    with emptied.start("run", **HASTY) as worker:
        worker.wait_for_event("assigned")
        worker.stop()
    emptied.accept_lost_state = False  # once is enough, also where no record came
    with emptied.start("run", **HASTY) as worker:
        process(emptied, worker, 1)
        worker.stop()
    each = str(PART // len(VISITORS))
    assert [emptied.stored(v)["visitor_events"] for v in VISITORS] == [each] * len(VISITORS)
    with emptied.start("run", **HASTY) as worker:
        process(emptied, worker, 2)
        worker.stop()


def test_offsets_that_a_person_set_stop_nobody(emptied: MemoryDeployment) -> None:
    """A reset by hand, and offsets that another mode left: no worker committed them."""
    topic, group = emptied.topics["processed"], emptied.groups["run"]
    places = {(topic, number): end for number, end in emptied.committed().items()}
    emptied.broker.alter_committed(group, places)
    with emptied.start("run", **HASTY) as worker:
        process(emptied, worker, 1)
        assert worker.stop()["repaired"] == 0


def test_a_person_may_skip_records(store: StoreServer, deploy: Deploy) -> None:
    deployment = deploy(store.url, partitions=1)
    with deployment.start("run", **HASTY) as worker:
        process(deployment, worker, 0)
        worker.stop()
    deployment.produce(page_views(PART, PART))
    topic, group = deployment.topics["processed"], deployment.groups["run"]
    deployment.broker.alter_committed(group, {(topic, 0): 2 * PART})
    with deployment.start("run", **HASTY) as worker:
        worker.wait_for(lambda: sum(marks(store).values()) == 2 * PART)
        process(deployment, worker, 2)
        assert worker.stop()["repaired"] == 0
    each = str(2 * PART // len(VISITORS))
    assert [deployment.stored(v)["visitor_events"] for v in VISITORS] == [each] * len(VISITORS)
