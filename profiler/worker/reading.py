"""What is known of the offsets that are read: which repair profiles, and which may come again."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from profiler.kafka import CommittedOffset
from profiler.profiles.marks import StreamMarks
from profiler.records.types import Record, stream_of
from profiler.worker.repair import Beginning
from profiler.worker.spans import spans_of
from profiler.worker.streams import Streams

Place = tuple[str, int]


class FindBeginning(Protocol):
    """See `profiler.worker.repair.beginning`."""

    def __call__(
        self,
        committed: Mapping[Place, CommittedOffset],
        marks: Mapping[Place, StreamMarks],
        *,
        token: str,
    ) -> Beginning:
        """Compare what is committed with what Redis has."""
        ...


class Reading:
    """From one beginning to the next; used by the thread that polls.

    Args:
        streams: names the streams of what is read.
        find_beginning: says where to begin by what is committed and what Redis has.
    """

    def __init__(self, streams: Streams, find_beginning: FindBeginning) -> None:
        self._streams = streams
        self._find_beginning = find_beginning
        #: Records before these offsets only repair profiles.
        self._repaired_until: dict[Place, int] = {}
        #: The oldest offsets that are not committed.
        self._floors: dict[Place, int] = {}

    def begin(self, committed: Mapping[Place, CommittedOffset]) -> None:
        """Begin at the committed offsets; of a partition without one at its first record."""
        self._repaired_until = {}
        self._floors = {place: offset for place, (offset, _) in committed.items()}

    def streams_of(self, places: Iterable[Place]) -> dict[Place, str]:
        """The names of the partitions' streams."""
        return {place: stream_of(self._streams.name, place[1]) for place in places}

    def compare(
        self, committed: Mapping[Place, CommittedOffset], marks: Mapping[Place, StreamMarks]
    ) -> Beginning:
        """Where to begin instead, so that Redis has what is committed.

        Raises:
            LostStateError: Redis has nothing of it.
        """
        found = self._find_beginning(committed, marks, token=self._streams.token)
        self._repaired_until = found.repaired_until
        return found

    def divided(self, records: list[Record]) -> tuple[list[Record], list[Record]]:
        """Records that only repair profiles, and records that are new."""
        until = self._repaired_until
        if not until:
            return [], records
        repaired = [r for r in records if r.offset < until.get((r.topic, r.partition), 0)]
        new = [r for r in records if r.offset >= until.get((r.topic, r.partition), 0)]
        for record in new:
            until.pop((record.topic, record.partition), None)
        return repaired, new

    def floors_of(self, records: Sequence[Record]) -> dict[int, int]:
        """The oldest offset that may come again, by partition, once these records are read too."""
        for place, (first, _) in spans_of(records).items():
            self._floors.setdefault(place, first)
        return {number: floor for (_, number), floor in self._floors.items()}

    def committed(self, offsets: Mapping[Place, int]) -> None:
        """Nothing before these offsets comes again."""
        self._floors.update(offsets)
