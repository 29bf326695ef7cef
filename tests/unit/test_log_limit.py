"""Log storms: at most one line a second of a kind, with a count, and nothing lost of the first."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from profiler.service.log_limit import RateLimitedHandler, kind_of

ENOUGH_S = 10.0

Line = tuple[str, int]


class Written(logging.Formatter):
    """Keeps text and count of every line that is written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Line] = []

    def format(self, record: logging.LogRecord) -> str:
        """Keep it, as `logging` would write it."""
        text = super().format(record)
        self.lines.append((text.partition("\n")[0], getattr(record, "suppressed", 0)))
        return text


class Storm:
    """A handler with a clock of its own, in seconds."""

    def __init__(self) -> None:
        self.at = 100.0
        self.written = Written()
        self.stream = io.StringIO()
        self.handler = RateLimitedHandler(self.stream, now=lambda: self.at)
        self.handler.setFormatter(self.written)

    def log(
        self, text: str, *args: object, level: int = logging.WARNING, name: str = "kafka"
    ) -> None:
        """Log a message, as a library does."""
        self.handler.handle(logging.LogRecord(name, level, "", 0, text, args, None))

    @property
    def lines(self) -> list[Line]:
        """What was written: the text, and how many lines it stands for besides itself."""
        return self.written.lines


@pytest.fixture
def storm() -> Storm:
    return Storm()


def test_a_storm_is_a_line_a_second_with_the_count_of_the_rest(storm: Storm) -> None:
    for number in range(2_000):  # 700 lines a second
        storm.log("node %d is away", number)
        storm.at += 1 / 700
        if number % 70 == 0:
            storm.handler.write_due()
    storm.handler.close()

    assert storm.lines[0] == ("node 0 is away", 0)
    assert len(storm.lines) <= 2_000 / 700 + 2
    assert len(storm.lines) + sum(count for _, count in storm.lines) == 2_000
    assert storm.lines[-1][0] == "node 1999 is away"


def test_a_line_of_every_second_is_never_held_back(storm: Storm) -> None:
    for number in range(5):
        storm.log("node %d is away", number)
        storm.at += 1
    assert storm.lines == [(f"node {number} is away", 0) for number in range(5)]


def test_the_next_line_after_the_second_has_the_count(storm: Storm) -> None:
    for number in range(4):
        storm.log("node %d is away", number)
    storm.at += 1
    storm.log("node %d is away", 4)
    assert storm.lines == [("node 0 is away", 0), ("node 4 is away", 3)]


def test_when_a_storm_ends_its_last_line_is_written_with_the_count(storm: Storm) -> None:
    for number in range(4):
        storm.log("node %d is away", number)
    storm.at += 0.5
    storm.handler.write_due()
    assert storm.lines == [("node 0 is away", 0)]
    storm.at += 0.5
    storm.handler.write_due()
    assert storm.lines[1:] == [("node 3 is away", 2)]


def test_a_single_line_that_was_held_back_needs_no_count(storm: Storm) -> None:
    storm.log("assigned %s", "a")
    storm.log("assigned %s", "b")
    storm.handler.close()
    assert storm.lines == [("assigned a", 0), ("assigned b", 0)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("a %s", ("x",), 30, "kafka"), ("b %s", ("x",), 30, "kafka")),
        (("a", (), 30, "kafka"), ("a", (), 40, "kafka")),
        (("a", (), 30, "kafka.net"), ("a", (), 30, "kafka.coordinator")),
        (({"event": "paused"}, (), 20, "profiler"), ({"event": "resumed"}, (), 20, "profiler")),
        (
            ("%s [%s] %s", ("FAIL", "c", "x"), 40, "librdkafka"),
            ("%s [%s] %s", ("MAXPOLL", "c", "x"), 40, "librdkafka"),
        ),
    ],
    ids=["message", "level", "logger", "event", "what librdkafka says"],
)
def test_other_kinds_are_not_held_back(first: Any, second: Any) -> None:  # noqa: ANN401 - rows
    (one, other) = (
        kind_of(logging.LogRecord(name, level, "", 0, text, args, None))
        for text, args, level, name in (first, second)
    )
    assert one != other


def test_numbers_in_a_text_make_no_other_kind(storm: Storm) -> None:
    for number in range(3):  # as kafka-python does, which puts them there itself
        storm.log(f"Bootstrap attempt to {number} failed (backoff 0.{number}2 secs)")
    assert len(storm.lines) == 1


def test_debug_is_not_limited(storm: Storm) -> None:
    for number in range(50):
        storm.log("batch %d", number, level=logging.DEBUG)
    assert storm.lines == [(f"batch {number}", 0) for number in range(50)]


def test_a_line_held_back_is_what_it_was_when_it_was_logged(storm: Storm) -> None:
    names = ["a"]
    storm.log("first %s", 1)
    storm.log("first %s", names)
    names.append("b")
    storm.handler.close()
    assert storm.lines[-1] == ("first ['a']", 0)


def test_memory_is_bounded_and_no_count_is_lost(storm: Storm) -> None:
    """Texts that are all different are no storm of a kind, but they must not pile up."""
    texts = [f"{chr(0x4E00 + number)} is away" for number in range(5_000)]
    for text in texts:
        storm.log(text)
        storm.log(text)
    assert len(storm.lines) >= 2 * 4_000
    storm.handler.close()
    assert sorted(storm.lines) == sorted([(text, 0) for text in texts] * 2)


def test_a_wrong_call_of_a_logger_harms_nothing(
    storm: Storm, capsys: pytest.CaptureFixture[str]
) -> None:
    storm.log("node %d is away", 1)
    storm.log("node %d is away", "no number")
    storm.handler.close()
    assert storm.lines == [("node 1 is away", 0)]
    assert "--- Logging error ---" in capsys.readouterr().err


def test_after_the_end_nothing_is_held_back(storm: Storm) -> None:
    """A thread may log while the process ends; no timer would write its lines."""
    storm.handler.close()
    storm.log("node is away")
    storm.log("node is away")
    assert len(storm.lines) == 2


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
