"""Outputs and offsets become visible together, once, whatever happens to a transaction."""

import time

import pytest

from profiler.config.settings import Mode
from profiler.kafka import Polled, TimestampLimits
from profiler.kafka.memory import MemoryConsumer
from profiler.kafka.memory.group import Group
from profiler.servers.processes import wait_until
from tests.conftest import MakeStore
from tests.integration.fault_events import bad_records, page_views
from tests.integration.pipeline_runs import Input
from tests.worker.conftest import Deploy
from tests.worker.deployment import MemoryDeployment
from tests.worker.running import PATIENCE_S
from tests.worker.transactions import OUTPUTS, assert_once, begun, written

COUNT = 60
UNWELL = "kafka is unwell, trying again"


@pytest.fixture
def deployment(private_store: MakeStore, deploy: Deploy) -> MemoryDeployment:
    return deploy(private_store("redis7").url, partitions=1)


@pytest.fixture
def hasty_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit without an answer is given up soon."""
    monkeypatch.setattr("profiler.worker.delivery.exactly_once._COMMIT_S", 0.5)


@pytest.mark.parametrize("topic", OUTPUTS)
def test_outputs_rejections_and_offsets_become_visible_together(
    deployment: MemoryDeployment, topic: str
) -> None:
    deployment.broker.withhold_acknowledgements(deployment.topics[topic])
    deployment.produce([*page_views(0, COUNT), *bad_records(3)])
    with deployment.start("run") as worker:
        worker.wait_for(lambda: all(written(deployment, each) for each in OUTPUTS))
        assert [deployment.read(each) for each in OUTPUTS] == [[], [], []]
        assert deployment.committed() == {}
        deployment.broker.give_acknowledgements(deployment.topics[topic])
        worker.wait_for(deployment.is_done)
        worker.stop()
    assert_once(deployment, COUNT + 3)


def test_what_is_aborted_is_never_visible(deployment: MemoryDeployment) -> None:
    persisted = deployment.topics["persisted"]
    deployment.broker.refuse_topic(persisted)
    deployment.produce(page_views(0, COUNT))
    with deployment.start("run") as worker:
        worker.wait_for_event(UNWELL)
        worker.wait_for(lambda: written(deployment, "flattened") > 0)
        assert deployment.read("flattened") == []
        assert deployment.committed() == {}
        deployment.broker.accept_topic(persisted)
        worker.wait_for(deployment.is_done)
        assert worker.stop()["read"] == COUNT
    assert_once(deployment, COUNT)


@pytest.mark.usefixtures("hasty_commits")
@pytest.mark.parametrize("mode", ["run", "flatten", "profile"])
@pytest.mark.parametrize("is_done", [True, False], ids=["committed", "pending"])
def test_a_commit_without_an_answer_is_settled_before_the_worker_reads_on(
    deployment: MemoryDeployment, mode: Mode, *, is_done: bool
) -> None:
    source, made = ("flattened", "persisted") if mode == "profile" else ("processed", "flattened")
    deployment.produce(page_views(0, COUNT), source)
    for _ in range(2):
        deployment.broker.answer_no_commit(is_done=is_done)
    with deployment.start(mode, BATCH__MAX_RECORDS="20") as worker:
        worker.wait_for(lambda: deployment.is_done(mode))
        worker.wait_for_event(UNWELL)
        worker.stop()
    # Each has its own event id.
    values = [record.value for record in deployment.read(made)]
    assert len(values) == len(set(values)) == COUNT
    assert deployment.read(source)[-1].offset + 1 == deployment.committed(mode)[0]


@pytest.mark.parametrize("looks", [True, False], ids=["Kafka 2.5", "older"])
def test_a_generation_that_changes_behind_the_send_commits_nothing(
    deployment: MemoryDeployment, monkeypatch: pytest.MonkeyPatch, *, looks: bool
) -> None:
    """The brokers refuse it too; older ones look at no generation."""
    if not looks:
        monkeypatch.setattr(Group, "check_commit", lambda *_: None)
    persisted = deployment.topics["persisted"]
    deployment.broker.withhold_acknowledgements(persisted)
    deployment.produce(page_views(0, COUNT))
    with deployment.start("run") as worker:
        worker.wait_for(lambda: written(deployment, "persisted") == COUNT)
        deployment.broker.rebalance(deployment.groups["run"])
        worker.wait_for_event("rebalanced, a batch will be read again")
        deployment.broker.give_acknowledgements(persisted)
        worker.wait_for(deployment.is_done)
        worker.stop()
    # The first transaction is aborted: its records lie below those that a reader sees.
    assert deployment.read("persisted")[0].offset > COUNT
    assert_once(deployment, COUNT)


class Rebalanced(MemoryConsumer):
    """The group rebalances between the first commit and the worker's next turn."""

    is_over = False

    def poll(self, *, timeout_ms: int, max_records: int) -> Polled:
        """Poll; where nothing more comes, what came before is committed first."""
        polled = super().poll(timeout_ms=timeout_ms, max_records=max_records)
        if self.is_over or polled.records or not self.assignment:
            return polled
        if self.lag() or not (broker := self._broker).groups[self._group_name].generation:
            return polled
        if broker.records("tracking_processed"):
            self.is_over = True
            group = self._group_name
            assert wait_until(lambda: bool(broker.committed(group)), timeout=PATIENCE_S)
            broker.rebalance(group)
        return super().poll(timeout_ms=timeout_ms, max_records=max_records)


