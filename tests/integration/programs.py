"""The command `profiler` as a child process, and its log."""

import json
import os
import signal
import subprocess
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from profiler.servers.processes import wait_until
from tests.integration.prefork import Forked

PATIENCE_S = 60


class Program:
    """A running `profiler` command; the end of its `with` block kills it, if it still runs."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        directory: Path,
        program: Sequence[str] | None = None,
        *,
        package: str = "profiler",
    ) -> None:
        """Start it.

        Args:
            arguments: the command and its options.
            environment: what is to be in it, on top of ours.
            directory: where it runs, and where its log is.
            program: what to start in place of a fork of the package that the tests are run with.
            package: what a fork runs.
        """
        self._log = directory / f"{arguments[0]}-{uuid.uuid4().hex[:6]}.log"
        self._process: Forked | subprocess.Popen[bytes]
        with self._log.open("wb") as log, Path(os.devnull).open("r+b") as nothing:
            if program is None:
                self._process = Forked(
                    arguments,
                    stdin=nothing.fileno(),
                    stdout=nothing.fileno(),
                    stderr=log.fileno(),
                    environment=clean_environment(environment),
                    directory=directory,
                    package=package,
                )
            else:
                self._process = subprocess.Popen(
                    [*program, *arguments],
                    cwd=directory,
                    env=clean_environment(environment),
                    stdin=nothing,
                    stdout=nothing,
                    stderr=log,
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self.kill()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Its exit code, or the negative number of the signal that ended it; None if it runs."""
        return self._process.poll()

    @property
    def state(self) -> str:
        """What the kernel calls its state: T is stopped by a signal; empty where it has ended."""
        try:
            about = Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return ""
        return about.rpartition(") ")[2][:1]

    @property
    def resident_bytes(self) -> int:
        """Its resident memory; 0 where it has ended."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    @property
    def output(self) -> str:
        """What it wrote to stderr."""
        return self._log.read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log lines of one event so far."""
        return [line for line in self.lines() if line["event"] == name]

    def lines(self) -> list[dict[str, Any]]:
        """The log lines so far."""
        lines = [line for line in self.output.splitlines() if line.startswith("{")]
        return [json.loads(line) for line in lines]

    def wait_for(self, check: Callable[[], bool]) -> None:
        """Wait until a condition holds, and fail where the program ends before."""
        holds = False

        def is_over() -> bool:
            nonlocal holds
            has_ended = self._process.poll() is not None
            # Asked once each time: what holds now may hold no more in a moment.
            holds = check()
            return holds or has_ended

        wait_until(is_over, timeout=PATIENCE_S, interval=0.05)
        assert holds, f"ended with {self._process.poll()}:\n{self.output[-4_000:]}"

    def wait_for_event(self, name: str, *, times: int = 1) -> None:
        """Wait until an event was logged so many times."""
        self.wait_for(lambda: len(self.events(name)) >= times)

    def owned(self) -> int:
        """Number of partitions it has now."""
        assigned = self.events("assigned")
        return int(assigned[-1]["partitions"]) if assigned else 0

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait for its end; return the exit code."""
        return self._process.wait(timeout_s)

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, e.g. SIGSTOP."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> dict[str, Any]:
        """Send SIGTERM, expect success, and return what it counted."""
        self._process.terminate()
        assert self.wait() == 0, self.output[-4_000:]
        return self.events("stopped")[-1]


def clean_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return ours without the settings that a developer may have in it, and with these."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith("PROFILER_")}
    ours.pop("PYTHONUNBUFFERED", None)  # it would hide a flush that is missing
    return {**ours, **settings}
