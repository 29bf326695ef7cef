"""Garbage cycles go with the bytes that pass, however few they are."""

import gc
import weakref

import pytest

from profiler.kafka.garbage import Garbage
from profiler.records.types import Record


class Answer:
    """Stands in a cycle, as a fetch's answer does."""

    def __init__(self) -> None:
        self.itself = self


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(Record("t", 0, 0, 0, b"k" * 500, None, ()), id="in keys"),
        pytest.param(Record("t", 0, 0, 0, None, b"v" * 500, ()), id="in values"),
        pytest.param(
            Record("t", 0, 0, 0, None, None, (("h", b"h" * 250), ("n", None), ("h", b"h" * 250))),
            id="in headers",
        ),
    ],
)
def test_cycles_are_collected_once_so_many_bytes_have_passed(record: Record) -> None:
    garbage = Garbage(bytes_between=2_000)
    gc.disable()
    try:
        for _ in range(2):
            answer = weakref.ref(Answer())
            garbage.passed([record] * 3)
            assert answer() is not None
            garbage.passed([record])
            assert answer() is None
    finally:
        gc.enable()
