"""Several workers on one machine: plain processes, started together and ended together.

Python runs one thread at a time, so one process uses one core. Consumer groups already share the
partitions out among processes; this only saves a supervisor where there is none.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import structlog

from profiler.config.settings import Settings
from profiler.servers.processes import tied_to_us
from profiler.worker.shutdown import ONE_REQUEST_S

_LOG = structlog.get_logger("profiler.fleet")

_LOOK_EVERY_S = 0.2


def run_fleet(
    arguments: Sequence[str],
    settings: Settings,
    workers: int,
    own_arguments: Callable[[int], Sequence[str]] = lambda _number: (),
) -> int:
    """Run `profiler` with these arguments so many times, until all have ended.

    A request to stop is handed on to all. When one worker ends, whatever its reason, all remaining
    ones are asked to stop, so that a supervisor sees one failure and restarts all. Blocks; to be
    called from the main thread.

    Args:
        arguments: as given on the command line; each worker gets them with ``--workers 1``.
        settings: what they have in effect; names that must be unique get the worker's number.
        workers: how many processes.
        own_arguments: what the worker of a number gets besides.

    Returns:
        The exit code of the first worker that failed, or 0.
    """
    signals: queue.SimpleQueue[float] = queue.SimpleQueue()
    for asking in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asking, lambda _number, _frame: signals.put(time.monotonic()))
    command = [sys.executable, "-m", "profiler", *arguments, "--workers", "1"]
    running = {
        number: subprocess.Popen(
            tied_to_us([*command, *own_arguments(number)]),
            env=os.environ | _own_names(settings, number),
            # A terminal's Ctrl-C comes to us alone; what a supervisor sends to all of its
            # children comes to a worker twice, in one second.
            start_new_session=True,
        )
        for number in range(workers)
    }
    _LOG.info("workers started", pids=[process.pid for process in running.values()])
    exit_code = 0
    first_signal_at: float | None = None
    stopping = False
    while running:
        asked = is_second = False
        with contextlib.suppress(queue.Empty):
            at = signals.get(timeout=_LOOK_EVERY_S)
            first_signal_at = first_signal_at or at
            asked = not stopping
            is_second = at - first_signal_at > ONE_REQUEST_S
        for number, process in list(running.items()):
            if process.poll() is None:
                continue
            del running[number]
            # A negative code is a signal's; a shell says 128 and its number.
            code = process.returncode if process.returncode >= 0 else 128 - process.returncode
            exit_code = exit_code or code
            if not stopping and not asked:
                _LOG.error("a worker ended, stopping the others", worker=number, exit_code=code)
                asked = True
        # Workers that stop because of a failure already do what a first signal asks for.
        if asked or is_second:
            stopping = True
            for process in running.values():
                process.terminate()
    return exit_code


def _own_names(settings: Settings, number: int) -> dict[str, str]:
    """Names that no two workers may share."""
    names = {"PROFILER_WORKER_ID": f"{settings.worker_id.removesuffix('-0')}-{number}"}
    if instance := settings.kafka.group_instance_id:
        names["PROFILER_KAFKA__GROUP_INSTANCE_ID"] = f"{instance}-{number}"
    return names
