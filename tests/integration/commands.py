"""`profiler` as a command that ends by itself: its exit code and what it printed."""

import os
import pty
import re
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NamedTuple

from profiler.cli import EXIT_CONFIG
from servers import passwords
from tests.integration.prefork import Forked
from tests.integration.programs import PATIENCE_S, clean_environment


class Done(NamedTuple):
    """A command that has ended."""

    code: int
    output: str
    errors: str


def run_command(arguments: Sequence[str | bytes], **settings: str) -> Done:
    """Run `profiler` without a terminal; settings are named as in the environment."""
    return run_package("profiler", arguments, _environment(settings), PATIENCE_S)


def run_package(
    package: str,
    arguments: Sequence[str | bytes],
    environment: Mapping[str, str],
    timeout_s: float,
) -> Done:
    """Run a package without a terminal, with this environment alone."""
    with (
        Path(os.devnull).open("rb") as nothing,
        TemporaryFile() as output,
        TemporaryFile() as errors,
    ):
        command = Forked(
            arguments,
            stdin=nothing.fileno(),
            stdout=output.fileno(),
            stderr=errors.fileno(),
            environment=environment,
            package=package,
        )
        code = ended(command, timeout_s)
        return Done(code, content(output).decode(), content(errors).decode())


def refused(*command: str, **settings: str) -> str:
    """Run a command that must be refused for its configuration; return its one line."""
    done = run_command(command, **settings)
    assert (done.code, done.output) == (EXIT_CONFIG, ""), done
    (line,) = done.errors.splitlines()
    assert passwords.CORE not in line
    return line


def run_on_terminal(arguments: Sequence[str], *, columns: int = 200, **settings: str) -> Done:
    """Run `profiler` on a terminal of its own, and take the colours off what it shows."""
    ours, theirs = pty.openpty()
    environment = _environment(settings) | {"COLUMNS": str(columns), "TERM": "xterm-256color"}
    with Path(os.devnull).open("rb") as nothing:
        command = Forked(
            arguments,
            stdin=nothing.fileno(),
            stdout=theirs,
            stderr=theirs,
            environment=environment,
        )
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # so Linux says that the other side is closed
        while part := os.read(ours, 65_536):
            shown += part
    os.close(ours)
    return Done(ended(command), re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode()), "")


def ended(command: Forked, timeout_s: float = PATIENCE_S) -> int:
    """Wait for its end, but not for ever; return the exit code."""
    try:
        return command.wait(timeout_s)
    except subprocess.TimeoutExpired:
        command.kill()
        command.wait()
        raise


def content(file: IO[bytes]) -> bytes:
    """All that a command wrote to a file that it was given."""
    file.seek(0)
    return file.read()


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    return clean_environment({f"PROFILER_{name}".upper(): v for name, v in settings.items()})
