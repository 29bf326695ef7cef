"""`--metrics`: what a real worker serves, alone and in a fleet."""

import os
import signal
import tempfile
from pathlib import Path

import pytest
import redis

from profiler.servers.ports import LOOPBACK, free_port
from profiler.servers.processes import wait_until
from profiler.service.metrics import OF_WORKER, WORKER_UP
from tests.conftest import MakeStore
from tests.integration.conftest import Deploy
from tests.integration.fault_events import page_views
from tests.integration.pipeline_runs import MODES, Input
from tests.integration.programs import PATIENCE_S
from tests.scrape import Probe, Samples, probe, scrape, total

GOOD, BAD = 300, 7
WELL = Probe(200, "")


@pytest.fixture
def address() -> str:
    return f"{LOOPBACK}:{free_port()}"


def test_a_worker_counts_what_it_commits(
    private_store: MakeStore, deploy: Deploy, address: str
) -> None:
    deployment = deploy(private_store("redis7").url)
    deployment.produce([*page_views(0, GOOD), *[Input(b"no JSON")] * BAD])
    with deployment.start("run", "--metrics", address) as program:
        program.wait_for(deployment.is_done)
        program.wait_for(lambda: total(address, "profiler_records_consumed_total") == GOOD + BAD)
        assert total(address, "profiler_records_flattened_total") == GOOD
        assert total(address, "profiler_records_persisted_total") == GOOD
        assert total(address, "profiler_records_rejected_total", code="bad_json") == BAD
        assert total(address, "profiler_latency_seconds_count") == GOOD + BAD
        batches = total(address, "profiler_batch_records_count")
        assert total(address, "profiler_batch_records_sum") == GOOD + BAD
        assert 0 < total(address, "profiler_transaction_seconds_count") <= batches
        assert total(address, "profiler_assigned_partitions") == 3
        program.wait_for(lambda: total(address, "profiler_redis_script_calls_total") > 0)
        program.wait_for(lambda: total(address, "profiler_redis_busy_ratio") > 0)
        # The ends of transactions are behind no record.
        program.wait_for(lambda: "kafka_consumergroup_group_lag" in served_by(address))
        found = scrape(address)
        stopped = program.stop()
    assert stopped["read"] == GOOD + BAD
    assert_names_and_labels(found)
    lag = {labels for name, labels in found if name == "kafka_consumergroup_group_lag"}
    assert lag == {
        frozenset(
            {
                "group": deployment.groups["run"],
                "topic": deployment.topics["processed"],
                "partition": str(number),
            }.items()
        )
        for number in range(3)
    }


def served_by(address: str) -> set[str]:
    """The names of what is served."""
    return {name for name, _ in scrape(address)}


def assert_names_and_labels(found: Samples) -> None:
    """Nothing is served that the catalogue does not have, and no label names a visitor."""
    labels = {metric.name: {*metric.labels} for metric in (*OF_WORKER, WORKER_UP)}
    for name, its in found:
        if name.startswith("process_"):
            continue
        family = name
        for suffix in ("_bucket", "_count", "_sum"):
            if name.removesuffix(suffix) in labels:
                family = name.removesuffix(suffix)
        assert {key for key, _ in its} - {"le"} == labels[family], name
    # Of no code, kind, trigger or server that did not come up yet.
    seldom = {"profiler_redis_errors_total", "profiler_triggers_total", "profiler_worker_up"}
    names = {name.removesuffix("_bucket") for name, _ in found}
    assert labels.keys() - names == seldom


def test_the_lag_grows_while_reading_is_paused(
    private_store: MakeStore, deploy: Deploy, address: str
) -> None:
    """The consumer itself knows no newer end than that of its last fetch."""
    server = private_store("redis7")
    deployment = deploy(server.url)
    with (
        deployment.start("run", "--metrics", address) as program,
        redis.Redis.from_url(server.url) as client,
    ):
        program.wait_for(lambda: probe(address, "/readyz") == WELL)
        client.config_set("maxmemory", 1)
        deployment.produce(page_views(0, GOOD))
        program.wait_for(lambda: total(address, "profiler_paused_partitions") == 3)
        deployment.produce(page_views(GOOD, GOOD))
        lag = "kafka_consumergroup_group_lag"
        program.wait_for(lambda: total(address, lag) == 2 * GOOD)
        program.stop()


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_ready_when_it_has_partitions(
    private_store: MakeStore, deploy: Deploy, address: str, mode: str
) -> None:
    deployment = deploy(private_store("valkey9").url)
    with deployment.start(mode, "--metrics", address) as program:
        seen: list[Probe] = []

        def is_ready() -> bool:
            seen.append(probe(address, "/readyz"))
            return seen[-1] == WELL

        program.wait_for(is_ready)
        assert program.owned() == 3
        assert probe(address, "/healthz") == WELL
        program.stop()
    answers = [answer for answer in seen if answer.status]
    assert {answer.status for answer in answers[:-1]} == {503}
    assert answers[0].reason.startswith("starting")


def test_a_port_in_use_is_an_error_at_the_start(
    private_store: MakeStore, deploy: Deploy, address: str
) -> None:
    deployment = deploy(private_store("redis7").url)
    with deployment.start("run", "--metrics", address) as first:
        first.wait_for(lambda: probe(address, "/readyz") == WELL)
        for flags in ((), ("--workers", "2")):
            with deployment.start("run", "--metrics", address, *flags) as second:
                assert second.wait() == 78
            assert f"cannot listen at {address}" in second.output
            assert "Address already in use" in second.output
        first.stop()


def test_a_fleet_answers_on_one_port(
    private_store: MakeStore, deploy: Deploy, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = 2
    # Short: the path of a Unix socket has 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="m", dir="/tmp") as directory:
        monkeypatch.setenv("TMPDIR", directory)
        deployment = deploy(private_store("redis7").url, partitions=workers)
        with deployment.start("run", "--workers", str(workers), "--metrics", address) as program:
            program.wait_for(lambda: probe(address, "/readyz") == WELL)
            deployment.produce(page_views(0, GOOD))
            program.wait_for(lambda: total(address, "profiler_records_persisted_total") == GOOD)
            for number in map(str, range(workers)):
                assert total(address, "profiler_worker_up", worker=number) == 1
                assert total(address, "profiler_assigned_partitions", worker=number) == 1
                assert total(address, "profiler_records_persisted_total", worker=number) > 0
            program.wait_for_event("workers started")
            [line] = program.events("workers started")
            hung = line["pids"][1]
            os.kill(hung, signal.SIGSTOP)
            assert probe(address, "/healthz") == Probe(503, "worker 1: no answer (timed out)")
            assert total(address, "profiler_worker_up") == 1
            os.kill(hung, signal.SIGCONT)
            assert wait_until(lambda: probe(address, "/healthz") == WELL, timeout=PATIENCE_S)
            program.stop()
        assert not list(Path(directory).glob("profiler-*"))
