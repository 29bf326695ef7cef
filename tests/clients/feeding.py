"""Programs that are fed in step, so that all of them are at work at the same time."""

from __future__ import annotations

import fcntl
import json
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from tests.clients.languages import TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import redis

    from tests.clients.languages import Language

FLUSH_EVERY_S = 0.1
#: What waits in a pipe is a program's lead over the slowest one.
PIPE_BYTES = 4096


def run_in_step(
    shares: Mapping[Language, Sequence[bytes]], redis_url: str, **variables: str
) -> dict[str, Any]:
    """Feed each language's `run-stream` its share, a line for each in turn.

    Returns:
        What each printed at its end, by the language's name.
    """
    with ExitStack() as stack:
        programs = {
            language: stack.enter_context(_start(language, redis_url, variables))
            for language in shares
        }
        watchdog = threading.Timer(TIMEOUT_S, _kill, (list(programs.values()),))
        stack.callback(watchdog.cancel)
        watchdog.start()
        for lines in zip_longest(*shares.values()):
            for program, line in zip(programs.values(), lines, strict=True):
                if line is not None:
                    _feed(program, line)
        return {language.name: _result(program) for language, program in programs.items()}


@contextmanager
def scripts_flushed(primaries: Sequence[redis.Redis]) -> Iterator[list[int]]:
    """Meanwhile flush the script cache of each server again and again.

    Yields:
        A list that is empty; at the end it holds how often that was.
    """
    stop = threading.Event()

    def flush() -> int:
        times = 0
        while not stop.wait(FLUSH_EVERY_S):
            for primary in primaries:
                primary.script_flush()
            times += 1
        return times

    times: list[int] = []
    with ThreadPoolExecutor(1) as pool:
        flushing = pool.submit(flush)
        try:
            yield times
        finally:
            stop.set()
        times.append(flushing.result())


def _start(
    language: Language, redis_url: str, variables: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    program = subprocess.Popen(
        [*language.run_stream, "/dev/stdin"],
        cwd=language.directory,
        env=language.environment(redis_url, **variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    assert program.stdin
    fcntl.fcntl(program.stdin, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return program


def _feed(program: subprocess.Popen[bytes], line: bytes) -> None:
    assert program.stdin
    try:
        program.stdin.write(line)
    except BrokenPipeError:
        raise AssertionError(f"ended too early: {_end(program)}") from None


def _result(program: subprocess.Popen[bytes]) -> object:
    output, errors = _end(program)
    assert program.returncode == 0, errors
    return json.loads(output)


def _end(program: subprocess.Popen[bytes]) -> tuple[str, str]:
    output, errors = program.communicate()
    return output.decode(), errors.decode()


def _kill(programs: Sequence[subprocess.Popen[bytes]]) -> None:
    for program in programs:
        program.kill()
