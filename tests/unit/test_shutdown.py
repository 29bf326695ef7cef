"""The watch over a stop: it ends the process when the time is up, or at a second signal."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

#: A program that does not listen to the request, with a batch in hand or without.
DEAF = """
import sys, time
from profiler.service import logs
from profiler.worker.shutdown import StopRequest, Watch
import signal

logs.configure()
stop = StopRequest()
watch = Watch(stop, end_s=float(sys.argv[1]))
watch.start()
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, watch.receive)
if sys.argv[2] != "starting":
    watch.expect(lambda: sys.argv[2] == "batch")
print("ready", flush=True)
time.sleep(30)
"""
LEFT = "a batch is not committed and will be read again"


@contextmanager
def deaf(end_s: float, state: str) -> Iterator[subprocess.Popen[str]]:
    """Start the program, and wait until it takes signals."""
    program = subprocess.Popen(
        [sys.executable, "-c", DEAF, str(end_s), state],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        yield program
    finally:
        program.kill()
        program.communicate()


def events(program: subprocess.Popen[str]) -> list[str]:
    """What it logged until its end."""
    _, log = program.communicate(timeout=20)
    return [json.loads(line)["event"] for line in log.splitlines()]


@pytest.mark.parametrize("state", ["batch", "idle"])
def test_when_the_time_is_up_the_process_ends(state: str) -> None:
    with deaf(0.3, state) as program:
        asked = time.monotonic()
        program.send_signal(signal.SIGTERM)
        expected = ["stopping", *([LEFT] if state == "batch" else []), "ended at once"]
        assert events(program) == expected
        assert time.monotonic() - asked >= 0.3
        assert program.returncode == 0


def test_a_second_signal_ends_it_at_once() -> None:
    with deaf(20, "batch") as program:
        os.kill(program.pid, signal.SIGTERM)
        os.kill(program.pid, signal.SIGINT)
        assert events(program) == ["stopping", LEFT, "ended at once"]
        assert program.returncode == 1


def test_a_signal_before_the_work_begins_ends_it_at_once() -> None:
    with deaf(20, "starting") as program:
        program.send_signal(signal.SIGINT)
        assert events(program) == ["stopping", "stopped while starting"]
        assert program.returncode == 0
