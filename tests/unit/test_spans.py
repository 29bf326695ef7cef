"""First and last offsets of a poll, found without a look at each record."""

import pytest

from profiler.records.types import Record
from profiler.worker.spans import spans_of


def records(place: tuple[str, int], *offsets: int) -> list[Record]:
    """Records of a partition."""
    return [Record(*place, offset, -1, None, b"{}", ()) for offset in offsets]


def test_no_record_is_in_no_partition() -> None:
    assert spans_of([]) == {}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 500])
def test_each_partition_has_its_first_and_its_last_offset(size: int) -> None:
    polled = [
        *records(("b", 1), 7),
        *records(("a", 0), *range(5, 5 + 2 * size, 2)),
        *records(("b", 0), *range(size)),
        *records(("a", 2), 9, 11),
    ]
    assert spans_of(polled) == {
        ("b", 1): (7, 7),
        ("a", 0): (5, 5 + 2 * (size - 1)),
        ("b", 0): (0, size - 1),
        ("a", 2): (9, 11),
    }
    assert list(spans_of(polled)) == [("b", 1), ("a", 0), ("b", 0), ("a", 2)]
