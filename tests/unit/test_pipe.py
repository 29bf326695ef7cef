"""What `pipe` keeps of a line while it reads."""

import io
import json
import tracemalloc

from profiler.config.settings import Settings
from profiler.engine import EngineClass
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.rules.model import load_rules
from profiler.worker.pipe import run_pipe
from profiler.worker.pipe_stop import Patience

GOOD = b'{"value": {}}\n'
MEGABYTE = 1 << 20


class EndlessLine(io.BytesIO):
    """So many megabytes without a newline, then a newline and a good line."""

    def __init__(self, megabytes: int) -> None:
        super().__init__()
        self._pieces = [b"x" * MEGABYTE] * megabytes + [b"\n" + GOOD]

    def read1(self, _size: int | None = -1, /) -> bytes:
        """Give the next piece."""
        return self._pieces.pop(0) if self._pieces else b""


def test_a_line_without_an_end_takes_bounded_memory_and_is_one_rejected_line(
    engine: EngineClass,
) -> None:
    output, errors = io.BytesIO(), io.StringIO()
    tracemalloc.start()
    try:
        # No event has a visitor, so no server is asked.
        settings = Settings()
        script = ProfileScript(connect("redis://nowhere"), load_rules("lean"))
        made = engine("run", settings, script)
        piped = run_pipe(
            EndlessLine(400),
            made,
            script,
            settings,
            patience=Patience(0),
            output=output,
            errors=errors,
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert piped == (2, 1)
    assert json.loads(errors.getvalue()) == {
        "line": 1,
        "code": "too_large",
        "reason": f"the line is longer than {64 * MEGABYTE} bytes",
    }
    assert output.getvalue() == b'{"key":null,"value":{}}\n'
    assert peak < 150 * MEGABYTE  # the longest line of 64 MB, once in pieces and once whole
