"""The watch over a stop: it ends the process when the time is up, or at a second request."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from profiler.worker.shutdown import ONE_REQUEST_S

#: A program that does not listen to the request, with a batch in hand or without.
DEAF = """
import hashlib, sys
from profiler.service import logs
from profiler.worker.shutdown import StopRequest, Watch

logs.configure()
stop = StopRequest()
watch = Watch(stop, end_s=float(sys.argv[1]), gap_s=float(sys.argv[3]))
watch.start()
if sys.argv[2] != "starting":
    watch.expect(lambda: sys.argv[2] == "batch")
print("ready", flush=True)
# A call into C that no signal cuts short: no handler in Python would run before its end.
hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
"""
LEFT = "a batch is not committed and will be read again"


@contextmanager
def deaf(end_s: float, state: str, gap_s: float = 0.2) -> Iterator[subprocess.Popen[str]]:
    """Start the program, and wait until it takes signals."""
    program = subprocess.Popen(
        [sys.executable, "-c", DEAF, str(end_s), state, str(gap_s)],
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


def ask(program: subprocess.Popen[str], number: signal.Signals) -> str:
    """Send the first signal, and wait until it is taken; returns the event that is logged then.

    From then on the time runs, so a test that sends a further signal knows which time that has.
    """
    program.send_signal(number)
    assert program.stderr is not None
    return str(json.loads(program.stderr.readline())["event"])


def events(program: subprocess.Popen[str]) -> list[str]:
    """What it logged from now on until its end."""
    _, log = program.communicate(timeout=60)
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


@pytest.mark.field(
    kind="stops",
    meets="a second signal, later",
    happens="it ends at once, exit code 1",
)
def test_a_second_signal_ends_it_at_once() -> None:
    with deaf(50, "batch") as program:
        assert ask(program, signal.SIGTERM) == "stopping"
        time.sleep(0.3)
        program.send_signal(signal.SIGINT)
        assert events(program) == [LEFT, "ended at once"]
        assert program.returncode == 1


@pytest.mark.parametrize("gap_s", [0.01, 0.3])
@pytest.mark.field(
    kind="stops",
    meets="the same stop comes as two signals (`timeout`, `tini -g`, a process group)",
    happens="one request: it finishes, commits, leaves the group, exit code 0",
)
def test_signals_within_a_second_are_one_request(gap_s: float) -> None:
    """They come in pairs, as from `timeout` and `tini -g`, or three times."""
    # The gap is so long that a busy machine cannot make two requests of them.
    with deaf(1.2, "idle", gap_s=60) as program:
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
            program.send_signal(number)
            time.sleep(gap_s)
        assert events(program) == ["stopping", "ended at once"]
        assert program.returncode == 0


def test_the_gap_counts_from_the_first_signal() -> None:
    """Whoever presses Ctrl-C again and again is heard."""
    with deaf(50, "idle", gap_s=0.5) as program:
        assert ask(program, signal.SIGINT) == "stopping"
        for _ in range(3):
            time.sleep(0.2)
            program.send_signal(signal.SIGINT)
        assert events(program) == ["ended at once"]
        assert program.returncode == 1


def test_the_time_that_is_up_counts_from_the_first_signal() -> None:
    with deaf(2.5, "idle", gap_s=60) as program:
        asked = time.monotonic()
        assert ask(program, signal.SIGTERM) == "stopping"
        time.sleep(2.3)
        program.send_signal(signal.SIGTERM)
        assert events(program) == ["ended at once"]
        # From the second signal on it would take twice as long.
        assert 2.5 <= time.monotonic() - asked < 4.7


def test_a_program_is_given_a_second() -> None:
    assert ONE_REQUEST_S == 1.0


def test_a_signal_before_the_work_begins_ends_it_at_once() -> None:
    with deaf(20, "starting") as program:
        program.send_signal(signal.SIGINT)
        assert events(program) == ["stopping", "stopped while starting"]
        assert program.returncode == 0
