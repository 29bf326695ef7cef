"""The access log: a line a request, written several at a time.

A write for each line would take as long as half of a request, and the log's own handler holds back
lines of one kind. These are complete.
"""

import asyncio
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

import structlog

NAME = "profiler.access"

#: Lines wait so long for others.
_TOGETHER_S = 0.1


class AccessLog:
    """Takes lines in the event loop, and writes them soon.

    Args:
        stream: where they go; JSON, and readable on a terminal.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._render: structlog.typing.Processor = structlog.processors.JSONRenderer()
        if self._stream.isatty():
            self._render = structlog.dev.ConsoleRenderer()
        self._lines: list[str] = []
        self._is_enabled = logging.getLogger(NAME).isEnabledFor(logging.INFO)

    def add(self, *, at_once: bool, **said: str | float) -> None:
        """Take a line.

        Args:
            at_once: whether it is written now, as what changed something should be.
            said: of the request.
        """
        if not self._is_enabled:
            return
        timestamp = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        line = {**said, "event": "request", "logger": NAME, "level": "info"}
        rendered = self._render(None, "info", {**line, "timestamp": timestamp})
        self._lines.append(f"{rendered!s}\n")
        if at_once:
            self.flush()
        elif len(self._lines) == 1:
            asyncio.get_running_loop().call_later(_TOGETHER_S, self.flush)

    def flush(self) -> None:
        """Write what waits; blocks as long as that takes."""
        if self._lines:
            self._stream.write("".join(self._lines))
            self._stream.flush()
            self._lines.clear()
