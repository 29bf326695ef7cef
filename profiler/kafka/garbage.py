"""Garbage cycles, collected by the bytes that they may hold instead of by their number.

A batch is 10^5 objects and no cycle, all freed by count; with Python's defaults the collector
walks them again and again, a tenth of the worker's time. But the Kafka client does make cycles:
an exception, its frames, and in one of these the answer of a fetch, megabytes of records. They
are few, so that by number alone a gigabyte of them would wait to be found.
"""

import gc
from collections.abc import Sequence

from profiler.records.types import Record

_BYTES_BETWEEN = 32 << 20


class Garbage:
    """Collects all cycles each time that so many bytes of records passed; takes a few ms."""

    def __init__(self, bytes_between: int = _BYTES_BETWEEN) -> None:
        self._bytes_between = bytes_between
        self._passed = 0

    @staticmethod
    def count_less() -> None:
        """Let the number of objects alone start a collection rarely; for the whole process."""
        gc.freeze()
        gc.set_threshold(100_000, 50, 100)

    def passed(self, records: Sequence[Record]) -> None:
        """Count records that were read, and collect where it is time."""
        for _, _, _, _, key, value, headers in records:
            self._passed += len(key or b"") + len(value or b"")
            for _, content in headers:
                self._passed += len(content or b"")
        if self._passed >= self._bytes_between:
            self._passed = 0
            gc.collect()
