"""Batches under way: one at a time in each stage, in order, and none goes on behind a failure.

Over 250 lines: the stages without the loop are one scene, whose parts no other test needs.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
import redis

from profiler.config.settings import DeadLetterSettings, Settings, TopicSettings
from profiler.engine import Finished, choose_engine
from profiler.errors import (
    DeadLetterLimitError,
    RecordTooLargeError,
    ScriptContractError,
    VoidBatchError,
)
from profiler.kafka import Consumer, Polled, Producer
from profiler.kafka.memory import MemoryConsumer, MemoryProducer
from profiler.profiles.keys import key_of
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.records.types import Record
from profiler.rules.contract import LAYOUT
from profiler.rules.model import load_rules
from profiler.servers.processes import wait_until
from profiler.worker.apply import ApplyStage
from profiler.worker.dead_letter_limit import DeadLetterLimit
from profiler.worker.decode import DecodeStage
from profiler.worker.delivery import Checkpoint, OutputLimits, merged
from profiler.worker.delivery.at_least_once import AtLeastOnce
from profiler.worker.in_flight import Flight, InFlight
from profiler.worker.produce import ProduceStage
from profiler.worker.shutdown import StopRequest
from tests.conftest import MakeStore
from tests.integration.fault_events import VISITORS, bad_records, page_views
from tests.integration.pipeline_runs import Input, place_of
from tests.worker.conftest import Deploy
from tests.worker.deployment import MemoryDeployment
from tests.worker.running import PATIENCE_S

SIZE = len(VISITORS)  # so that each batch has one event of each visitor
LARGE = 20_000
NEWER_STATE = f"redis.call('HSET', KEYS[1], '~', cmsgpack.pack({{ {LAYOUT + 1} }}))"


def large_page_view(number: int) -> Input:
    """One whose outputs are larger than `LARGE`."""
    return page_views(number, 1)[0]._replace(headers=(("large", b"x" * LARGE),))


class Noted(AtLeastOnce):
    """A delivery that keeps how many records each step had, and how far it came."""

    def __init__(self, consumer: Consumer, producer: Producer, limits: OutputLimits) -> None:
        super().__init__(consumer, producer, limits)
        self.steps: list[tuple[int, list[int]]] = []

    def produce(self, finished: Finished, checkpoint: Checkpoint) -> Counter[str]:
        """See `Delivery.produce`."""
        self.steps.append((finished.records, list(checkpoint.offsets.values())))
        return super().produce(finished, checkpoint)


class Line:
    """All of a worker but for its loop."""

    def __init__(self, deployment: MemoryDeployment) -> None:
        self._store = connect(deployment.redis_url, timeout_s=PATIENCE_S)
        self._script = ProfileScript(self._store, load_rules(str(deployment.rules)))
        self._script.register()
        limit = DeadLetterSettings(max_consecutive=2)
        settings = Settings(topics=TopicSettings(**deployment.topics), dead_letters=limit)
        self.stop = StopRequest()
        broker, topics = deployment.broker, settings.topics
        consumer = MemoryConsumer(broker, topics=[topics.processed], group=settings.groups.run)
        producer = MemoryProducer(broker)
        limits = OutputLimits(topics.rejected, broker.topic_limits)
        self.delivery = Noted(consumer, producer, limits)
        self.flow = InFlight(
            choose_engine(deployment.engine)("run", settings, self._script),
            DecodeStage(),
            ApplyStage(self._script, self.stop),
            ProduceStage(self.delivery, DeadLetterLimit(limit)),
        )

    def add(self, records: Sequence[Record]) -> Flight:
        """Send a batch on its way."""
        if not self.flow:
            self.flow.look([]).result()
        return self.flow.add(Polled(list(records), 0, None), stream="s")

    def spoil(self, visitor: str) -> None:
        """Let a newer profiler have written the visitor's state."""
        self._store.eval(NEWER_STATE, 1, key_of(self._script.rules.store.key, visitor))

    def close(self) -> None:
        """End the threads and the connection."""
        self.flow.close(wait=True)
        self._store.close()


def committed(flow: InFlight) -> list[int]:
    """The offsets that would be committed now."""
    checkpoint = merged([flight.checkpoint for flight in flow.produced()])
    return [] if checkpoint is None else list(checkpoint.offsets.values())


