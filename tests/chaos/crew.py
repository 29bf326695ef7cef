"""The workers of a row, and the supervisor that starts each one again when it has ended."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from profiler.servers.processes import wait_until
from tests.chaos.failpoints import TRACE
from tests.chaos.protections import WITHOUT
from tests.chaos.worker import Worker
from tests.integration.programs import Program

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

PACKAGE = "tests.chaos.worker_main"
_LOOK_EVERY_S = 0.05
_PATIENCE_S = 60.0
_STOP_S = 40.0
_COMMAND_S = 120.0


class CrewError(Exception):
    """A worker did what no fault explains: it did not start, or did not stop."""


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
