"""Each alert rule fires once, on a real pipeline and a real Prometheus.

The rules are those of ``deploy/prometheus/alerts.yml`` with all durations divided by ten. A server
counts as busy at less, because here it shares its cores. What the rules say, and what the worker
said meanwhile, is printed: docs/monitoring.md is written from it.

Over 250 lines: a fault for each alert, on one site.
"""

import json
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis

from profiler.servers.embedded import StoreServer
from profiler.servers.ports import LOOPBACK, free_port
from profiler.servers.processes import wait_until
from servers.kafka import Kafka, KafkaProcess, admin_client
from servers.prometheus import Prometheus
from servers.redis import private_store
from tests.conftest import make_topics
from tests.integration.fault_events import page_views
from tests.integration.pipeline_runs import Deployment, Input
from tests.integration.programs import Program
from tests.integration.stops import suspended
from tests.missing import own_server
from tests.nightly.frozen import frozen
from tests.scrape import probe

RULES = Path(__file__).parent.parent.parent / "deploy" / "prometheus" / "alerts.yml"
NAMES = re.findall(r"- alert: (\w+)", RULES.read_text("utf-8"))
DIVISOR = 10
#: The longest that a rule waits: 120 s of no commit, and its shortened durations.
PATIENCE_S = 240
#: In a warning of the worker itself.
OURS = '"logger": "profiler.worker", "level": "warning"'
#: Enough for a worker to be seen as behind.
BACKLOG = 10_500

fired: set[str] = set()


def shortened(rules: str) -> str:
    """The rules, whose minutes are so many seconds; of a core some part is enough."""
    assert rules.count("profiler_redis_busy_ratio) > 0.85") == 1
    rules = rules.replace("profiler_redis_busy_ratio) > 0.85", "profiler_redis_busy_ratio) > 0.05")
    per_minute = 60 // DIVISOR
    return re.sub(r"\b(\d+)m\b", lambda found: f"{int(found[1]) * per_minute}s", rules)


class Site(NamedTuple):
    """What the alerts are about, but for the worker."""

    broker: KafkaProcess
    store: StoreServer
    prometheus: Prometheus
    address: str
    spare: str


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    address, spare = (f"{LOOPBACK}:{free_port()}" for _ in range(2))
    rules = shortened(RULES.read_text("utf-8"))
    with (
        own_server("Kafka", KafkaProcess) as broker,
        own_server("Redis", lambda: private_store("redis7")) as store,
        own_server("Prometheus", lambda: Prometheus([address, spare], rules=rules)) as prometheus,
    ):
        yield Site(broker, store, prometheus, address, spare)


@pytest.fixture
def there(site: Site, key_prefix: str, tmp_path: Path) -> Iterator[Deployment]:
    """A deployment on the site."""
    with admin_client(site.broker.bootstrap_servers) as admin:
        yield Deployment(
            site.store.url,
            kafka=Kafka(site.broker.bootstrap_servers),
            admin=admin,
            make_topics=partial(make_topics, admin),
            key_prefix=key_prefix,
            directory=tmp_path,
        )


@contextmanager
def working(site: Site, there: Deployment, **settings: str) -> Iterator[Program]:
    """A worker that is ready."""
    with there.start("run", "--metrics", site.address, **settings) as program:
        program.wait_for(lambda: probe(site.address, "/readyz").status == 200)
        yield program
        program.kill()


@contextmanager
def loaded(there: Deployment, inputs: list[Input]) -> Iterator[None]:
    """Records come in again and again meanwhile."""
    over = threading.Event()

    def produce() -> None:
        while not over.wait(0.2):
            there.produce(inputs)

    thread = threading.Thread(target=produce)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def is_firing(site: Site, name: str) -> bool:
    return name in site.prometheus.firing()


def wait_for(site: Site, program: Program, *names: str) -> None:
    """Wait until these alerts fire, and print what can be seen then."""
    for name in names:
        has_fired = partial(is_firing, site, name)
        assert wait_until(has_fired, timeout=PATIENCE_S, interval=0.5), program.output[-3_000:]
        alert = site.prometheus.firing()[name]
        fired.add(name)
        seen: dict[str, Any] = {
            "alert": name,
            "summary": alert["annotations"]["summary"],
            "labels": alert["labels"],
            "healthz": probe(site.address, "/healthz"),
            "readyz": probe(site.address, "/readyz"),
            "log": [line for line in program.output.splitlines() if OURS in line][-2:],
        }
        print(json.dumps(seen, indent=1))  # noqa: T201 - the runbook is written from it


def test_a_worker_that_is_killed(site: Site, there: Deployment) -> None:
    with working(site, there) as program:
        program.kill()
        wait_for(site, program, "ProfilerDown")


