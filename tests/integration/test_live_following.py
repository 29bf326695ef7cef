"""What fills the live page, on brokers that bring much, and that go away."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import orjson
import pytest

from profiler.config.settings import KafkaSettings, Settings, TopicSettings
from profiler.kafka import open_producer
from profiler.kafka.admin.topics import create_topics
from profiler.records.types import OutputRecord
from profiler.rules.model import load_rules
from profiler.servers.embedded import EmbeddedBroker
from profiler.servers.processes import wait_until
from profiler.service.live import follow
from profiler.service.live.state import LiveState
from profiler.service.sampling import sampled
from servers.kafka import Kafka
from tests.conftest import MakeTopics

PATIENCE_S = 90

Follow = Callable[[Settings], LiveState]


@pytest.fixture
def following() -> Iterator[Follow]:
    """Reads until the test ends."""
    with ExitStack() as stack:

        def make(settings: Settings) -> LiveState:
            rules = load_rules("standard")
            state = LiveState(rules, settings.topics, lag=lambda: None, is_guarded=False)
            reading = follow.following(settings, state, has_triggers=False)
            stack.enter_context(sampled("live-page", reading))
            await_that(lambda: not shown(state)["trouble"])
            return state

        yield make


def await_that(check: Callable[[], bool]) -> None:
    assert wait_until(check, timeout=PATIENCE_S, interval=0.1)


def shown(state: LiveState) -> dict[str, Any]:
    message: dict[str, Any] = orjson.loads(state.message(0)[0])
    return message


def produce(settings: Settings, topic: str, *values: bytes) -> None:
    with closing(open_producer(settings.kafka)) as producer:
        producer.send([OutputRecord(topic, None, value, (), -1) for value in values])


def outputs(count: int) -> list[bytes]:
    return [orjson.dumps({"profile_visitor_id": f"v{number}"}) for number in range(count)]


@pytest.fixture
def settings(kafka: Kafka, topics: MakeTopics) -> Settings:
    persisted, rejected = topics("persisted", "rejected", partitions=2)
    return Settings(
        kafka=KafkaSettings(bootstrap_servers=kafka.bootstrap_servers),
        topics=TopicSettings(persisted=persisted, rejected=rejected),
    )


def test_records_of_both_topics_come(settings: Settings, following: Follow) -> None:
    produce(settings, settings.topics.persisted, *outputs(2))  # before the page began
    state = following(settings)
    produce(settings, settings.topics.persisted, *outputs(3))
    produce(settings, settings.topics.rejected, b"{")
    await_that(lambda: (shown(state)["records"], shown(state)["rejections"]) == (3, 1))


@pytest.mark.field(
    kind="streams",
    meets="more records than a person could read, on the live page",
    happens="2,000 a second are read; the rest is left out, and the page counts it",
)
def test_what_is_too_much_is_left_out_and_counted(settings: Settings, following: Follow) -> None:
    state = following(settings)
    produce(settings, settings.topics.persisted, *outputs(30_000))

    def is_all_there() -> bool:
        now = shown(state)
        return bool(now["records"] + now["skipped"] == 30_000)

    await_that(is_all_there)
    assert shown(state)["skipped"] > 10_000
    assert shown(state)["records"] > 0
    produce(settings, settings.topics.rejected, b"{")
    await_that(lambda: shown(state)["rejections"] == 1)


@pytest.mark.field(
    kind="streams",
    meets="Kafka away while the live page is open",
    happens="the page says so; profiles are read all the time, and records are found again",
)
def test_a_broker_that_goes_away_is_told_and_found_again(
    following: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("profiler.kafka.topic_reader._LOOK_S", 0.5)
    monkeypatch.setattr("profiler.kafka.topic_reader._LOOK_TIMEOUT_MS", 500)
    monkeypatch.setattr(follow, "_RETRY_S", 0.2)
    with EmbeddedBroker() as broker:
        settings = Settings(kafka=KafkaSettings(bootstrap_servers=broker.bootstrap_servers))
        names = [settings.topics.persisted, settings.topics.rejected]
        create_topics(settings.kafka, names, partitions=1, replication=1)
        state = following(settings)
        broker.kill()
        await_that(lambda: bool(shown(state)["trouble"]))
        broker.start()  # it keeps nothing: its topics are gone with it
        create_topics(settings.kafka, names, partitions=1, replication=1)
        await_that(lambda: not shown(state)["trouble"])
        produce(settings, settings.topics.persisted, *outputs(1))
        await_that(lambda: shown(state)["records"] == 1)
