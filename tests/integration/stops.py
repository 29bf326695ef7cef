"""What the tests of stopping share: a process that answers nothing, and a program that stops."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.integration.programs import Program

IN_TIME_S = 10
PATIENCE_S = 60
LEFT = "a batch is not committed and will be read again"


@contextmanager
def suspended(pid: int) -> Iterator[None]:
    """Meanwhile a process answers nothing, and its connections stay open."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def stop(program: Program, code: int = 0) -> dict[str, Any]:
    """Send SIGTERM and return its last line, which says how long it took."""
    program.send_signal(signal.SIGTERM)
    assert program.wait(PATIENCE_S) == code, program.output[-4_000:]
    last = program.lines()[-1]
    assert 0 <= last["took_s"] < IN_TIME_S
    assert "Traceback" not in program.output
    return last
