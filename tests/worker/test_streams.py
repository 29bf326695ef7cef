"""Streams: a topic made anew and another cluster begin anew; too many partitions are refused.

Over 250 lines: a stream is named by what three adapters tell of a topic.
"""

from contextlib import closing

import pytest

from profiler.config.settings import Settings
from profiler.kafka import TopicIdentity
from profiler.kafka.memory import MemoryBroker
from profiler.profiles.redis.connections import connect
from profiler.worker.streams import Streams
from tests.conftest import MakeStore
from tests.integration.fault_events import VISITORS, page_views
from tests.integration.pipeline_runs import Input
from tests.worker.conftest import Deploy
from tests.worker.deployment import MemoryDeployment
from tests.worker.running import Running

COUNT = 4 * len(VISITORS)


def counted(deployment: MemoryDeployment) -> int:
    """The events of all visitors."""
    return sum(int(deployment.stored(v).get("visitor_events", "0")) for v in VISITORS)


def work_off(deployment: MemoryDeployment, inputs: list[Input], **settings: str) -> Running:
    """Run a worker until all is committed."""
    deployment.produce(inputs)
    with deployment.start("run", **settings) as program:
        program.wait_for(deployment.is_done)
        program.stop()
    return program


def test_the_log_says_once_what_the_streams_are(private_store: MakeStore, deploy: Deploy) -> None:
    deployment = deploy(private_store("redis7").url)
    program = work_off(deployment, page_views(0, COUNT))
    [told] = program.events("streams")
    broker = deployment.broker
    assert told["topic_id"] == broker.topics["tracking_processed"].id
    assert told["cluster_id"] == broker.cluster_id
    assert told["partitions"] == 3
    assert len(told["streams"]) == 8


@pytest.mark.field(
    kind="streams",
    meets="another Kafka cluster with the same topic names and the same Redis",
    happens="its offsets count anew, and the log says that the streams are new",
)
def test_a_new_cluster_begins_anew(private_store: MakeStore, deploy: Deploy) -> None:
    """The same names, the same Redis, and offsets from zero again."""
    url = private_store("redis7").url
    for number in range(2):
        deployment = deploy(url, broker=MemoryBroker())
        program = work_off(deployment, page_views(number * COUNT, COUNT))
        assert program.events("stopped")[-1]["replayed"] == 0
        assert counted(deployment) == (number + 1) * COUNT


def test_another_start_goes_on_in_its_streams(private_store: MakeStore, deploy: Deploy) -> None:
    """What is read again after a reset by hand is recognised, though its ids are forgotten."""
    deployment = deploy(private_store("redis7").url, preset="article")
    work_off(deployment, page_views(0, COUNT))
    places = dict.fromkeys(deployment.broker.committed(deployment.groups["run"]), 0)
    deployment.broker.alter_committed(deployment.groups["run"], places)
    program = work_off(deployment, [])
    assert program.events("stopped")[-1]["replayed"] == COUNT


def test_a_topic_made_anew_while_the_worker_stands_begins_anew(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("redis7").url)
    work_off(deployment, page_views(0, 2 * COUNT))
    deployment.broker.recreate_topic("tracking_processed", partitions=3)
    program = work_off(deployment, page_views(2 * COUNT, COUNT))
    assert program.events("stopped")[-1]["replayed"] == 0
    assert counted(deployment) == 3 * COUNT


def test_a_topic_made_anew_while_the_worker_runs_begins_anew(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("redis7").url)
    deployment.produce(page_views(0, 2 * COUNT))
    with deployment.start("run") as program:
        program.wait_for(deployment.is_done)
        before = deployment.broker.identify("tracking_processed")
        with deployment.broker.changed:  # the client hears of it too late
            deployment.broker.recreate_topic("tracking_processed", partitions=3)
            deployment.produce(page_views(2 * COUNT, COUNT))
        program.wait_for_event("the topic was made anew: its streams begin anew")
        program.wait_for(deployment.is_done)
        assert program.stop()["replayed"] == 0
    [told] = program.events("the topic was made anew: its streams begin anew")
    assert told["level"] == "warning"
    assert told["topic_id"] != before.topic_id
    assert counted(deployment) == 3 * COUNT
    assert len(deployment.read("persisted")) == 3 * COUNT


def test_a_longer_topic_is_read_from_its_first_record(
    private_store: MakeStore, deploy: Deploy
) -> None:
    """Neither where the worker was is out of range, nor where it began."""
    deployment = deploy(private_store("redis7").url)
    work_off(deployment, page_views(0, COUNT))
    deployment.produce(page_views(COUNT, COUNT))
    with deployment.start("run") as program:
        program.wait_for(deployment.is_done)
        with deployment.broker.changed:
            deployment.broker.recreate_topic("tracking_processed", partitions=3)
            deployment.produce(page_views(2 * COUNT, 6 * COUNT))
            deployment.broker.rebalance(deployment.groups["run"])
        program.wait_for(deployment.is_done)
        program.stop()
    assert counted(deployment) == 8 * COUNT


def written(broker: MemoryBroker, topic: str) -> int:
    """How many offsets a topic has, also those that no reader may see yet."""
    return sum(partition.end for partition in broker.topics[topic].partitions)


