"""One `profiler demo` as a child process, and the counts that it must end with."""

import fcntl
import os
import pty
import re
import struct
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path

from profiler.demo.sample import read_sample
from profiler.records.flatten import decode_processed
from profiler.records.json_objects import Limits
from profiler.servers.processes import wait_until
from tests.integration.prefork import Forked

#: A run takes a few seconds; a busy machine multiplies that.
PATIENCE_S = 180
VISITOR, VISIT = "query-other_domain_userid", "query-other_domain_sessionid"


def counts_of(output: str) -> dict[str, int]:
    """The numbers of the last line of counts."""
    line = re.sub(r"\s+", " ", output[output.rindex("Done") :])
    return {
        what: int(number.replace(",", ""))
        for number, what in re.findall(r"([\d,]+) (\w+)[,.]", line.split("rejected.")[0])
    }


def expected_counts() -> dict[str, int]:
    """What is in the sample, counted without the profiler's script."""
    events = [decode_processed(record.value, Limits()) for record in read_sample()]
    known = [event for event in events if event.get(VISITOR)]
    return {
        "records": len(events),
        "visitors": len({event[VISITOR] for event in known}),
        "visits": len({(event[VISITOR], event[VISIT]) for event in known if event.get(VISIT)}),
        "anonymous": len(events) - len(known),
    }


class DemoRun:
    """One demo as a child process, its output collected while it runs."""

    def __init__(
        self, *arguments: str, directory: Path, terminal: tuple[int, int] | None, **variables: str
    ) -> None:
        self.directory = directory
        # The servers work in temporary directories, by which they are found.
        environment = {**os.environ, "TMPDIR": str(directory), "TERM": "xterm-256color"}
        for name in ("CI", "COLUMNS", "LINES", "NO_COLOR"):
            environment.pop(name, None)
        environment |= variables
        if terminal:
            self._reader, writer = pty.openpty()
            fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("4H", *terminal, 0, 0))
        else:
            self._reader, writer = os.pipe()
        with Path(os.devnull).open("rb") as nothing:
            self.process = Forked(
                ["demo", *arguments],
                stdin=writer if terminal else nothing.fileno(),
                stdout=writer,
                stderr=writer,
                environment=environment,
                new_session=True,
            )
        os.close(writer)
        self._output = b""
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._output.decode(errors="replace")

    def await_output(self, text: str) -> None:
        """Wait until the text was printed."""
        self.await_that(lambda: text in self.output)

    def await_that(self, check: Callable[[], bool]) -> None:
        """Wait until the check is true; fail where the demo ends before."""
        deadline = time.monotonic() + PATIENCE_S
        while not check():
            assert time.monotonic() < deadline, f"waited in vain; the output:\n{self.output}"
            assert self.process.poll() is None, f"it ended; the output:\n{self.output}"
            time.sleep(0.02)

    def type(self, keys: bytes) -> None:
        """Press keys at its terminal."""
        os.write(self._reader, keys)

    def end(self, number: int | None = None) -> int:
        """Send the signal, if any, and return the exit code."""
        if number is not None:
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        self._thread.join(PATIENCE_S)
        return code

    def hang_up(self) -> None:
        """Close its terminal, as a window is closed."""
        os.close(self._reader)
        self._reader = -1

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
        # A server that was killed with the demo may be on its way out.
        assert wait_until(lambda: self.processes() == [], timeout=PATIENCE_S), self.processes()
        assert list(self.directory.iterdir()) == []
        assert "Traceback" not in self.output

    def close(self) -> None:
        """End it in whatever state it is; its servers end with it."""
        self.process.kill()
        self.process.wait()
        self._thread.join(PATIENCE_S)
        if self._reader >= 0:
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
