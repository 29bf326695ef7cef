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
    """The records of one partition, from `start` to `end`."""

    def __init__(self, topic: str, number: int) -> None:
        self._topic = topic
        self._number = number
        self._records: list[Record] = []
        #: The offset of the first record that is still there.
        self.start = 0

    @property
    def end(self) -> int:
        """The offset that the next record will have: the high watermark."""
        return self.start + len(self._records)

    def append(self, record: OutputRecord) -> None:
        """Add one record; without a timestamp it gets the time of now."""
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

    def read(self, offset: int, count: int) -> list[Record]:
        """At most `count` records from `offset` on, which is between `start` and `end`."""
        first = offset - self.start
        return self._records[first : first + count]

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

    def append(self, record: OutputRecord) -> None:
        """Add one record to the partition of its key; records without a key go around.

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
        self._partition_of(record.key).append(record)

    def _partition_of(self, key: bytes | None) -> Partition:
        place = next(self._turn) if key is None else murmur2(key) & 0x7FFFFFFF
        return self.partitions[place % len(self.partitions)]
