"""The summary of a worker's log: every ten seconds, of what is committed."""

from collections import Counter
from concurrent.futures import Future

import pytest
from structlog.testing import capture_logs

from profiler.kafka.memory import MemoryBroker, MemoryConsumer, MemoryProducer
from profiler.records.types import OutputRecord, Record
from profiler.service import logs
from profiler.worker import progress
from profiler.worker.delivery import Checkpoint
from profiler.worker.in_flight import Flight
from profiler.worker.produce import Produced
from profiler.worker.progress import Progress
from tests.conftest import MakeStore
from tests.integration.fault_events import page_views
from tests.worker.conftest import Deploy


def produced(**counts: int) -> Flight:
    """A batch that is ready for its commit."""
    done: Future[Produced] = Future()
    done.set_result(Produced(Counter(counts), Counter(), Counter(), Counter()))
    checkpoint = Checkpoint({("in", 0): 10}, 1, None, "")
    offsets = {("in", 0): (0, 9)}
    records = [Record("in", 0, offset, -1, None, b"{}", ()) for offset in range(10)]
    return Flight(records, offsets, checkpoint, False, 0.0, Future(), Future(), done)


def test_a_summary_comes_every_ten_seconds_and_counts_what_is_committed() -> None:
    broker, now = MemoryBroker(), 100.0
    broker.create_topic("in")
    MemoryProducer(broker).send([OutputRecord("in", None, b"{}", (), -1)] * 7)
    consumer = MemoryConsumer(broker, topics=["in"], group="g")
    told = Progress(consumer, lambda: now)
    polled = 0
    while not polled:
        polled = len(consumer.poll(timeout_ms=100, max_records=2).records)
    logs.configure()
    with capture_logs() as lines:
        told.count(produced(read=130, profiled=120, rejected=10, repeated=20))
        now += 9.9
        told.report(under_way=0, is_paused=False)
        assert [line["event"] for line in lines] == ["assigned"]
        now += 0.1
        told.report(under_way=0, is_paused=False)
        now += 10
        told.report(under_way=polled, is_paused=False)
    first, second = (line for line in lines if line["event"] == "summary")
    assert (first["read"], first["profiled"], first["rejected"]) == (130, 120, 10)
    assert (first["repeated"], first["late"], first["anonymous"]) == (20, 0, 0)
    assert (first["per_second"], second["per_second"]) == (13.0, 0)
    assert second["read"] == 130
    assert first["lag"] == 7 - polled == 5
    assert second["lag"] == 7


def test_lag_counts_what_is_stuck(
    private_store: MakeStore, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was polled again and again, and never committed."""
    monkeypatch.setattr(progress, "_SUMMARY_EVERY_S", 0.05)
    deployment = deploy(private_store("redis7").url)
    deployment.broker.refuse_topic(deployment.topics["persisted"])
    deployment.produce(page_views(0, 30))
    with deployment.start("run") as program:
        program.wait_for_event("kafka is unwell, trying again", times=2)
        before = len(program.events("summary"))
        program.wait_for_event("summary", times=before + 4)
        assert {line["lag"] for line in program.events("summary")[before:]} == {30}
        deployment.broker.accept_topic(deployment.topics["persisted"])
        program.wait_for(deployment.is_done)
        before = len(program.events("summary"))
        program.wait_for_event("summary", times=before + 2)
        assert program.events("summary")[-1]["lag"] == 0
        program.stop()
