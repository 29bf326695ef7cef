"""Redis in trouble in mid-stream: it costs time, and neither a record nor a count."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import NamedTuple

import pytest
import redis

from profiler.servers.embedded import StoreServer
from profiler.servers.ports import free_port
from tests.conftest import MakeStore
from tests.integration.conftest import Deploy, Settle
from tests.integration.fault_events import (
    DURABLE,
    HASTY,
    UNWELL_REDIS,
    page_views,
    without_event_ids,
)
from tests.integration.group_log import generations

PAUSE_MS = 3_000
LOADS_SLOWLY = ["--key-load-delay", "100"]  # microseconds for each command of the log


@contextmanager
def administrator(server: StoreServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url) as client:
        yield client


@contextmanager
def killed_and_slow_to_load(server: StoreServer) -> Iterator[None]:
    """A crash, then some seconds of LOADING."""
    with administrator(server) as client, client.pipeline(transaction=False) as pipe:
        for number in range(16_000):
            pipe.set(f"ballast-{number}", "")
        pipe.execute()
    server.kill()
    yield
    server.start()


@contextmanager
def paused(server: StoreServer, *, everything: bool) -> Iterator[None]:
    """CLIENT PAUSE; in the mode ALL it also holds back CLIENT UNPAUSE, so both run out."""
    with administrator(server) as client:
        client.client_pause(PAUSE_MS, all=everything)
        yield
        client.ping()


@contextmanager
def suspended(server: StoreServer) -> Iterator[None]:
    """SIGSTOP, as a machine that swaps or a hypervisor that moves it."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


@contextmanager
def busy(server: StoreServer) -> Iterator[None]:
    """Another program's script runs for ever, until SCRIPT KILL."""

    def run_for_ever() -> None:
        with administrator(server) as other, pytest.raises(redis.ResponseError, match="killed"):
            other.eval("while true do end", 0)

    thread = threading.Thread(target=run_for_ever)
    with administrator(server) as client:
        client.config_set("busy-reply-threshold", "10")
        thread.start()
        try:
            yield
        finally:
            client.script_kill()
            thread.join()


@contextmanager
def out_of_memory(server: StoreServer) -> Iterator[None]:
    """Room for a few writes more, then none."""
    with administrator(server) as client:
        used = client.info("memory")["used_memory"]
        client.config_set("maxmemory", str(used + 50_000))
        yield
        client.config_set("maxmemory", "0")


@contextmanager
def demoted(server: StoreServer) -> Iterator[None]:
    """It became a replica, as after a failover."""
    with administrator(server) as client:
        client.replicaof("127.0.0.1", free_port())
        yield
        client.replicaof("NO", "ONE")


@contextmanager
def flushing(server: StoreServer) -> Iterator[None]:
    """Meanwhile the script cache is flushed every 50 ms."""
    end = threading.Event()

    def flush() -> None:
        with administrator(server) as client:
            while not end.wait(0.05):
                client.script_flush()

    thread = threading.Thread(target=flush)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


@contextmanager
def short_of_replicas(server: StoreServer) -> Iterator[None]:
    with administrator(server) as client:
        client.config_set("min-replicas-to-write", "1")
        yield
        client.config_set("min-replicas-to-write", "0")


@contextmanager
def unable_to_save(server: StoreServer) -> Iterator[None]:
    """MISCONF: a directory stands where the snapshot should go, which stops root too."""
    snapshot = server.directory / "dump.rdb"
    with administrator(server) as client:
        snapshot.mkdir()
        client.config_set("save", "3600 1")
        client.bgsave()
        yield
        snapshot.rmdir()
        client.bgsave()


class Fault(NamedTuple):
    """A way to be unwell.

    Attributes:
        make: lasts as long as its context.
        reason: what the worker must give as its reason, at least once.
        applies: whether Redis applies what the worker has given up waiting for.
        flavour: the server on which it is tried.
    """

    make: Callable[[StoreServer], AbstractContextManager[None]]
    reason: str
    applies: bool = False
    flavour: str = "redis7"