def test_what_is_committed_counts_though_a_rebalance_came_between(
    deployment: MemoryDeployment,
) -> None:
    deployment.make_consumer = Rebalanced
    deployment.produce(page_views(0, COUNT))
    with deployment.start("run") as worker:
        worker.wait_for(deployment.is_done)
        worker.wait_for_event("rebalanced, a batch will be read again")
        assert worker.stop()["read"] == COUNT
    assert_once(deployment, COUNT)


def test_records_without_outputs_are_committed(deployment: MemoryDeployment) -> None:
    deployment.produce([Input(None, b"gone")] * 5)
    with deployment.start("run", TOMBSTONES="drop") as worker:
        worker.wait_for(lambda: deployment.committed() == {0: 5})
        worker.stop()
    assert [deployment.read(topic) for topic in OUTPUTS] == [[], [], []]


LARGE = Input(b"not JSON" + b" " * 200_000, b"bad")
LATE = page_views(1, 1)[0]._replace(timestamp=4_102_444_800_000)


def restrict(deployment: MemoryDeployment) -> None:
    """Let the output topics take no large dead letter, and no time in the future."""
    deployment.take_records_of("rejected", 100_000)
    for topic in OUTPUTS:
        limits = TimestampLimits(2**62, 3_600_000)
        deployment.broker.topics[deployment.topics[topic]].timestamp_limits = limits


@pytest.mark.parametrize("hard", [LARGE, LATE], ids=["a large dead letter", "a refused timestamp"])
def test_limits_that_are_known_cost_no_transaction(
    deployment: MemoryDeployment, hard: Input
) -> None:
    restrict(deployment)
    deployment.produce([*page_views(0, 1), hard, *page_views(2, 4)])
    with deployment.start("run") as worker:
        worker.wait_for(deployment.is_done)
        totals = worker.stop()
    assert totals["references"] or totals["restamped"]
    assert begun(deployment) == 1
    assert_once(deployment, 6)


@pytest.mark.parametrize("hard", [LARGE, LATE], ids=["a large dead letter", "a refused timestamp"])
def test_limits_that_become_stricter_cost_one_transaction(
    deployment: MemoryDeployment, hard: Input
) -> None:
    with deployment.start("run") as worker:
        deployment.produce(page_views(0, 6))
        worker.wait_for(deployment.is_done)
        restrict(deployment)
        deployment.produce([*page_views(6, 1), hard, *page_views(8, 4)])
        worker.wait_for(deployment.is_done)
        totals = worker.stop()
    assert not worker.events(UNWELL)
    assert totals["references"] or totals["restamped"]
    assert begun(deployment) == 2
    assert_once(deployment, 12)


def test_a_pause_beyond_the_transaction_s_time_is_gone_on_from(
    deployment: MemoryDeployment,
) -> None:
    persisted = deployment.topics["persisted"]
    deployment.broker.withhold_acknowledgements(persisted)
    with deployment.start("run") as worker:
        for first in (0, COUNT):
            deployment.broker.withhold_acknowledgements(persisted)
            before = written(deployment, "persisted")
            deployment.produce(page_views(first, COUNT))
            worker.wait_for(lambda: written(deployment, "persisted") > before)  # noqa: B023
            deployment.broker.time_out_transactions()
            deployment.broker.give_acknowledgements(persisted)
            worker.wait_for(deployment.is_done)
            time.sleep(1.1)  # at most one line of a kind a second is written
        assert len(worker.events("another producer took over our transactions")) == 2
        worker.stop()
    assert_once(deployment, 2 * COUNT)