class Scene:
    """A deployment with input in it, and a line."""

    def __init__(self, deployment: MemoryDeployment, inputs: Sequence[Input]) -> None:
        self.deployment = deployment
        deployment.produce(inputs)
        records = deployment.read("processed")
        self.batches = [records[at : at + SIZE] for at in range(0, len(records), SIZE)]
        self.line = Line(deployment)
        self.flow = self.line.flow
        self.added: list[Flight] = []

    def add_all(self) -> None:
        """Send everything on its way."""
        self.added = [self.line.add(batch) for batch in self.batches]

    def add_behind_the_first(self) -> None:
        """Send everything on its way, the second batch when the first one is produced."""
        self.added = [self.line.add(self.batches[0])]
        self.added[0].produced.result(PATIENCE_S)
        self.added += [self.line.add(batch) for batch in self.batches[1:]]

    def errors(self) -> list[type[BaseException] | None]:
        """What became of each batch, in order."""
        found = [batch.produced.exception(PATIENCE_S) for batch in self.added]
        return [None if error is None else type(error) for error in found]

    def written(self) -> list[int]:
        """Offsets whose persisted records are written."""
        return [place_of(record).offset for record in self.deployment.read("persisted")]

    def events(self) -> set[str | None]:
        """What is stored as the number of each visitor's events."""
        return {self.deployment.stored(visitor).get("visitor_events") for visitor in VISITORS}


@pytest.fixture
def scene(deploy: Deploy, private_store: MakeStore) -> Iterator[Callable[[Sequence[Input]], Scene]]:
    """Make a scene with the given input."""
    lines: list[Line] = []

    def make(inputs: Sequence[Input]) -> Scene:
        deployment = deploy(private_store("redis7").url, partitions=1)
        made = Scene(deployment, inputs)
        lines.append(made.line)
        return made

    yield make
    for line in lines:
        line.close()


@contextmanager
def held(deployment: MemoryDeployment) -> Iterator[Callable[[], int]]:
    """Let Redis hold back the script calls; what is given counts the connections that wait."""
    with redis.Redis.from_url(deployment.redis_url) as admin:
        admin.client_pause(PATIENCE_S * 1_000, all=False)
        yield lambda: sum("b" in found["flags"] for found in admin.client_list())
        admin.client_unpause()


def test_one_batch_is_in_redis_while_others_are_ready(
    scene: Callable[[Sequence[Input]], Scene],
) -> None:
    here = scene(page_views(0, 3 * SIZE))
    with held(here.deployment) as waiting:
        for records in here.batches:
            here.added.append(here.line.add(records))
            # From the second on there is no room: it waits for Redis already.
            assert (here.flow.bottleneck is None) == (len(here.added) == 1)
        assert wait_until(lambda: waiting() == 1, timeout=PATIENCE_S)
        until = time.monotonic() + 1
        assert {waiting() for _ in iter(lambda: time.monotonic() < until, False)} == {1}
        assert here.flow.produced() == []
    assert here.errors() == [None] * 3
    # As docs/architecture.md names the threads; a profiler and a debugger show them.
    names = {thread.name.partition("_")[0] for thread in threading.enumerate()}
    assert names >= {"decode", "apply", "produce"}
    assert here.written() == list(range(3 * SIZE))
    assert here.events() == {"3"}
    assert committed(here.flow) == [3 * SIZE]


@pytest.fixture
def one_turn(scene: Callable[[Sequence[Input]], Scene]) -> Iterator[Scene]:
    """Three batches: the first one is being produced, and the last two are applied meanwhile."""
    here = scene([*page_views(0, 3 * SIZE - 1), large_page_view(3 * SIZE - 1)])
    broker, persisted = here.deployment.broker, here.deployment.topics["persisted"]
    broker.withhold_acknowledgements(persisted)
    here.added = [here.line.add(here.batches[0])]
    assert wait_until(lambda: len(here.line.delivery.steps) == 1, timeout=PATIENCE_S)
    here.added += [here.line.add(batch) for batch in here.batches[1:]]
    for batch in here.added:
        batch.applied.result(PATIENCE_S)
    yield here
    broker.give_acknowledgements(persisted)


def test_what_is_applied_meanwhile_is_produced_in_one_step(one_turn: Scene) -> None:
    one_turn.deployment.broker.give_acknowledgements(one_turn.deployment.topics["persisted"])
    assert one_turn.errors() == [None] * 3
    assert one_turn.line.delivery.steps == [(SIZE, [SIZE]), (2 * SIZE, [3 * SIZE])]
    assert one_turn.written() == list(range(3 * SIZE))
    counted = [batch.produced.result().counts for batch in one_turn.added]
    assert [counts["profiled"] for counts in counted] == [SIZE] * 3


