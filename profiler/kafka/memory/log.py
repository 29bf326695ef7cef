"""Topics in memory: what a partition holds, and what a topic takes."""

import itertools
import time
import uuid

from kafka.partitioner import murmur2

from profiler.errors import RecordTooLargeError, TimestampRefusedError
from profiler.kafka.protocol import TimestampLimits
from profiler.records.types import OutputRecord, Record

#: Kafka's own defaults.
MAX_MESSAGE_BYTES = 1_048_588
TIMESTAMP_LIMITS = TimestampLimits(before_ms=2**63 - 1, after_ms=3_600_000)

_BATCH_OVERHEAD_BYTES = 61
_MOST_RECORD_OVERHEAD_BYTES = 21


def size_of(record: OutputRecord) -> int:
    """How many bytes a batch has that holds this record alone; a few bytes too many at most."""
    size = _BATCH_OVERHEAD_BYTES + _MOST_RECORD_OVERHEAD_BYTES
    size += len(record.key or b"") + len(record.value or b"")
    for name, content in record.headers:
        size += len(name.encode(errors="surrogateescape")) + len(content or b"") + 4
    return size


class Partition:
    """The records of one partition, from `start` to `end`.

    An offset may hold no record: it was a transaction's that was aborted, or it ends one.
    """

    def __init__(self, topic: str, number: int) -> None:
        self._topic = topic
        self._number = number
        self._records: list[Record | None] = []
        #: The offsets of the records of every open transaction, by its id.
        self._open: dict[str, list[int]] = {}
        #: The offset of the first record that is still there.
        self.start = 0

    @property
    def end(self) -> int:
        """The offset that the next record will have: the high watermark."""
        return self.start + len(self._records)

    @property
    def stable_end(self) -> int:
        """Where the first open transaction begins, or the end: so far readers may read."""
        return min((offsets[0] for offsets in self._open.values()), default=self.end)

    def append(self, record: OutputRecord, *, transaction: str = "") -> None:
        """Add one record; without a timestamp it gets the time of now.

        Args:
            record: what to add.
            transaction: its id, where the record is part of one.
        """
        if transaction:
            self._open.setdefault(transaction, []).append(self.end)
        now = int(time.time() * 1_000)
        at = now if record.timestamp < 0 else record.timestamp
        self._records.append(
            Record(
                self._topic,
                self._number,
                self.end,
                at,
                record.key,
                record.value,
                tuple(record.headers),
            )
        )

    def end_transaction(self, transaction: str, *, is_commit: bool) -> None:
        """Show or drop the records of a transaction; like Kafka's marker, it takes an offset."""
        offsets = self._open.pop(transaction, None)
        if offsets is None:
            return
        if not is_commit:
            for offset in offsets:
                if offset >= self.start:
                    self._records[offset - self.start] = None
        self._records.append(None)

    def read(self, offset: int, count: int) -> tuple[list[Record], int]:
        """What a reader of committed records gets from `offset` on, between `start` and `end`.

        Returns:
            At most `count` records, and the offset to go on from.
        """
        found: list[Record] = []
        stable_end = self.stable_end
        while len(found) < count and offset < stable_end:
            record = self._records[offset - self.start]
            if record is not None:
                found.append(record)
            offset += 1
        return found, offset

    def delete_before(self, offset: int) -> None:
        """Delete what retention deletes: all records before `offset`."""
        del self._records[: max(0, offset - self.start)]
        self.start = max(self.start, offset)


class Topic:
    """The partitions of one topic, and the limits that it holds records to.

    The limits may be changed at any time, as the configuration of a topic may.
    """

    def __init__(self, name: str, partitions: int, max_message_bytes: int) -> None:
        self._name = name
        #: Another one for every topic, as Kafka has it.
        self.id = uuid.uuid4().hex
        self.max_message_bytes = max_message_bytes
        self.timestamp_limits = TIMESTAMP_LIMITS
        self._turn = itertools.count()
        self.partitions: list[Partition] = []
        self.grow(partitions)

    def grow(self, count: int) -> None:
        """Add partitions until there are `count` of them."""
        for number in range(len(self.partitions), count):
            self.partitions.append(Partition(self._name, number))

    def append(self, record: OutputRecord, *, transaction: str = "") -> None:
        """Add one record to the partition of its key; records without a key go around.

        Args:
            record: what to add.
            transaction: its id, where the record is part of one.

        Raises:
            RecordTooLargeError: the record is larger than the topic takes.
            TimestampRefusedError: its timestamp is too far in the future, or in the past.
        """
        if size_of(record) > self.max_message_bytes:
            raise RecordTooLargeError(f"produce to {self._name}: a record is too large for it")
        limits, now = self.timestamp_limits, int(time.time() * 1_000)
        window = range(now - limits.before_ms, now + limits.after_ms + 1)
        if record.timestamp >= 0 and record.timestamp not in window:
            raise TimestampRefusedError(f"produce to {self._name}: InvalidTimestampError")
        self._partition_of(record.key).append(record, transaction=transaction)

    def _partition_of(self, key: bytes | None) -> Partition:
        place = next(self._turn) if key is None else murmur2(key) & 0x7FFFFFFF
        return self.partitions[place % len(self.partitions)]
