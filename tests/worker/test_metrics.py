"""What a worker's metrics and health say while something goes wrong."""

import threading
import time
from functools import partial
from typing import Any

import redis

from profiler.config.addresses import Address
from profiler.config.settings import Settings
from profiler.kafka import Polled
from profiler.kafka.memory import MemoryConsumer
from profiler.servers.ports import LOOPBACK, free_port
from profiler.service.http import served
from profiler.service.telemetry import Telemetry
from tests.conftest import MakeStore
from tests.integration.fault_events import page_views
from tests.integration.pipeline_runs import Input
from tests.scrape import Probe, probe, samples_in, sum_of
from tests.worker.conftest import Deploy
from tests.worker.deployment import MemoryDeployment

GOOD = 30


def watched(deployment: MemoryDeployment) -> partial[float]:
    """Let the workers of a deployment be watched; returns what asks for a sum."""
    telemetry = Telemetry(
        "run", Settings.model_validate({"topics": deployment.topics}), engine="python"
    )
    deployment.observer = telemetry

    def asked(name: str, **labels: str) -> float:
        return sum_of(samples_in(telemetry.metrics()), name, **labels)

    return partial(asked)


def test_what_kafka_refuses_at_first_is_counted_once(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("redis7").url)
    count = watched(deployment)
    deployment.broker.refuse_topic(deployment.topics["persisted"])
    deployment.produce([*page_views(0, GOOD), Input(b"no JSON")])
    with deployment.start("run") as program:
        program.wait_for(lambda: count("profiler_retries_total", server="kafka") >= 2)
        for name in ("consumed", "flattened", "persisted", "rejected", "profiled"):
            assert count(f"profiler_records_{name}_total") == 0
        assert count("profiler_batch_records_count") == 0
        deployment.broker.accept_topic(deployment.topics["persisted"])
        program.wait_for(deployment.is_done)
        stopped = program.stop()
    assert count("profiler_records_consumed_total") == stopped["read"] == GOOD + 1
    assert count("profiler_records_profiled_total") == stopped["profiled"] == GOOD
    assert count("profiler_records_rejected_total", code="bad_json") == stopped["rejected"] == 1
    assert count("profiler_records_flattened_total") == GOOD
    assert count("profiler_records_persisted_total") == GOOD
    assert count("profiler_batch_records_sum") == GOOD + 1


def test_what_redis_refuses_at_first_is_counted_once_and_its_errors_by_kind(
    private_store: MakeStore, deploy: Deploy
) -> None:
    server = private_store("redis7")
    deployment = deploy(server.url)
    count = watched(deployment)
    with deployment.start("run") as program, redis.Redis.from_url(server.url) as client:
        program.wait_for_event("assigned")
        client.config_set("maxmemory", 1)
        deployment.produce(page_views(0, GOOD))
        program.wait_for(lambda: count("profiler_redis_errors_total", kind="oom") >= 2)
        program.wait_for(lambda: count("profiler_paused_partitions") == 3)
        assert count("profiler_watchdog_pauses_total", reason="redis-unwell") == 1
        assert count("profiler_retries_total", server="redis") >= 2
        assert count("profiler_records_under_way") == GOOD
        assert count("profiler_records_consumed_total") == 0
        client.config_set("maxmemory", 0)
        program.wait_for(deployment.is_done)
        program.wait_for(lambda: count("profiler_paused_partitions") == 0)
        program.stop()
    assert count("profiler_records_persisted_total") == GOOD
    assert count("profiler_time_seconds_total", phase="back-pressure") > 0.1


class Hanging(MemoryConsumer):
    """Its polls do not return while the test holds them."""

    held = threading.Event()

    def poll(self, *, timeout_ms: int, max_records: int) -> Polled:
        """Wait until it may."""
        while self.held.is_set():
            time.sleep(0.01)
        return super().poll(timeout_ms=timeout_ms, max_records=max_records)


def test_a_loop_that_hangs_is_not_alive(private_store: MakeStore, deploy: Deploy) -> None:
    deployment = deploy(private_store("redis7").url)
    ahead_s = 0.0
    telemetry = Telemetry(
        "run",
        Settings.model_validate({}),
        engine="python",
        clock=lambda: time.monotonic() + ahead_s,
    )
    deployment.observer, deployment.make_consumer = telemetry, Hanging
    listen = Address(LOOPBACK, free_port())
    ask: Any = partial(probe, str(listen))
    with served(listen, telemetry), deployment.start("run") as program:
        program.wait_for(lambda: ask("/readyz") == Probe(200, ""))
        Hanging.held.set()
        time.sleep(0.2)  # until the poll under way is over
        ahead_s = 61.0
        try:
            for path in ("/healthz", "/readyz"):
                status, reason = ask(path)
                assert status == 503
                assert reason.startswith("the loop has not turned for 61 s")
        finally:
            Hanging.held.clear()
        program.wait_for(lambda: ask("/healthz") == Probe(200, ""))
        program.stop()
    assert ask("/healthz").status == 0


def test_without_a_commit_for_long_it_is_not_ready_but_alive(
    private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy(private_store("redis7").url)
    ahead_s = 0.0
    telemetry = Telemetry(
        "run",
        Settings.model_validate({}),
        engine="python",
        clock=lambda: time.monotonic() + ahead_s,
    )
    deployment.observer = telemetry
    with deployment.start("run") as program:
        program.wait_for(lambda: telemetry.not_ready() == "")
        deployment.broker.refuse_topic(deployment.topics["persisted"])
        deployment.produce(page_views(0, GOOD))
        program.wait_for_event("kafka is unwell, trying again")
        assert telemetry.not_ready() == ""
        ahead_s = 61.0
        program.wait_for(lambda: telemetry.not_alive() == "")
        assert telemetry.not_ready().startswith("no commit for 6")
        deployment.broker.accept_topic(deployment.topics["persisted"])
        program.wait_for(lambda: telemetry.not_ready() == "")
        program.stop()
