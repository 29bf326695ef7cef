"""Where each partition is read next, and the way back for one that librdkafka has given up.

librdkafka gives up a partition whose offset is out of range, and one without a committed offset.
It takes no seek for it then: only a new assignment helps. At an assignment it forgets its own
position, and an answer that was under way may make it give up a partition that begins elsewhere by
now. So we keep the positions, and assign a partition as often as it is given up.
"""

import time
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from confluent_kafka import (
    OFFSET_STORED,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from profiler.errors import TransportError
from profiler.kafka.beginnings import tell_gap
from profiler.kafka.librdkafka.client import CALL_TIMEOUT_S, describe, translated_errors
from profiler.kafka.protocol import CommittedOffset
from profiler.records.types import Record

Place = tuple[str, int]

_NO_LEADER_YET = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE}
_LOOK_AGAIN_S = 0.1


class Positions:
    """The positions of one consumer, whose thread calls them."""

    def __init__(self, consumer: Consumer, *, cooperative: bool) -> None:
        """Begin without a position.

        Args:
            consumer: what reads.
            cooperative: whether its assignments change by parts; else each is a whole one.
        """
        self._consumer = consumer
        self._cooperative = cooperative
        #: The offset of the next record; missing where only the committed one says it.
        self._next: dict[Place, int] = {}
        self._first_read: dict[Place, int] = {}
        #: Partitions whose offset is out of range, and that offset; below zero where none is known.
        self._lost: dict[Place, int] = {}
        #: Partitions to assign again, because they are not where `_next` says.
        self._astray: set[Place] = set()
        self.gaps = 0

    def forget(self, places: Iterable[Place]) -> None:
        """Take partitions as new ones that begin at their committed offset."""
        for place in places:
            self._next.pop(place, None)

    def note(self, message: Message) -> bool:
        """Note what a message says that is an error; return whether it is about a position."""
        error, place = message.error(), (str(message.topic()), int(message.partition() or 0))
        offset = message.offset()
        wanted = -1 if offset is None else offset
        if is_end(message):
            if self._next.get(place, wanted) < wanted:
                self._next[place] = wanted
            return True
        if error is None or error.code() != KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - likewise
            return False
        if self._next.get(place, wanted) == wanted:
            self._lost[place] = wanted
        else:
            # About an offset where it was before, or that is ahead of what was read.
            self._astray.add(place)
        return True

    def read(self, records: Mapping[Place, list[Record]]) -> None:
        """Note what was read, by partition and in order."""
        for place, found in records.items():
            self._first_read.setdefault(place, found[0].offset)
            self._next[place] = found[-1].offset + 1

    def seek(self, starts: Mapping[Place, int]) -> None:
        """Read on from these offsets.

        Raises:
            TransportError: the client refuses; try again.
        """
        with translated_errors("seek"):
            for place, offset in starts.items():
                self._next[place] = offset
                try:
                    self._consumer.seek(TopicPartition(*place, offset))
                except KafkaException as error:
                    if error.args[0].code() != KafkaError._STATE:  # noqa: SLF001 - its public name
                        raise
                    # It is given up, or was assigned just now and is not read yet.
                    self._astray.add(place)

    def rewind(self, places: Iterable[Place]) -> dict[Place, CommittedOffset]:
        """Go back to the committed offsets, else to the first record that was read.

        A partition that has neither stays. One round trip for all.

        Returns:
            What is committed.

        Raises:
            TransportError: the committed offsets cannot be read now.
        """
        stored: dict[Place, CommittedOffset] = {}
        wanted = partitions(places)
        if not wanted:
            return stored
        starts = {}
        with translated_errors("rewind"):
            for found in self._consumer.committed(wanted, timeout=CALL_TIMEOUT_S):
                if found.error is not None:
                    raise KafkaException(found.error)
                place = found.topic, found.partition
                if found.offset >= 0:
                    stored[place] = CommittedOffset(found.offset, _metadata_of(found))
                    starts[place] = found.offset
                elif (first := self._first_read.get(place)) is not None:
                    starts[place] = first
        self.seek(starts)
        return stored

    def beginnings(self, places: Iterable[Place]) -> dict[Place, int]:
        """The first offset that is there of each; one round trip for each.

        Raises:
            TransportError: one of them has no leader that answers.
        """
        return {place: self._first_of(*place) for place in places}

    def begin_at(self, starts: Mapping[Place, int]) -> None:
        """Take these offsets as the first ones that are read, and read on from there."""
        self._first_read = dict(starts)
        self.seek(starts)

    def find_again(self, owned: AbstractSet[Place], *, paused: bool) -> None:
        """Go on with partitions that were given up: at their first record where that is a gap.

        Args:
            owned: the partitions that are ours.
            paused: whether they have to stay paused.

        Raises:
            TransportError: the first record of one cannot be found now; try again.
        """
        if not self._lost and not self._astray:
            return
        lost = {place: wanted for place, wanted in self._lost.items() if place in owned}
        firsts = self.beginnings(lost)
        again = {*lost, *(self._astray & owned)}
        self._next.update(firsts)
        if again:
            with translated_errors("assign"):
                self._assign(again, owned)
                if paused:
                    self._consumer.pause(partitions(owned))
        self._lost.clear()
        self._astray.clear()
        for place, wanted in lost.items():
            if wanted >= 0:
                self.gaps += 1
                tell_gap(*place, wanted=wanted, first=firsts[place])

    def lag(self, owned: AbstractSet[Place]) -> int:
        """Records of these partitions behind their positions, as far as is known."""
        total = 0
        for place in owned & self._next.keys():
            _, end = self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True)
            total += max(0, end - self._next[place])
        return total

    def _assign(self, again: Iterable[Place], owned: Iterable[Place]) -> None:
        if self._cooperative:
            self._consumer.incremental_unassign(partitions(again))
            self._consumer.incremental_assign(self._at(again))
        else:
            self._consumer.assign(self._at(owned))

    def _at(self, places: Iterable[Place]) -> list[TopicPartition]:
        return [TopicPartition(*place, self._next.get(place, OFFSET_STORED)) for place in places]

    def _first_of(self, topic: str, partition: int) -> int:
        """The first offset that is there; 0 of a partition so new that our metadata lack it.

        A number, because the library forgets a seek where it began at "the beginning".
        """
        place = TopicPartition(topic, partition)
        try:
            found = self._watermarks(place)
        except KafkaException as error:
            if error.args[0].code() == KafkaError._UNKNOWN_PARTITION:  # noqa: SLF001 - its public name
                return 0
            reason = describe(error.args[0])
            raise TransportError(f"find the first record: {reason}") from error
        if found is None:
            raise TransportError(f"find the first record of {topic} [{partition}]: no answer")
        return int(found[0])

    def _watermarks(self, place: TopicPartition) -> tuple[int, int] | None:
        """Ask for them, and again while a leader is just chosen, as of a new topic."""
        until = time.monotonic() + CALL_TIMEOUT_S
        while True:
            try:
                return self._consumer.get_watermark_offsets(place, timeout=CALL_TIMEOUT_S)
            except KafkaException as error:
                if error.args[0].code() not in _NO_LEADER_YET or time.monotonic() > until:
                    raise
            time.sleep(_LOOK_AGAIN_S)


def is_end(message: Message) -> bool:
    """Whether a message says that a partition has no more, and where that is."""
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001 - its public name


def partitions(places: Iterable[Place]) -> list[TopicPartition]:
    """The same in the client's words, without an offset."""
    return [TopicPartition(*place) for place in places]


def _metadata_of(found: TopicPartition) -> str:
    """What is stored beside an offset; nothing where it is no text.

    Other programs may have stored it without a NUL behind. Then the binding reads beyond its end.
    """
    try:
        return found.metadata or ""
    except UnicodeDecodeError:
        return ""
