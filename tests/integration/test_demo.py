"""`profiler demo` as a user runs it: a whole run, a run that stays, and every way to end it."""

import fcntl
import json
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from profiler.events import Limits
from profiler.flatten import decode_processed
from profiler.sample import read_sample

VISITOR, VISIT = "query-other_domain_userid", "query-other_domain_sessionid"
PROFILER = [sys.executable, "-m", "profiler"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


class DemoRun:
    """One demo as a child process, its output collected while it runs."""

    def __init__(self, *arguments: str, directory: Path, terminal: tuple[int, int] | None) -> None:
        self.directory = directory
        # The servers work in temporary directories, by which they are found.
        environment = {**os.environ, "TMPDIR": str(directory), "TERM": "xterm-256color"}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            environment.pop(name, None)
        if terminal:
            self._reader, writer = pty.openpty()
            fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("4H", *terminal, 0, 0))
        else:
            self._reader, writer = os.pipe()
        self.process = subprocess.Popen(
            [*PROFILER, "demo", *arguments],
            stdin=writer if terminal else subprocess.DEVNULL,
            stdout=writer,
            stderr=writer,
            env=environment,
            start_new_session=True,
        )
        os.close(writer)
        self._output = b""
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._output.decode(errors="replace")

    def await_output(self, text: str, *, timeout: float = 60) -> None:
        """Wait until the text was printed."""
        self.await_that(lambda: text in self.output, timeout=timeout)

    def await_that(self, check: Callable[[], bool], *, timeout: float = 60) -> None:
        """Wait until the check is true; fail where the demo ends before."""
        deadline = time.monotonic() + timeout
        while not check():
            assert time.monotonic() < deadline, f"waited in vain; the output:\n{self.output}"
            assert self.process.poll() is None, f"it ended; the output:\n{self.output}"
            time.sleep(0.02)

    def end(self, number: int | None = None, *, timeout: float = 60) -> int:
        """Send the signal, if any, and return the exit code."""
        if number is not None:
            self.process.send_signal(number)
        code = self.process.wait(timeout)
        self._thread.join(10)
        return code

    def processes(self) -> list[int]:
        """Ids of all processes that work in a temporary directory of this run."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and (entry / "cwd").readlink().is_relative_to(
                    self.directory
                ):
                    found.append(int(entry.name))
            except OSError:
                continue  # it has ended, or is another user's
        return found

    def assert_clean(self) -> None:
        """No process, no file and no traceback is left."""
        assert self.processes() == []
        assert list(self.directory.iterdir()) == []
        assert "Traceback" not in self.output

    def close(self) -> None:
        """End it in whatever state it is; its servers end with it."""
        self.process.kill()
        self.process.wait()
        self._thread.join(10)
        os.close(self._reader)

    def _collect(self) -> None:
        while True:
            try:
                read = os.read(self._reader, 65_536)
            except OSError:
                return  # a terminal's way to say that the other end is closed
            if not read:
                return
            self._output += read


Start = Callable[..., DemoRun]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    runs: list[DemoRun] = []

    def begin(*arguments: str, terminal: tuple[int, int] | None = None) -> DemoRun:
        runs.append(DemoRun(*arguments, directory=tmp_path, terminal=terminal))
        return runs[-1]

    yield begin
    for run in runs:
        run.close()


def counts_of(output: str) -> dict[str, int]:
    """The numbers of the last line of counts."""
    line = re.sub(r"\s+", " ", output[output.rindex("Done") :])
    return {
        what: int(number.replace(",", ""))
        for number, what in re.findall(r"([\d,]+) (\w+)[,.]", line.split("rejected.")[0])
    }


def expected_counts() -> dict[str, int]:
    events = [decode_processed(record.value, Limits()) for record in read_sample()]
    known = [event for event in events if event.get(VISITOR)]
    return {
        "records": len(events),
        "visitors": len({event[VISITOR] for event in known}),
        "visits": len({(event[VISITOR], event[VISIT]) for event in known if event.get(VISIT)}),
        "anonymous": len(events) - len(known),
    }


def test_a_run_shows_what_is_in_the_sample_and_leaves_nothing(start: Start) -> None:
    began = time.monotonic()
    run = start()
    code = run.end(timeout=60)

    assert code == 0, run.output
    assert time.monotonic() - began < 60
    counts = counts_of(run.output)
    expected = expected_counts()
    assert {name: counts[name] for name in expected} == expected
    assert counts["repeats"] > 100
    # No terminal: progress comes as lines, without a single control sequence.
    assert run.output.count(f" of {expected['records']:,} records") >= 3
    assert "\x1b" not in run.output
    assert "make demo ARGS=--keep" in run.output
    run.assert_clean()


def test_a_kept_run_on_a_terminal_serves_until_ctrl_c(start: Start) -> None:
    run = start("--keep", terminal=(24, 80))
    run.await_output("live: send a record", timeout=60)
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
    run.await_that(lambda: get("me", redis_url) is not None, timeout=20)
    stored = get("me", redis_url)
    assert stored is not None
    assert stored["visit_first_page"] == "Hello"
    seen = f"{expected_counts()['records'] + 1:,}"
    run.await_that(lambda: seen in without_control(run.output), timeout=20)

    assert run.end(signal.SIGINT, timeout=5) == 0
    assert run.output.rindex("\x1b[?25h") > run.output.rindex("\x1b[?25l")
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
    began = time.monotonic()

    assert run.end(number, timeout=10) == 128 + number
    assert time.monotonic() - began < 5
    run.assert_clean()


def test_impatience_does_no_harm(start: Start) -> None:
    run = start(terminal=(24, 80))
    run.await_output("visitor profiler")
    for _ in range(5):
        run.process.send_signal(signal.SIGINT)
        time.sleep(0.05)

    assert run.end(timeout=5) == 130
    assert run.output.rindex("\x1b[?25h") > run.output.rindex("\x1b[?25l")
    run.assert_clean()


def test_a_dead_worker_is_reported(start: Start) -> None:
    run = start()
    run.await_output(" records, ")
    [worker] = [pid for pid in run.processes() if b"profiler\0run" in command_line(pid)]
    os.kill(worker, signal.SIGKILL)

    assert run.end(timeout=10) == 1
    assert "profiler: the worker ended" in run.output
    run.assert_clean()


def test_wrong_rules_are_refused_before_anything_starts(start: Start) -> None:
    run = start("--rules", "no-such-file.toml")

    assert run.end(timeout=20) == 78
    assert "no-such-file.toml" in run.output
    run.assert_clean()


def without_control(output: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", output).replace("\r", "")


def get(visitor: str, redis_url: str) -> dict[str, object] | None:
    done = subprocess.run(
        [*PROFILER, "get", visitor, "--json", "--redis", redis_url],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        return None
    profile: dict[str, object] = json.loads(done.stdout)
    return profile


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
