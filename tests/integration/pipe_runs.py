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

T0, DAY_MS = 1_700_000_000_000, 86_400_000


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "profiler", "pipe", *arguments]


def pipe(
    text: bytes, *arguments: str, settings: Sequence[tuple[str, str]] = (), code: int = 0
) -> tuple[list[Json], list[Json]]:
    """Run it to its end, with this exit code; return the lines of both of its outputs."""
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
        found, printed, told = ended(running), content(output), content(errors)
    assert found == code, told[-4_000:]
    assert printed.count(b"\n") == len(printed.splitlines())
    return lines_of(printed), lines_of(told)


def lines_of(text: bytes) -> list[Json]:
    return [json.loads(line) for line in text.splitlines()]


def line(visitor: str, number: int, **around: object) -> bytes:
    """A page view of `tracking_processed`; without a timestamp, if none is given."""
    fields = {
        "domain_userid": visitor,
        "domain_sessionid": f"visit of {visitor}",
        "event_id": f"event {number}",
        "eventtype": "Pageview",
        "page_title": f"page {number}",
    }
    named = [{"name": f"other_{name}", "value": value} for name, value in fields.items()]
    return json.dumps({"value": {"query": named}, **around}).encode() + b"\n"
