"""One worker of a row: a process, and after its end the next one."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING

from tests.chaos.failpoints import ARMED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.chaos.failpoints import Failpoint
    from tests.integration.programs import Program

#: A supervisor's pause before it starts a worker again.
_PAUSE_S = 0.2
#: Exit code of a worker that needs somebody to do something: what that is may be done meanwhile.
REFUSED = 78
_REFUSED_PAUSE_S = 1.0


class Worker:
    """One place in the crew: a process, and after its end the next one."""

    def __init__(self, name: str, start: Callable[[str, Mapping[str, str]], Program]) -> None:
        self.name = name
        self._start = start
        self._turn = threading.Lock()
        self._wanted = False
        self._due = 0.0
        self._armed: list[Failpoint] = []
        self.program: Program | None = None
        self.earlier: list[Program] = []
        #: Exit codes of the processes that have ended; a signal's is negative.
        self.codes: list[int] = []

    @property
    def is_running(self) -> bool:
        """Whether its process is alive, be it suspended."""
        with self._turn:
            return self._is_running()

    @property
    def is_suspended(self) -> bool:
        """Whether its process is stopped by SIGSTOP, of whomever."""
        with self._turn:
            if self.program is None or not self._is_running():
                return False
            return self.program.state == "T"

    def start(self) -> None:
        """Start it, and again whenever it ends."""
        self._wanted = True
        self.look()

    def arm(self, *failpoints: Failpoint) -> None:
        """Let the next process have these failpoints, and only that one."""
        self._armed = list(failpoints)

    def look(self) -> None:
        """Do the supervisor's work."""
        with self._turn:
            if self.program is not None and self.program.code is not None:
                self.codes.append(self.program.code)
                self.earlier.append(self.program)
                is_refused = self.program.code == REFUSED
                self._due = time.monotonic() + (_REFUSED_PAUSE_S if is_refused else _PAUSE_S)
                self.program = None
            if self._wanted and self.program is None and time.monotonic() >= self._due:
                armed, self._armed = self._armed, []
                self.program = self._start(self.name, {ARMED: ",".join(map(str, armed))})

    def kill(self) -> None:
        """SIGKILL; the supervisor starts the next one."""
        self._signal(signal.SIGKILL)

    def suspend(self) -> None:
        """SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def ask_to_stop(self) -> None:
        """SIGTERM, and no next one."""
        self._wanted = False
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)

    def events(self, name: str) -> int:
        """How often all its processes logged this event."""
        with self._turn:
            programs = [*self.earlier, *([self.program] if self.program else [])]
        return sum(len(program.events(name)) for program in programs)

    def last_output(self) -> str:
        """The end of the log of the latest process."""
        programs = [*self.earlier, *([self.program] if self.program else [])]
        return programs[-1].output[-3_000:] if programs else ""

    def resident_bytes(self) -> int:
        """Its resident memory; 0 where it does not run."""
        with self._turn:
            if self.program is None or not self._is_running():
                return 0
            return self.program.resident_bytes

    def _is_running(self) -> bool:
        return self.program is not None and self.program.code is None

    def _signal(self, number: signal.Signals) -> None:
        with self._turn:
            if self.program is not None and self._is_running():
                self.program.send_signal(number)