FAULTS = {
    "killed-then-loading": Fault(killed_and_slow_to_load, "loading the dataset"),
    "paused-all": Fault(partial(paused, everything=True), "Timeout reading"),
    "paused-writes": Fault(partial(paused, everything=False), "Timeout reading", flavour="valkey9"),
    "suspended": Fault(suspended, "Timeout reading", applies=True),
    "busy": Fault(busy, "BUSY", flavour="valkey9"),
    "out-of-memory": Fault(out_of_memory, "maxmemory"),
    "read-only": Fault(demoted, "read only replica", flavour="valkey9"),
    "short-of-replicas": Fault(short_of_replicas, "NOREPLICAS"),
    "unable-to-save": Fault(unable_to_save, "MISCONF", flavour="valkey9"),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.field(
    kind="connections",
    meets="Redis is loading, busy, suspended, read-only, out of memory, or cannot save",
    happens="it is tried again, nothing is committed, and nothing is lost or counted twice",
)
def test_an_unwell_redis_costs_time_only(
    name: str, private_store: MakeStore, deploy: Deploy, settle: Settle
) -> None:
    fault = FAULTS[name]
    server = private_store(fault.flavour, options=[*DURABLE, *LOADS_SLOWLY])
    deployment = without_event_ids(deploy(server.url))
    deployment.produce(page_views(0, 400))
    # Where outputs are stored, an event that comes again is not flagged.
    with deployment.start("run", **HASTY, DELIVERY="at-least-once") as program:
        program.wait_for(lambda: sum(deployment.committed().values()) >= 50)
        with fault.make(server):
            deployment.produce(page_views(400, 600))
            program.wait_for_event(UNWELL_REDIS, times=2)
        program.wait_for(deployment.is_done)
        counts = program.stop()
        reasons = {event["error"] for event in program.events(UNWELL_REDIS)}
    settle(deployment)
    assert any(fault.reason in reason for reason in reasons), reasons
    assert (counts["replayed"] > 0) >= fault.applies


def test_a_redis_that_is_stopped_for_ten_seconds_keeps_the_group_as_it_is(
    private_store: MakeStore, deploy: Deploy, settle: Settle
) -> None:
    server = private_store("redis7", options=["--appendonly", "yes"])
    deployment = without_event_ids(deploy(server.url))
    servers, group = deployment.bootstrap_servers, deployment.groups["run"]
    deployment.produce(page_views(0, 1_000))
    shorter = {"KAFKA__MAX_POLL_INTERVAL_MS": "6000", "KAFKA__SESSION_TIMEOUT_MS": "6000"}
    with deployment.start("run", **HASTY, **shorter) as program:
        program.wait_for(lambda: sum(deployment.committed().values()) >= 50)
        before = generations(servers, group)
        server.stop()
        deployment.produce(page_views(1_000, 1_000))
        time.sleep(10)
        assert program.events(UNWELL_REDIS)
        server.start()
        program.wait_for(deployment.is_done)
        assert generations(servers, group) == before != []
        program.stop()
        assert len(program.events("assigned")) == 1
    settle(deployment)


def test_flushed_scripts_cost_latency_only(
    private_store: MakeStore, deploy: Deploy, settle: Settle
) -> None:
    server = private_store("valkey9")
    deployment = without_event_ids(deploy(server.url))
    with flushing(server), deployment.start("run", **HASTY) as program:
        deployment.produce(page_views(0, 2_000))
        program.wait_for(deployment.is_done)
        counts = program.stop()
    with administrator(server) as client:
        assert client.info("commandstats")["cmdstat_script|load"]["calls"] > 5
    assert (counts["read"], counts["profiled"], counts["replayed"]) == (2_000, 2_000, 0)
    settle(deployment)
