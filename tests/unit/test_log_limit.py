"""Log storms: at most one line a second of a kind, with a count, and nothing lost of the first."""

from __future__ import annotations

import gc
import io
import logging
import weakref
from typing import Any

import pytest

from profiler.service.log_limit import RateLimitedHandler, kind_of

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


class Large:
    """Stands for a batch that a function has in hand when it fails."""


def failure() -> tuple[BaseException, weakref.ref[Large]]:
    """An error, and whether something in its traceback lives on."""
    in_hand = Large()
    try:
        int("no number")
    except ValueError as caught:
        error = caught
    return error, weakref.ref(in_hand)


@pytest.mark.parametrize("is_ours", [False, True], ids=["of a library", "of the profiler"])
def test_a_line_held_back_keeps_no_traceback_alive(storm: Storm, *, is_ours: bool) -> None:
    for _ in range(2):
        error, in_hand = failure()
        text = {"event": "failed", "exc_info": error} if is_ours else "failed"
        told = None if is_ours else (type(error), error, error.__traceback__)
        storm.handler.handle(logging.LogRecord("kafka", 40, "", 0, text, (), told))
        del error, text, told
    gc.collect()
    assert in_hand() is None
    storm.handler.close()
    assert storm.stream.getvalue().count("Traceback") == (not is_ours)
    assert len(storm.lines) == 2


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
