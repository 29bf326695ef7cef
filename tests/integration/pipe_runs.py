"""Runs of `profiler pipe` from its first line to its last."""

import json
import sys
from collections.abc import Sequence
from tempfile import TemporaryFile
from typing import Any

from tests.integration.commands import content, ended
from tests.integration.prefork import Forked
from tests.integration.programs import clean_environment

Json = dict[str, Any]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "profiler", "pipe", *arguments]


def pipe(
    text: bytes, *arguments: str, settings: Sequence[tuple[str, str]] = ()
) -> tuple[list[Json], list[Json]]:
    """Run it to its end; return the lines of standard output and of standard error."""
    with TemporaryFile() as lines, TemporaryFile() as output, TemporaryFile() as errors:
        lines.write(text)
        lines.seek(0)
        running = Forked(
            ["pipe", *arguments],
            stdin=lines.fileno(),
            stdout=output.fileno(),
            stderr=errors.fileno(),
            environment=clean_environment(dict(settings)),
        )
        code, printed, told = ended(running), content(output), content(errors)
    assert code == 0, told[-4_000:]
    assert printed.count(b"\n") == len(printed.splitlines())
    return lines_of(printed), lines_of(told)


def lines_of(text: bytes) -> list[Json]:
    return [json.loads(line) for line in text.splitlines()]
