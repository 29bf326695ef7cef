"""Outputs that their topics would refuse leave otherwise; all others leave as they are."""

from collections import Counter

import pytest

from profiler.engine import Finished, Rejection
from profiler.kafka import TopicLimits
from profiler.kafka.protocol import TimestampLimits
from profiler.records.dead_letter import SMALL_BYTES, is_reference, reference_to
from profiler.records.headers import SOURCE_TIMESTAMP
from profiler.records.types import NO_TIMESTAMP, OutputRecord, Record, Rejected
from profiler.worker.delivery import OutputLimits

NOW = 1_000_000
#: Of the topic `flat`: an hour back, and a minute ahead.
BACK, AHEAD = 3_600, 60
LARGE = b"x" * (2 * SMALL_BYTES)


def limits() -> OutputLimits:
    found = {
        "flat": TopicLimits(TimestampLimits(BACK, AHEAD), 10 * SMALL_BYTES),
        "any": TopicLimits(None, 10 * SMALL_BYTES),
        "dead": TopicLimits(None, SMALL_BYTES),
    }
    return OutputLimits("dead", lambda: found, lambda: NOW)


def output(topic: str, timestamp: int = NOW, value: bytes = b"{}") -> OutputRecord:
    return OutputRecord(topic, b"key", value, (("source-topic", b"in"),), timestamp)


def batch(outputs: list[OutputRecord], *, rejected: int = 0) -> Finished:
    record = Record("in", 0, 0, NOW, b"key", LARGE, ())
    rejections = [Rejection(n, record, Rejected("bad_json", "no JSON")) for n in range(rejected)]
    return Finished(len(outputs), outputs, rejections, Counter(), Counter())


@pytest.mark.parametrize("at", [NOW - BACK, NOW, NOW + AHEAD])
def test_what_topics_take_stays_the_list_that_it_is(at: int) -> None:
    outputs = [output("flat", at), output("any", at)]
    made = limits()
    assert made.fitted(outputs, dead_letters=False) is outputs
    assert made.tell(batch(outputs), outputs) == Counter(references=0, restamped=0)
    assert made.fitted([], dead_letters=False) == []


@pytest.mark.parametrize("at", [NOW - BACK - 1, NOW + AHEAD + 1])
@pytest.mark.parametrize("dead_letters", [False, True])
def test_one_refused_timestamp_among_many_is_found(at: int, *, dead_letters: bool) -> None:
    outputs = [output("flat"), output("any"), output("flat", at), output("any", at)]
    made = limits()
    fitted = made.fitted(outputs, dead_letters=dead_letters)
    assert [each.timestamp for each in fitted] == [NOW, NOW, NO_TIMESTAMP, at]
    assert (SOURCE_TIMESTAMP, b"%d" % at) in fitted[2].headers
    assert [fitted[place] for place in (0, 1, 3)] == [outputs[place] for place in (0, 1, 3)]
    assert made.tell(batch(outputs), fitted)["restamped"] == 1


def test_outputs_without_a_timestamp_are_taken_everywhere() -> None:
    outputs = [output("flat", NO_TIMESTAMP), output("any", NO_TIMESTAMP)]
    assert limits().fitted(outputs, dead_letters=False) == outputs


def test_a_dead_letter_that_is_too_large_becomes_a_reference() -> None:
    outputs = [output("flat"), output("dead", value=LARGE), output("dead")]
    made = limits()
    fitted = made.fitted(outputs)
    assert [is_reference(each) for each in fitted] == [False, True, False]
    assert made.tell(batch(outputs, rejected=2), fitted)["references"] == 1


def test_a_dead_letter_that_was_a_reference_from_the_beginning_counts() -> None:
    outputs = [reference_to(output("dead", value=LARGE))]
    made = limits()
    assert made.fitted(outputs) == outputs
    assert made.tell(batch(outputs, rejected=1), outputs)["references"] == 1
