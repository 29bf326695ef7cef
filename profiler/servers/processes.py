"""Servers as child processes: start one, wait until it answers, leave nothing behind.

`profiler.servers.embedded` builds the laptop default on this, and `servers` what tests and benches
need. Why no library does it: docs/adr/0025-our-own-server-processes.md.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from profiler.errors import ConfigError, ProfilerError
from profiler.servers.ports import LOOPBACK, free_port, is_free

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

# Runs in the child and then becomes the server, under the same pid. A preexec_fn could do this
# too, but it is unsafe in a process with threads, and Python 3.12 and later warn about it.
_LAUNCHER = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # 1 = PR_SET_PDEATHSIG
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent ended before the server started")
signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and exec would hand that on
try:
    os.execv(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"cannot run {sys.argv[2]}: {error.strerror}")
"""

# Linux ties PR_SET_PDEATHSIG to the *thread* that forked. A server that a short-lived thread
# restarts must not die with that thread, so one thread, which lives to the end, forks them all.
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="server-spawner")


def tied_to_us(command: Sequence[str]) -> list[str]:
    """The command line of a child that, on Linux, is killed when this process ends in any way.

    Args:
        command: absolute path of the program, and its arguments.

    Returns:
        What the thread that lives longest must start: Linux ties the child to that.
    """
    return [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *command]


class ServerStartError(ProfilerError):
    """A server that we start died or never answered; the message ends with its last output."""


def wait_until(check: Callable[[], bool], *, timeout: float, interval: float = 0.02) -> bool:
    """Poll `check` until it is true.

    Returns:
        Whether it became true within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while not check():
        if time.monotonic() >= deadline:
            return False
        time.sleep(interval)
    return True


class ServerProcess(ABC):
    """One server on loopback: a context manager, or `start` / `stop` / `kill` / `close`.

    The server has a session of its own, so that a terminal's Ctrl-C reaches us and not the
    server. On Linux it is killed when this process ends in whatever way, SIGKILL included (its
    temporary directory then stays); elsewhere `close` must run.

    `stop` and `kill` keep port and directory, so `start` continues with the same data.
    """

    name: ClassVar[str]
    start_timeout: ClassVar[float] = 10.0
    stop_timeout: ClassVar[float] = 3.0
    #: Whether all that it has is in its directory: then `close` need not wait for a tidy end.
    is_disposable: ClassVar[bool] = False

    def __init__(self, *, port: int = 0) -> None:
        """Choose the port.

        Args:
            port: the loopback port, or 0 for any free one.
        """
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._directory: Path | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """The absolute path of the program, and its arguments."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Ask the server a real question; whether it answered."""

    def prepare(self) -> None:  # noqa: B027 - a hook that most servers do not need
        """Write what the server needs in its directory; called before every start."""

    def environment(self) -> dict[str, str]:
        """The server's whole environment."""
        return dict(os.environ)

    @property
    def directory(self) -> Path:
        """The temporary directory: the server's working directory, data and output."""
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="visitor-profiler-"))
        return self._directory

    @property
    def pid(self) -> int:
        """The process id of the latest start.

        Raises:
            RuntimeError: the server was never started.
        """
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start the server and wait until it answers; does nothing while it runs.

        Raises:
            ConfigError: the port is taken.
            ServerStartError: the server died, or gave no answer in time.
        """
        if self.running:
            return self
        if not is_free(self.port):
            raise ConfigError(f"{self.name}: {LOOPBACK}:{self.port} is in use; choose another port")
        is_new = self._directory is None
        try:
            self.prepare()
            self._spawn()
            self._await_answer()
        except BaseException:
            if is_new:
                self.close()
            else:
                self.kill()
            raise
        return self

    def stop(self) -> None:
        """End the server: SIGTERM, and SIGKILL when that takes longer than `stop_timeout`."""
        if self._process is None or not self.running:
            return
        try:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(self.stop_timeout)
        finally:
            self.kill()

    def kill(self) -> None:
        """End the server, and what it forked, as a crash would: SIGKILL."""
        if self._process is not None and self.running:
            # Not reaped yet, so its id, which is also its group's, cannot be another's.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def close(self) -> None:
        """End the server and remove its directory."""
        try:
            if self.is_disposable:
                self.kill()
            else:
                self.stop()
        finally:
            if self._directory is not None:
                shutil.rmtree(self._directory, ignore_errors=True)
                self._directory = None

    def last_output(self, lines: int = 15) -> str:
        """The end of what the server printed, over all its starts."""
        try:
            text = self._output.read_text(errors="replace")
        except FileNotFoundError:
            text = ""
        return "\n".join(text.splitlines()[-lines:]) or "(none)"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _output(self) -> Path:
        return self.directory / "output.log"

    def _spawn(self) -> None:
        with self._output.open("ab") as output:
            self._process = _SPAWNER.submit(
                subprocess.Popen,
                tied_to_us(self.command()),
                cwd=self.directory,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ).result()

    def _await_answer(self) -> None:
        settled = wait_until(
            lambda: not self.running or self.is_ready(), timeout=self.start_timeout
        )
        if settled and self.running:
            return
        what = "ended at its start"
        if self.running:
            what = f"gave no answer within {self.start_timeout:g} s"
        raise ServerStartError(f"{self.name} {what}; its last output:\n{self.last_output()}")
