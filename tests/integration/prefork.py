"""Commands of `profiler` and `bench`, forked from a process that has imported them already.

A start of Python with all imports costs 0.6 s of a core, a fork some milliseconds, and the tests
run hundreds of commands. All else is as in a start: a process of its own with its own environment,
directory, standard streams, signals and exit code, and the package's `__main__.py` is `__main__`.
Not so: /proc shows the command line of the first process, and variables that Python reads at its
start have no effect. A test of such things starts Python itself.

Run as a program, this file is the first process.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import termios
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ROOT = Path(__file__).parents[2]
#: Of a request: arguments and an environment.
_MAX_BYTES = 128 * 1024
_STREAMS = 3


class Forked:
    """A command that runs or has ended; what it offers is as in `subprocess.Popen`.

    Attributes:
        pid: its process id.
    """

    def __init__(
        self,
        arguments: Sequence[str | bytes],
        *,
        stdin: int,
        stdout: int,
        stderr: int,
        environment: Mapping[str, str],
        directory: Path | None = None,
        new_session: bool = False,
        package: str = "profiler",
    ) -> None:
        """Start it.

        Args:
            arguments: of the command.
            stdin: a file descriptor, as are the next two.
            stdout: see there.
            stderr: see there.
            environment: all of it.
            directory: where it runs; ours without it.
            new_session: whether it has a session of its own, and its standard input, if that is a
                terminal, as the terminal of the session. Our own terminal's Ctrl-C passes it by.
            package: what is run.
        """
        request = {
            "arguments": [os.fsdecode(argument) for argument in arguments],
            "environment": dict(environment),
            "directory": str(directory or Path.cwd()),
            "new_session": new_session,
            "package": package,
        }
        self._status, theirs = os.pipe()
        self._code: int | None = None
        try:
            files = [stdin, stdout, stderr, theirs]
            socket.send_fds(_first_process(), [json.dumps(request).encode()], files)
        finally:
            os.close(theirs)
        self.pid = self._read()

    def poll(self) -> int | None:
        """Its exit code, or the negative number of the signal that ended it, or None."""
        if self._code is None and select.select([self._status], [], [], 0)[0]:
            self._finish()
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: it runs on after so many seconds.
        """
        if self._code is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a forked command", timeout or 0)
            self._finish()
        assert self._code is not None
        return self._code

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            # It may have ended, and its supervisor has not told so yet.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _finish(self) -> None:
        self._code = self._read()
        os.close(self._status)

    def _read(self) -> int:
        # One write of a few bytes arrives in one piece, and the two are ever read apart.
        text = b""
        while not text.endswith(b"\n"):
            part = os.read(self._status, 1)
            assert part, "the process that forks commands has died"
            text += part
        return int(text)


@cache
def _first_process() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", __spec__.name]
    process = subprocess.Popen(command, cwd=_ROOT, stdin=theirs.fileno())
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _serve(requests: socket.socket) -> tuple[str, list[str]]:
    """Fork for every request; comes back in each child, with its package and arguments."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    while True:
        text, files, _, _ = socket.recv_fds(requests, _MAX_BYTES, _STREAMS + 1)
        _reap()
        if not text:
            sys.exit()
        if os.fork() == 0:
            break
        for file in files:
            os.close(file)
    requests.close()
    *streams, status = files
    pid = os.fork()
    if pid:
        _supervise(pid, streams, status)
    os.close(status)
    return _become(json.loads(text), streams)


def _reap() -> None:
    """Wait for the supervisors that have ended: what they used counts as ours only then."""
    with contextlib.suppress(ChildProcessError):  # there is none
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _supervise(pid: int, streams: Sequence[int], status: int) -> NoReturn:
    """Tell the process id, and at the end the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for file in streams:
        os.close(file)
    os.write(status, f"{pid}\n".encode())
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.write(status, f"{code}\n".encode())
    os._exit(0)


def _become(request: dict[str, object], streams: Sequence[int]) -> tuple[str, list[str]]:
    """Be as after a start of Python: with the environment, directory and streams asked for."""
    if request["new_session"]:
        os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in enumerate(streams):
        os.dup2(file, number)
        os.close(file)
    if request["new_session"] and os.isatty(0):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(str(request["directory"]))
    environment, arguments = request["environment"], request["arguments"]
    assert isinstance(environment, dict)
    assert isinstance(arguments, list)
    os.environ.clear()
    os.environ.update(environment)
    sys.stdin = open(0, encoding=sys.stdin.encoding, errors=sys.stdin.errors)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding=sys.stderr.encoding, errors=sys.stderr.errors)  # noqa: SIM115
    return str(request["package"]), [str(argument) for argument in arguments]


if __name__ == "__main__":
    import confluent_kafka  # noqa: F401 - a worker imports it late

    import profiler.cli.app  # noqa: F401 - what all commands import

    # What is frozen, no child looks through at its end.
    gc.collect()
    gc.freeze()
    package, sys.argv[1:] = _serve(socket.socket(fileno=os.dup(0)))
    runpy.run_module(package, run_name="__main__", alter_sys=True)
