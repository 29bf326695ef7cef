"""A storm through the real loggers of a process, ours and a library's, as `configure` sets them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

ENOUGH_S = 10.0

PROGRAM = """
import logging, os, select, sys
import structlog
from profiler.service.logs import configure

configure()
log, library = structlog.get_logger("profiler.worker"), logging.getLogger("kafka.net")
for number in range(300):
    try:
        raise ValueError("not for a second time")
    except ValueError:
        log.exception("redis is unwell", number=number)
        library.error("node %d is away", number, exc_info=True)
if sys.argv[1:]:
    select.select([sys.stdin], [], [], float(sys.argv[1]))
    os._exit(0)  # nothing is written at this exit
"""


def lines_of(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_real_loggers_at_exit() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    lines = lines_of(done.stderr)
    for event, last in (("redis is unwell", None), ("node", "node 299 is away")):
        mine = [line for line in lines if line["event"].startswith(event)]
        assert 2 <= len(mine) <= 5
        assert sum(1 + line.get("suppressed", 0) for line in mine) == 300
        assert "ValueError" in mine[0]["exception"]
        assert mine[-1]["event"] == (last or event)
        assert mine[-1].get("number", 299) == 299
        assert all({"timestamp", "level", "logger"} <= line.keys() for line in mine)


def test_real_loggers_when_the_storm_is_over() -> None:
    """The count appears although nothing is logged any more and the process goes on."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(ENOUGH_S)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        counted = {"profiler.worker": 0, "kafka.net": 0}
        for text in process.stderr:
            line = json.loads(text)
            counted[line["logger"]] += 1 + line.get("suppressed", 0)
            if set(counted.values()) == {300}:
                break
        process.communicate(timeout=ENOUGH_S)
    assert counted == {"profiler.worker": 300, "kafka.net": 300}