def test_batches_of_the_old_topic_are_void(private_store: MakeStore, deploy: Deploy) -> None:
    """They wait for Kafka while the topic is made anew: nothing of them is committed in it."""
    deployment = deploy(private_store("redis7").url)
    broker, persisted = deployment.broker, deployment.topics["persisted"]
    deployment.produce(page_views(0, 2 * COUNT))
    with deployment.start("run") as program:
        program.wait_for(deployment.is_done)
        broker.withhold_acknowledgements(persisted)
        before = written(broker, persisted)
        deployment.produce(page_views(2 * COUNT, COUNT))
        program.wait_for(lambda: written(broker, persisted) > before)
        with broker.changed:
            broker.recreate_topic("tracking_processed", partitions=3)
            broker.rebalance(deployment.groups["run"])
        deployment.produce(page_views(3 * COUNT, 2))
        broker.give_acknowledgements(persisted)
        program.wait_for_event("the topic was made anew: its streams begin anew")
        program.wait_for(deployment.is_done)
        program.stop()
    assert counted(deployment) == 3 * COUNT + 2


def test_the_first_version_s_streams_go_on_by_their_epoch(
    private_store: MakeStore, deploy: Deploy
) -> None:
    """Its names are `0:topic:partition`; without that setting a worker begins new streams."""
    deployment = deploy(private_store("redis7").url, preset="article")
    work_off(deployment, page_views(0, COUNT), STREAM_EPOCH="0")
    with closing(connect(deployment.redis_url)) as client:
        state = client.hget(f"{deployment.key_prefix}{{{VISITORS[0]}}}", "~")
    assert isinstance(state, bytes)
    assert b"0:tracking_processed:" in state
    places = dict.fromkeys(deployment.broker.committed(deployment.groups["run"]), 0)
    deployment.broker.alter_committed(deployment.groups["run"], places)
    again = work_off(deployment, [], STREAM_EPOCH="0")
    assert again.events("stopped")[-1]["replayed"] == COUNT
    deployment.broker.alter_committed(deployment.groups["run"], places)
    anew = work_off(deployment, [])
    assert anew.events("stopped")[-1]["replayed"] == 0


@pytest.mark.field(
    kind="streams",
    meets="more partitions than `limits.streams`",
    happens="the worker does not start, exit code 78; the message has the number to set",
)
def test_more_partitions_than_streams_are_refused_at_the_start(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("redis7").url, partitions=5)
    deployment.produce(page_views(0, COUNT))
    with deployment.start("run", LIMITS__STREAMS="4") as program:
        assert program.wait() == 78
    assert "tracking_processed has 5 partitions, but limits.streams is 4" in program.output
    assert "set it to 5 at least" in program.output
    assert deployment.committed() == {}
    work_off(deployment, [], LIMITS__STREAMS="5")


def test_flatten_has_no_streams(private_store: MakeStore, deploy: Deploy) -> None:
    deployment = deploy(private_store("redis7").url, partitions=5)
    deployment.produce(page_views(0, COUNT))
    with deployment.start("flatten", LIMITS__STREAMS="4") as program:
        program.wait_for(lambda: deployment.is_done("flatten"))
        assert program.stop()["read"] == COUNT


@pytest.mark.field(
    kind="streams",
    meets="partitions beyond `limits.streams` that are added later",
    happens="the worker stops, says what to set, and has lost nothing",
)
def test_partitions_beyond_the_limit_that_are_added_stop_the_worker(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("redis7").url, partitions=3)
    deployment.produce(page_views(0, COUNT))
    with deployment.start("run", LIMITS__STREAMS="4") as program:
        program.wait_for(deployment.is_done)
        deployment.broker.add_partitions("tracking_processed", count=5)
        deployment.produce(page_views(COUNT, COUNT))
        assert program.wait() == 78
    assert "tracking_processed has 5 partitions, but limits.streams is 4" in program.output
    work_off(deployment, [], LIMITS__STREAMS="5")
    assert counted(deployment) == 2 * COUNT
    assert len(deployment.read("persisted")) == 2 * COUNT


def test_the_limit_of_the_rules_counts_too(private_store: MakeStore, deploy: Deploy) -> None:
    deployment = deploy(private_store("redis7").url, partitions=5)
    text = deployment.rules.read_text()
    assert "streams = 1024" in text
    deployment.rules.write_text(text.replace("streams = 1024", "streams = 4"))
    with deployment.start("run") as program:
        assert program.wait() == 78
    assert "streams in [limits] of the rules lean is 4" in program.output


def test_partitions_that_are_added_are_read_from_their_beginning(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("redis7").url, partitions=1)
    deployment.produce(page_views(0, COUNT))
    latest = {"KAFKA__AUTO_OFFSET_RESET": "latest"}
    with deployment.start("run", **latest) as program:
        program.wait_for(lambda: deployment.committed() == {0: COUNT})
        with deployment.broker.changed:
            deployment.broker.add_partitions("tracking_processed", count=6)
            deployment.produce(page_views(COUNT, COUNT))
        program.wait_for(deployment.is_done)
        program.stop()
    assert counted(deployment) == COUNT


@pytest.mark.parametrize(
    ("later", "is_another"),
    [
        (TopicIdentity("cluster", "id", 2), False),
        (TopicIdentity("", "id", 1), False),
        (TopicIdentity("cluster", "other", 1), True),
        (TopicIdentity("cluster", "", 1), False),
    ],
    ids=["grown", "no cluster", "another", "a broker that knows no ids"],
)
def test_a_topic_is_another_one_by_its_id(later: TopicIdentity, *, is_another: bool) -> None:
    answers = iter([TopicIdentity("cluster", "id", 1), later])
    streams = Streams("t", lambda: next(answers), Settings(), None)
    assert not streams.look()
    name = streams.name
    assert streams.look() == is_another
    assert (streams.name != name) == is_another


def test_where_no_id_is_known_the_cluster_counts() -> None:
    answers = iter([TopicIdentity("one", "", 1), TopicIdentity("two", "", 1)])
    streams = Streams("t", lambda: next(answers), Settings(), None)
    assert not streams.look()
    name = streams.name
    assert streams.look()
    assert streams.name != name
