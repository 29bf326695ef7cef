"""The workers of a row, and the supervisor that starts each one again when it has ended."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from profiler.servers.processes import wait_until
from tests.chaos.failpoints import ARMED, TRACE, Failpoint
from tests.chaos.protections import WITHOUT
from tests.integration.programs import Program

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence

PACKAGE = "tests.chaos.worker_main"
_LOOK_EVERY_S = 0.05
_PATIENCE_S = 60.0
_STOP_S = 40.0
_COMMAND_S = 120.0
#: A supervisor's pause before it starts a worker again.
_PAUSE_S = 0.2
#: Exit code of a worker that needs somebody to do something: what that is may be done meanwhile.
REFUSED = 78
_REFUSED_PAUSE_S = 1.0


class CrewError(Exception):
    """A worker did what no fault explains: it did not start, or did not stop."""


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
            with suppress(OSError, ValueError):
                pages = Path(f"/proc/{self.program.pid}/statm").read_text().split()[1]
                return int(pages) * os.sysconf("SC_PAGE_SIZE")
        return 0

    def _is_running(self) -> bool:
        return self.program is not None and self.program.code is None

    def _signal(self, number: signal.Signals) -> None:
        with self._turn:
            if self.program is not None and self._is_running():
                self.program.send_signal(number)


class Crew:
    """All workers of a row.

    Args:
        directory: where they run and log.
        settings: named as in the environment, without the prefix.
        without: protections to be switched off in them.
        chance: draws which one a fault is for.
    """

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, str],
        *,
        without: Sequence[str] = (),
        chance: random.Random,
    ) -> None:
        self.settings = dict(settings)
        self.workers: list[Worker] = []
        self.trace = directory / "failpoints-passed"
        self._directory, self._without, self._chance = directory, without, chance
        self._end = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name="crew", daemon=True)
        self._supervisor.start()

    def start(self, count: int = 1, **settings: str) -> list[Worker]:
        """Add so many workers.

        Args:
            count: how many.
            settings: of these workers, on top of the crew's.
        """
        added = []
        for _ in range(count):
            name = f"worker-{len(self.workers)}"
            worker = Worker(name, self._starter(settings))
            self.workers.append(worker)
            worker.start()
            added.append(worker)
        return added

    def run_command(self, *arguments: str) -> None:
        """Run another command of the program with the workers' settings, to its end.

        Raises:
            CrewError: it failed.
        """
        with Program(arguments, _named(self.settings), self._directory) as program:
            code = program.wait(_COMMAND_S)
            if code:
                raise CrewError(f"{arguments} ended with {code}:\n{program.output[-3_000:]}")

    def any(self) -> Worker:
        """One that runs."""
        running = [worker for worker in self.workers if worker.is_running]
        if not running:
            wait_until(lambda: any(w.is_running for w in self.workers), timeout=_PATIENCE_S)
            running = [worker for worker in self.workers if worker.is_running]
        return self._chance.choice(running)

    def await_log(self, name: str, *, times: int = 1, among: Sequence[Worker] = ()) -> None:
        """Wait until an event was logged so many times by all together.

        Raises:
            CrewError: it was not in a minute.
        """
        workers = among or self.workers
        if not wait_until(
            lambda: sum(worker.events(name) for worker in workers) >= times,
            timeout=_PATIENCE_S,
            interval=0.1,
        ):
            last = "\n".join(worker.last_output() for worker in workers)
            raise CrewError(f"nobody logged {name!r} {times} times; the logs end with:\n{last}")

    def stop(self) -> None:
        """Ask all to stop, and wait for it.

        Raises:
            CrewError: one had to be killed, or failed.
        """
        for worker in self.workers:
            worker.ask_to_stop()
        stopped = wait_until(
            lambda: not any(worker.is_running for worker in self.workers), timeout=_STOP_S
        )
        self.close()
        if not stopped:
            raise CrewError("a worker did not stop when it was asked to")

    def close(self) -> None:
        """End all of them in any way."""
        self._end.set()
        self._supervisor.join()
        for worker in self.workers:
            worker.go_on()
            worker.kill()

    def resident_bytes(self) -> int:
        """The largest resident memory of those that run; bytes."""
        return max((worker.resident_bytes() for worker in self.workers), default=0)

    def _starter(self, own: Mapping[str, str]) -> Callable[[str, Mapping[str, str]], Program]:
        def start(name: str, environment: Mapping[str, str]) -> Program:
            settings = self.settings | {"WORKER_ID": name} | dict(own)
            chaos = {TRACE: str(self.trace), WITHOUT: ",".join(self._without)}
            named = _named(settings) | chaos | dict(environment)
            return Program(["run"], named, self._directory, package=PACKAGE)

        return start

    def _supervise(self) -> None:
        while not self._end.wait(_LOOK_EVERY_S):
            for worker in self.workers:
                worker.look()


def _named(settings: Mapping[str, str]) -> dict[str, str]:
    """As variables of the environment."""
    return {f"PROFILER_{key}": text for key, text in settings.items()}
