"""The programs, their default delivery, and real servers: every input is delivered exactly once."""

import random
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import pytest

from servers.kafka import Kafka, admin_client
from tests.chaos.oracle import TOPICS, judge
from tests.chaos.places import Input as Given
from tests.chaos.places import Output, Place
from tests.chaos.traffic import Event, Traffic
from tests.conftest import MakeStore, make_topics
from tests.integration.conftest import Deploy
from tests.integration.fault_events import without_event_ids
from tests.integration.pipeline_runs import Deployment, Input, place_of
from tests.kafka.without_transactions import kafka_without_transactions
from tests.missing import needed_native, needed_servers

#: The settings that choose each sink.
SINKS: dict[str, dict[str, str]] = {
    "native": {"KAFKA__CLIENT": "librdkafka", "ENGINE": "native"},
    "librdkafka": {"KAFKA__CLIENT": "librdkafka", "ENGINE": "python"},
    "kafka-python": {"KAFKA__CLIENT": "kafka-python"},
}
SEED = 20
KILLS = 3
PART = 400
#: A killed worker's partitions are free again soon, and its transaction too.
MORTAL = {
    "KAFKA__SESSION_TIMEOUT_MS": "1000",
    "KAFKA__HEARTBEAT_INTERVAL_MS": "100",
    "BATCH__MAX_RECORDS": "20",
}
FENCED = "another producer took over our transactions"
FAILED, MISCONFIGURED = 1, 78


@pytest.fixture(params=SINKS)
def sink(request: pytest.FixtureRequest) -> str:
    """What writes."""
    if request.param == "native":
        needed_native()
    return str(request.param)


def inputs_of(events: list[Event]) -> list[Input]:
    return [Input(each.value, each.key, each.timestamp_ms) for each in events]


def assert_each_once(deployment: Deployment, events: list[Event]) -> None:
    """The oracle of the chaos runs finds nothing, in outputs as readers of committed ones see."""
    by_value = {each.value: each for each in events}
    given = [
        Given(Place(0, record.partition, record.offset), by_value[record.value or b""])
        for record in deployment.read("processed")
    ]
    outputs = []
    for topic in TOPICS:
        for record in deployment.read(topic):
            _, partition, offset = place_of(record)
            outputs.append(Output(topic, Place(0, partition, offset), record.value or b""))
    verdict = judge(given, outputs, deployment.stored, has_trigger=False)
    assert verdict.is_right, verdict
    assert verdict.inputs == verdict.persisted + verdict.rejected == len(events)


def test_killed_workers_lose_nothing_and_double_nothing(
    private_store: MakeStore, deploy: Deploy, sink: str
) -> None:
    deployment = without_event_ids(deploy(private_store("redis7").url, partitions=2))
    traffic, chance = Traffic(SEED, spread_one_in=10**9), random.Random(SEED)
    events: list[Event] = []
    settings = {**MORTAL, **SINKS[sink], "WORKER_ID": "mortal"}
    interrupted = 0
    for _ in range(KILLS):
        with deployment.start("run", **settings) as program:
            program.wait_for_event("assigned")
            part = list(islice(traffic, PART))
            events += part
            before = sum(deployment.committed().values())
            deployment.produce(inputs_of(part))
            program.wait_for(lambda: sum(deployment.committed().values()) > before)  # noqa: B023
            time.sleep(chance.uniform(0, 0.05))
            program.kill()
            interrupted += not deployment.is_done()
    assert interrupted > 0
    with deployment.start("run", **settings) as program:
        program.wait_for(deployment.is_done)
        program.stop()
    assert [line["sink"] for line in program.events("starting")] == [sink]
    assert_each_once(deployment, events)


def test_of_two_workers_with_one_id_one_ends(
    private_store: MakeStore, deploy: Deploy, sink: str
) -> None:
    deployment = without_event_ids(deploy(private_store("redis7").url, partitions=2))
    traffic = Traffic(SEED, spread_one_in=10**9)
    events: list[Event] = []
    settings = {**MORTAL, **SINKS[sink], "WORKER_ID": "twin"}
    with deployment.start("run", **settings) as one, deployment.start("run", **settings) as other:

        def has_one_ended() -> bool:
            part = list(islice(traffic, 20))
            events.extend(part)
            deployment.produce(inputs_of(part))
            return not (one.is_alive and other.is_alive)

        one.wait_for(lambda: has_one_ended() or not other.is_alive)
        ended, left = (one, other) if not one.is_alive else (other, one)
        assert ended.wait() == FAILED
        assert ended.events(FENCED)
        # What librdkafka logs of the other producer may come behind it.
        assert any("give each worker an id" in line for line in ended.output.splitlines())
        left.wait_for(deployment.is_done)
        left.stop()
    assert [line["sink"] for line in ended.events("starting")] == [sink]
    assert_each_once(deployment, events)


@pytest.fixture(scope="module")
def old_kafka() -> Iterator[str]:
    """The address of a broker without the requests of transactions."""
    with needed_servers(), kafka_without_transactions() as address:
        yield address


@pytest.mark.field(
    kind="connections",
    meets="a broker that knows no transactions",
    happens="the worker stops with exit code 78, and names delivery = at-least-once",
)
def test_a_broker_without_transactions_is_refused(
    private_store: MakeStore, key_prefix: str, tmp_path: Path, old_kafka: str, sink: str
) -> None:
    with admin_client(old_kafka) as admin:
        deployment = Deployment(
            private_store("redis7").url,
            kafka=Kafka(old_kafka),
            admin=admin,
            make_topics=partial(make_topics, admin),
            key_prefix=key_prefix,
            directory=tmp_path,
        )
        with deployment.start("run", **SINKS[sink]) as program:
            assert program.wait() == MISCONFIGURED
            assert 'delivery = "at-least-once"' in program.output