def test_a_loop_that_hangs(site: Site, there: Deployment) -> None:
    with working(site, there) as program, frozen(program.pid):
        wait_for(site, program, "ProfilerLoopStalled")
        assert probe(site.address, "/healthz").status == 503


def test_more_workers_than_partitions_that_come_and_go(site: Site, there: Deployment) -> None:
    with working(site, there) as program:
        flags = ("--workers", str(there.partitions), "--metrics", site.spare)
        for _ in range(2):
            with there.start("run", *flags) as others:
                others.wait_for(lambda: probe(site.spare, "/healthz").status == 200)
                others.wait_for(lambda: len(others.events("assigned")) > 0)
                time.sleep(3)
                others.stop()
        wait_for(site, program, "ProfilerRebalances")
        with there.start("run", *flags):
            wait_for(site, program, "ProfilerWithoutPartitions")


def test_a_topic_that_takes_nothing(site: Site, there: Deployment) -> None:
    hasty = {"KAFKA__DELIVERY_TIMEOUT_MS": "1000"}
    there.produce(page_views(0, BACKLOG))
    there.configure(there.topics["persisted"], {"max.message.bytes": "100"})
    with (
        there.start("run", "--metrics", site.address, **hasty) as program,
        loaded(there, page_views(0, 10)),
    ):
        wait_for(site, program, "ProfilerKafkaRetries", "ProfilerLagGrows", "ProfilerNoCommit")
        assert probe(site.address, "/healthz").status == 200
        assert probe(site.address, "/readyz").status == 503
        program.kill()


def test_a_redis_without_memory(site: Site, there: Deployment) -> None:
    with (
        closing(redis.Redis.from_url(site.store.url)) as store,
        working(site, there) as program,
        loaded(there, page_views(0, 10)),
    ):
        store.config_set("maxmemory", 1)
        try:
            wait_for(site, program, "ProfilerPaused", "ProfilerRedisErrors")
            for _ in range(5):
                store.config_set("maxmemory", 0)
                program.wait_for(lambda: not is_paused(site))
                store.config_set("maxmemory", 1)
                program.wait_for(lambda: is_paused(site))
            wait_for(site, program, "ProfilerWatchdog")
        finally:
            store.config_set("maxmemory", 0)


def is_paused(site: Site) -> bool:
    found = site.prometheus.ask("query", query="sum(profiler_paused_partitions)")["result"]
    return bool(found) and float(found[0]["value"][1]) > 0


def test_a_producer_whose_records_are_bad(site: Site, there: Deployment) -> None:
    inputs = [*page_views(0, 19), Input(b"no JSON")]
    with working(site, there) as program, loaded(there, inputs):
        wait_for(site, program, "ProfilerDeadLetters")


def test_a_redis_that_others_keep_busy(site: Site, there: Deployment) -> None:
    over = threading.Event()

    def spin() -> None:
        with closing(redis.Redis.from_url(site.store.url)) as store:
            while not over.is_set():
                store.eval("for i = 1, 10000000 do end", 0)

    # Where many share the cores, the server would get too little of one to be seen as busy.
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, site.store.pid, -15)
    thread = threading.Thread(target=spin)
    with working(site, there) as program, loaded(there, page_views(0, 10)):
        assert not is_firing(site, "ProfilerRedisBusy")
        thread.start()
        try:
            wait_for(site, program, "ProfilerRedisBusy")
        finally:
            over.set()
            thread.join()


def test_a_broker_that_answers_slowly(site: Site, there: Deployment) -> None:
    """A transaction has some five requests, one after another."""
    over = threading.Event()

    def slow_down() -> None:
        while not over.wait(0.1):
            with suspended(site.broker.pid):
                time.sleep(3)

    thread = threading.Thread(target=slow_down)
    with working(site, there, KAFKA__SESSION_TIMEOUT_MS="45000") as program:
        there.produce(page_views(0, 2_000))
        thread.start()
        try:
            with loaded(there, page_views(0, 10)):
                wait_for(site, program, "ProfilerSlowTransactions")
        finally:
            over.set()
            thread.join()


def test_a_profile_that_somebody_wrote(site: Site, there: Deployment) -> None:
    inputs = page_views(0, 60)
    with working(site, there) as program, closing(redis.Redis.from_url(site.store.url)) as store:
        there.produce(inputs)
        program.wait_for(there.is_done)
        store.hset(f"{there.key_prefix}{{{(inputs[0].key or b'').decode()}}}", "~", "damaged")
        flags = ("--sample", "1/1", "--every", "2s", "--metrics", site.spare)
        with there.start("audit", *flags) as auditing:
            wait_for(site, auditing, "ProfilerAuditMismatch")
            auditing.kill()


def test_every_rule_has_fired() -> None:
    """The tests before it, all in one process."""
    assert sorted(fired) == sorted(NAMES)
