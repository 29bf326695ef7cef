"""`profiler demo` as a user runs it: a whole run, a run that stays, and every way to end it."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.integration.commands import run_command
from tests.integration.demo_run import DemoRun, counts_of, expected_counts

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

Start = Callable[..., DemoRun]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    runs: list[DemoRun] = []

    def begin(
        *arguments: str, terminal: tuple[int, int] | None = None, **variables: str
    ) -> DemoRun:
        runs.append(DemoRun(*arguments, directory=tmp_path, terminal=terminal, **variables))
        return runs[-1]

    yield begin
    for run in runs:
        run.close()


def test_a_run_shows_what_is_in_the_sample_and_leaves_nothing(start: Start) -> None:
    run = start()
    code = run.end()

    assert code == 0, run.output
    counts = counts_of(run.output)
    expected = expected_counts()
    assert {name: counts[name] for name in expected} == expected
    assert counts["repeats"] > 100
    # No terminal: progress comes as lines, without a single control sequence.
    assert run.output.count(f" of {expected['records']:,} records") >= 3
    assert "\x1b" not in run.output
    assert "make demo ARGS=--keep" in run.output
    run.assert_clean()


def test_a_run_on_a_terminal_serves_until_ctrl_c(start: Start) -> None:
    run = start(terminal=(24, 80))
    run.await_output("live: send a record")
    assert "\x1b[?25l" in run.output  # the cursor is hidden: the live view draws
    text = without_control(run.output)
    assert "tracking_persisted" in text
    assert max(len(line) for line in text.splitlines() if "│" in line) <= 80
    commands = [line.strip() for line in text.splitlines() if line.startswith("  ")]
    [look_up, *_] = [line for line in commands if " get " in line]
    [produce] = [line for line in commands if line.startswith("echo ")]
    visitor = look_up.split(" get ")[1].split()[0]
    redis_url = look_up.split("--redis ")[1].split()[0]

    stored = get(visitor, redis_url)
    assert stored is not None
    assert stored["visitor_id"] == visitor

    assert get("me", redis_url) is None
    event, _, producer = produce.partition(" | ")
    # The very command that the demo advises.
    subprocess.run(shlex.split(producer), input=shlex.split(event)[1] + "\n", text=True, check=True)
    run.await_that(lambda: get("me", redis_url) is not None)
    stored = get("me", redis_url)
    assert stored is not None
    assert stored["visit_first_page"] == "Hello"
    seen = f"{expected_counts()['records'] + 1:,}"
    run.await_that(lambda: seen in without_control(run.output))

    [stays] = [line for line in text.splitlines() if line.startswith("Until Ctrl-C")]
    page, shop = re.findall(r"http://127\.0\.0\.1:[^\s,]+", stays)
    for address, shown in ((page, b"<title>"), (shop, b"Aurora")):
        with urlopen(address, timeout=30) as answer:  # noqa: S310
            assert shown in answer.read()
    # As a link too: this terminal has to wrap the addresses.
    assert f";{page}\x1b\\" in run.output
    assert f";{shop}\x1b\\" in run.output

    run.type(b"\x03")  # what the keyboard sends for Ctrl-C
    assert run.end() == 0
    assert run.output.rindex("\x1b[?25h") > run.output.rindex("\x1b[?25l")
    run.assert_clean()


@pytest.mark.parametrize(
    ("arguments", "variables"), [(["--no-keep"], {}), ([], {"CI": "true"})], ids=["asked", "CI"]
)
def test_a_run_ends_on_a_terminal_too(
    start: Start, arguments: list[str], variables: dict[str, str]
) -> None:
    run = start(*arguments, terminal=(24, 80), **variables)

    assert run.end() == 0, run.output
    assert "make demo ARGS=--keep" in run.output
    assert "Until Ctrl-C" not in run.output
    run.assert_clean()


def test_a_kept_run_needs_no_terminal(start: Start) -> None:
    run = start("--keep", CI="true")
    run.await_output("Until Ctrl-C")

    assert run.end(signal.SIGTERM) == 0
    assert "\x1b" not in run.output
    run.assert_clean()


def test_a_closed_terminal_ends_it(start: Start) -> None:
    run = start(terminal=(24, 80))
    run.await_output("live: send a record")
    run.hang_up()

    run.end()
    run.assert_clean()


@pytest.mark.parametrize(
    ("moment", "delay", "number"),
    [
        ("on servers", 0, signal.SIGINT),
        ("embedded store", 0, signal.SIGINT),
        ("embedded broker", 0.3, signal.SIGTERM),
        ("joins its consumer group", 1.5, signal.SIGINT),
        ("visits", 0.5, signal.SIGTERM),
    ],
)
def test_a_signal_ends_it_at_any_moment(
    start: Start, moment: str, delay: float, number: int
) -> None:
    run = start()
    run.await_output(moment)
    time.sleep(delay)

    assert run.end(number) == 128 + number
    run.assert_clean()


def test_impatience_does_no_harm(start: Start) -> None:
    run = start(terminal=(24, 80))
    run.await_output("visitor profiler")
    for _ in range(5):
        run.process.send_signal(signal.SIGINT)
        time.sleep(0.05)

    assert run.end() == 130
    assert run.output.rindex("\x1b[?25h") > run.output.rindex("\x1b[?25l")
    run.assert_clean()


def test_a_dead_worker_is_reported(start: Start) -> None:
    run = start()
    run.await_output(" records, ")
    [worker] = [pid for pid in run.processes() if b"profiler\0run" in command_line(pid)]
    os.kill(worker, signal.SIGKILL)

    assert run.end() == 1
    assert "profiler: the worker ended" in run.output
    run.assert_clean()


def test_wrong_rules_are_refused_before_anything_starts(start: Start) -> None:
    run = start("--rules", "no-such-file.toml")

    assert run.end() == 78
    assert "no-such-file.toml" in run.output
    run.assert_clean()


def without_control(output: str) -> str:
    return re.sub(r"\x1b(\[[0-9;?]*[a-zA-Z]|\]8;.*?\x1b\\)", "", output).replace("\r", "")


def get(visitor: str, redis_url: str) -> dict[str, object] | None:
    done = run_command(["get", visitor, "--json", "--redis", redis_url])
    if done.code:
        return None
    profile: dict[str, object] = json.loads(done.output)["profile"]
    return profile


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
