"""What became of each record of a batch, read off the batch's outputs."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from profiler.engine import Finished
from profiler.records.headers import SOURCE_OFFSET
from profiler.records.types import OutputRecord, Record, Rejected


class Fate(NamedTuple):
    """One record, what left of it, and its code where it is a dead letter."""

    record: Record
    outputs: list[OutputRecord]
    rejected: Rejected | None


def fates_of(records: Sequence[Record], finished: Finished) -> list[Fate]:
    """The fates of records that have different offsets, in order; no output may be left over."""
    outputs: defaultdict[int, list[OutputRecord]] = defaultdict(list)
    for output in finished.outputs:
        outputs[int(dict(output.headers)[SOURCE_OFFSET] or b"")].append(output)
    rejected = {dead.record.offset: dead.rejected for dead in finished.rejections}
    fates = [
        Fate(record, outputs.pop(record.offset, []), rejected.get(record.offset))
        for record in records
    ]
    assert not outputs
    return fates