def test_what_is_produced_in_one_step_fails_in_one(one_turn: Scene) -> None:
    here = one_turn
    here.deployment.take_records_of("persisted", LARGE)
    here.deployment.broker.give_acknowledgements(here.deployment.topics["persisted"])
    assert here.errors() == [None, RecordTooLargeError, RecordTooLargeError]
    assert len(here.line.delivery.steps) == 2
    assert committed(here.flow) == [SIZE]


def test_nothing_is_written_behind_a_batch_that_kafka_refused(
    scene: Callable[[Sequence[Input]], Scene],
) -> None:
    large = large_page_view(SIZE)
    here = scene([*page_views(0, SIZE), large, *page_views(SIZE + 1, 2 * SIZE - 1)])
    here.deployment.take_records_of("persisted", LARGE)
    here.add_behind_the_first()
    assert here.errors() == [None, RecordTooLargeError, RecordTooLargeError]
    # Redis has all of them, so it is the order of the batches that kept the last one back.
    assert here.events() == {"3"}
    assert set(here.written()) <= set(range(2 * SIZE))
    assert committed(here.flow) == [SIZE]
    here.flow.remove(here.flow.produced())
    with pytest.raises(RecordTooLargeError):
        here.flow.check()


def test_a_good_output_that_is_too_large_never_leaves_as_a_reference(
    scene: Callable[[Sequence[Input]], Scene],
) -> None:
    """In a batch with a dead letter, which alone may leave as a reference."""
    large = page_views(1, 1)[0]._replace(headers=(("large", b"x" * 100_000),))
    here = scene([*bad_records(1), large])
    here.deployment.take_records_of("persisted", 90_000)
    here.added = [here.line.add([record for batch in here.batches for record in batch])]
    assert here.errors() == [RecordTooLargeError]
    assert here.written() == []


def test_nothing_is_applied_behind_a_batch_that_was_not(
    scene: Callable[[Sequence[Input]], Scene],
) -> None:
    here = scene(page_views(0, 2 * SIZE))
    first = VISITORS[0]
    here.line.spoil(first)
    here.line.add(here.batches[0])
    # Without the visitor whose state is spoiled.
    behind = here.line.add(here.batches[1][1:])
    assert isinstance(behind.produced.exception(PATIENCE_S), ScriptContractError)
    assert here.written() == []
    assert here.events() == {"1", None}


def test_nothing_is_written_of_a_batch_that_reaches_the_limit_nor_behind_it(
    scene: Callable[[Sequence[Input]], Scene],
) -> None:
    here = scene([*page_views(0, SIZE), *bad_records(SIZE), *page_views(SIZE, SIZE)])
    here.add_behind_the_first()
    assert here.errors() == [None, DeadLetterLimitError, DeadLetterLimitError]
    assert here.written() == list(range(SIZE))
    assert here.deployment.read("rejected") == []


def test_what_was_cut_is_not_written_and_can_come_again(
    scene: Callable[[Sequence[Input]], Scene],
) -> None:
    here = scene(page_views(0, 2 * SIZE))
    with held(here.deployment) as waiting:
        here.add_all()
        assert wait_until(lambda: waiting() > 0, timeout=PATIENCE_S)
        here.flow.cancel()
    assert here.errors() == [VoidBatchError] * 2
    assert here.written() == []
    assert here.events() == {"1"}  # only the first was in Redis
    here.flow.start_over()
    here.add_all()
    assert here.errors() == [None] * 2
    assert here.written() == list(range(2 * SIZE))
    assert here.events() == {"2"}


def test_a_stop_gives_up_a_batch_that_is_tried_again_and_all_behind_it(
    scene: Callable[[Sequence[Input]], Scene],
) -> None:
    here = scene(page_views(0, 2 * SIZE))
    with redis.Redis.from_url(here.deployment.redis_url) as admin:
        admin.config_set("min-replicas-to-write", "1")
        here.add_all()
        assert wait_until(lambda: bool(here.flow.back_pressure), timeout=PATIENCE_S)
        assert "NOREPLICAS" in here.flow.back_pressure
        here.line.stop.set()
        assert here.errors() == [VoidBatchError] * 2
        admin.config_set("min-replicas-to-write", "0")
    assert here.flow.back_pressure == ""
    assert here.events() == {None}
