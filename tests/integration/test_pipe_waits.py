"""`profiler pipe` and a Redis that goes away: it waits, goes on, or says how far it came."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from profiler.worker.shutdown import ONE_REQUEST_S
from tests.integration.checks import NO_REDIS
from tests.integration.pipe_runs import command, line, lines_of
from tests.integration.programs import PATIENCE_S, clean_environment
from tests.integration.test_pipe import ends_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import MakeStore

UNWELL = "redis is unwell, trying again"


@contextmanager
def piping(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        command(*arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment({"PROFILER_REDIS__SOCKET_TIMEOUT_S": "1"}),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def answer(process: subprocess.Popen[bytes], text: bytes) -> Any:  # noqa: ANN401 - JSON
    """Write a line; return the one that comes out."""
    given, taken, _ = ends_of(process)
    given.write(text)
    given.flush()
    assert select.select([taken], [], [], PATIENCE_S)[0], "no answer"
    return json.loads(taken.readline())


def await_trouble(process: subprocess.Popen[bytes]) -> None:
    _, _, errors = ends_of(process)
    assert select.select([errors], [], [], PATIENCE_S)[0], "no word"
    assert json.loads(errors.readline())["event"] == UNWELL


@pytest.mark.field(
    kind="connections",
    meets="Redis goes away while `pipe` reads",
    happens="`pipe` waits, and goes on",
)
def test_it_goes_on_when_redis_is_back(private_store: MakeStore) -> None:
    server = private_store(options=["--appendonly", "yes", "--appendfsync", "always"])
    with piping("--redis", server.url) as process:
        given, taken, errors = ends_of(process)
        assert answer(process, line("v", 1))["value"]["profile_visitor_events"] == 1
        server.kill()
        given.write(line("v", 2))
        given.flush()
        await_trouble(process)
        server.start()
        given.close()
        assert process.wait(PATIENCE_S) == 0
        (last,) = lines_of(taken.read())
        assert last["value"]["profile_visitor_events"] == 2
        told = [each["event"] for each in lines_of(errors.read())]
        assert told.count("redis is well again") == 1


@pytest.mark.field(
    kind="connections",
    meets="Redis stays away from `pipe` for too long",
    happens="it ends with exit code 1, and names the last line whose result is written",
)
def test_it_gives_up_and_names_the_last_line(private_store: MakeStore) -> None:
    server = private_store()
    with piping("--redis", server.url, "--wait", "0.5") as process:
        given, taken, errors = ends_of(process)
        answer(process, line("v", 1))
        given.write(b"no JSON\n")
        given.flush()
        assert json.loads(errors.readline())["line"] == 2
        server.kill()
        given.write(line("v", 3))
        given.close()
        assert process.wait(PATIENCE_S) == 1
        *told, last = errors.read().decode().splitlines()
        assert json.loads(told[0])["event"] == UNWELL
        assert "unwell for 0.5 s; line 2 is the last one whose result is written" in last
        assert taken.read() == b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("waits_for", ["input", "redis"])
@pytest.mark.field(
    kind="stops",
    meets="a stop of `pipe`, as one signal or two",
    happens="it ends, and names the last line whose result is written",
)
def test_a_signal_ends_it_and_names_the_last_line(
    number: signal.Signals, waits_for: str, private_store: MakeStore
) -> None:
    server = private_store()
    with piping("--redis", server.url) as process:
        given, taken, errors = ends_of(process)
        for count in (1, 2):
            answer(process, line("v", count))
        if waits_for == "redis":
            server.kill()
            given.write(line("v", 3))
            given.flush()
            await_trouble(process)
        process.send_signal(number)
        process.send_signal(number)  # as a terminal and its shell do
        assert process.wait(PATIENCE_S) == 1
        last = errors.read().decode().splitlines()[-1]
        expected = f"stopped by {number.name}; line 2 is the last one whose result is written"
        assert last == f"profiler: {expected}"
        assert taken.read() == b""


def test_the_rest_of_a_request_to_stop_leaves_the_exit_code() -> None:
    """Python gives its handlers up before it ends; a signal may come after that."""
    with piping("--redis", NO_REDIS) as process:
        await_trouble(process)
        until = time.monotonic() + ONE_REQUEST_S / 2
        while process.poll() is None and time.monotonic() < until:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.001)
        assert process.wait(PATIENCE_S) == 1


def test_it_waits_for_redis_at_its_start_too() -> None:
    with piping("--redis", NO_REDIS, "--wait", "0.3") as process:
        _, _, errors = ends_of(process)
        await_trouble(process)
        assert process.wait(PATIENCE_S) == 1
        assert "Redis was unwell for 0.3 s" in errors.read().decode().splitlines()[-1]
