"""A program that is told to stop, on a broker that does not answer: each waits for real time-outs.

The time is the program's own, from the signal to its last line; the tests wait more patiently.
"""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import redis

from servers.kafka import Kafka, RestartedKafka, admin_client
from tests.conftest import MakeStore, make_topics
from tests.integration.conftest import Deploy
from tests.integration.fault_events import page_views
from tests.integration.pipeline_runs import Deployment
from tests.integration.programs import Program
from tests.integration.stops import LEFT, stop, suspended
from tests.missing import own_server


@pytest.fixture(scope="module")
def broker() -> Iterator[RestartedKafka]:
    """A broker that only these tests suspend."""
    with own_server("Kafka", RestartedKafka) as server:
        yield server


@pytest.fixture
def there(
    broker: RestartedKafka, private_store: MakeStore, key_prefix: str, tmp_path: Path
) -> Iterator[Deployment]:
    """A deployment on `broker`."""
    with admin_client(broker.bootstrap_servers) as admin:
        yield Deployment(
            private_store("redis7").url,
            kafka=Kafka(broker.bootstrap_servers),
            admin=admin,
            make_topics=partial(make_topics, admin),
            key_prefix=key_prefix,
            directory=tmp_path,
        )


@contextmanager
def unacknowledged(
    broker: RestartedKafka, deployment: Deployment, program: Program
) -> Iterator[None]:
    """Suspend the broker when a batch comes out of Redis, after 100 records that are done."""
    deployment.produce(page_views(0, 100))
    program.wait_for(deployment.is_done)
    with redis.Redis.from_url(deployment.redis_url) as client:
        client.client_pause(4_000)  # ms; the batch waits, until the broker is suspended
    deployment.produce(page_views(100, 100))
    program.wait_for_event("paused")
    with suspended(broker.pid):
        program.wait_for_event("resumed")
        yield
    assert sum(deployment.committed().values()) == 100


def test_the_broker_does_not_acknowledge(broker: RestartedKafka, there: Deployment) -> None:
    with there.start("run") as program, unacknowledged(broker, there, program):
        last = stop(program)
        assert program.events(LEFT)
    assert last["event"] == "left behind what does not answer"


def test_a_call_of_the_client_hangs(broker: RestartedKafka, there: Deployment) -> None:
    short = {"KAFKA__DELIVERY_TIMEOUT_MS": "2000"}
    with there.start("run", **short) as program, unacknowledged(broker, there, program):
        program.wait_for_event("kafka is unwell, trying again")
        time.sleep(1)  # it asks for the committed offsets, and waits for the answer for 30 s
        last = stop(program)
        assert program.events(LEFT)
    assert (last["event"], last["reason"]) == ("ended at once", "the time to stop is up")


def test_the_broker_is_away(broker: RestartedKafka, there: Deployment) -> None:
    with there.start("run") as program:
        there.produce(page_views(0, 100))
        program.wait_for(there.is_done)
        with suspended(broker.pid):
            time.sleep(1)  # it is polling in vain
            stop(program)
            assert not program.events(LEFT)


def test_while_joining_a_group(private_store: MakeStore, deploy: Deploy) -> None:
    deployment = deploy(private_store("redis7").url)
    slow_group = {"KAFKA__SESSION_TIMEOUT_MS": "40000"}
    with deployment.start("run", **slow_group) as first:
        first.wait_for(lambda: first.owned() == deployment.partitions)
        first.send_signal(signal.SIGSTOP)  # the group waits for it
        with deployment.start("run", **slow_group) as second:
            second.wait_for_event("joining")
            stop(second)
            assert not second.events("assigned")
            assert not second.events(LEFT)
