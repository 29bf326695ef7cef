"""Which offsets a poll brought, by partition, without a look at each record."""

from bisect import bisect_right
from collections.abc import Sequence
from operator import itemgetter

from profiler.records.types import Record

Place = tuple[str, int]

#: Topic and partition of a record.
_PLACE = itemgetter(0, 1)


def spans_of(records: Sequence[Record]) -> dict[Place, tuple[int, int]]:
    """First and last offset by topic and partition, in the order of the records.

    Args:
        records: grouped by partition, in offset order inside each, see `Polled`. Of each partition
            about ten of a thousand are looked at.
    """
    spans: dict[Place, tuple[int, int]] = {}
    start = 0

    def is_elsewhere(record: Record) -> bool:
        return bool(_PLACE(record) != place)

    while start < len(records):
        place: Place = _PLACE(records[start])
        end = bisect_right(records, False, start, key=is_elsewhere)
        spans[place] = records[start].offset, records[end - 1].offset
        start = end
    return spans
