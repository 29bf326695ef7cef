"""`profiler` as a command that ends by itself: its exit code and what it printed."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from tests.integration.programs import PATIENCE_S, clean_environment


class Done(NamedTuple):
    """A command that has ended."""

    code: int
    output: str
    errors: str


def run_command(arguments: Sequence[str | bytes], **settings: str) -> Done:
    """Run `profiler` without a terminal; settings are named as in the environment."""
    done = subprocess.run(
        [sys.executable, "-m", "profiler", *arguments],
        env=_environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def run_on_terminal(arguments: Sequence[str], *, columns: int = 200, **settings: str) -> Done:
    """Run `profiler` on a terminal of its own, and take the colours off what it shows."""
    ours, theirs = pty.openpty()
    environment = _environment(settings) | {"COLUMNS": str(columns), "TERM": "xterm-256color"}
    with subprocess.Popen(
        [sys.executable, "-m", "profiler", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # so Linux says that the other side is closed
            while part := os.read(ours, 65_536):
                shown += part
        os.close(ours)
        code = process.wait(PATIENCE_S)
    return Done(code, re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode()), "")


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    return clean_environment({f"PROFILER_{name}".upper(): v for name, v in settings.items()})
