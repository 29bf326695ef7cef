"""What Kafka itself says: outputs as readers see them, commits, how far the group is."""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING, TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from tests.chaos.places import Output, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from confluent_kafka import Message

Answer = TypeVar("Answer")

_OFFSETS_TOPIC = "__consumer_offsets"
#: Versions of a key that is an offset; 2 is a group's state.
_OFFSET_KEYS = (0, 1)
_ROUND_TRIP_S = 10.0
#: Longer than a transaction that nobody ends may stay open.
_PATIENCE_S = 60.0
_PAUSE_S = 0.2
_SOURCE = ("source-partition", "source-offset")


class ObserverError(Exception):
    """Kafka did not answer the harness."""


class Observer:
    """Reads topics and a group from outside; a member of no group.

    Args:
        bootstrap_servers: by an address that no fault touches.
        group: whose offsets are looked at.
        isolation: of those who read the outputs.
    """

    def __init__(
        self, bootstrap_servers: str, group: str, *, isolation: str = "read_committed"
    ) -> None:
        self._servers, self._group, self._isolation = bootstrap_servers, group, isolation
        self._looker = self._consumer("read_uncommitted")
        self._next: dict[tuple[str, int], int] = {}
        #: The last commit that `new_commits` returned, by partition.
        self._committed: dict[int, int] = {}

    def close(self) -> None:
        """Disconnect."""
        self._looker.close()

    def partitions(self, topic: str) -> list[TopicPartition]:
        """The partitions that a topic has now."""
        found = _patiently(lambda: self._looker.list_topics(topic, timeout=_ROUND_TRIP_S))
        numbers = sorted(found.topics[topic].partitions)
        return [TopicPartition(topic, number) for number in numbers]

    def ends(self, topic: str) -> dict[int, int]:
        """The offset behind the last record, by partition, of open transactions too."""
        return {place.partition: _end(self._looker, place) for place in self.partitions(topic)}

    def committed(self, topic: str) -> dict[int, int]:
        """The group's offsets, by partition; those without one are left out."""
        places = self.partitions(topic)
        found = _patiently(lambda: self._looker.committed(places, timeout=_ROUND_TRIP_S))
        return {place.partition: place.offset for place in found if place.offset >= 0}

    def is_done(self, topic: str) -> bool:
        """Whether everything that was put in is committed."""
        ends = {number: end for number, end in self.ends(topic).items() if end}
        committed = self.committed(topic)
        return all(committed.get(number, 0) == end for number, end in ends.items())

    def new_outputs(self, topics: Mapping[str, str], incarnation: int = 0) -> list[Output]:
        """Everything in the output topics since the last call.

        Args:
            topics: the topics' names by their roles.
            incarnation: of the input topic, whose inputs all new outputs are of.

        Raises:
            ObserverError: a transaction stays open.
        """
        return [
            Output(role, _place_of(message, incarnation), message.value() or b"")
            for role, topic in topics.items()
            for message in self._new_in(topic, self._isolation)
        ]

    def everything_in(self, topic: str) -> Iterator[Message]:
        """All records of a topic that this observer has not read, of open transactions too."""
        return self._new_in(topic, "read_uncommitted")

    def new_commits(self) -> dict[int, list[int]]:
        """Every offset that the group committed since the last call, by partition, in order.

        Each list begins with the last offset of the call before. Read from the brokers' own log,
        where those of aborted transactions do not count.
        """
        found = {partition: [last] for partition, last in self._committed.items()}
        for message in self._new_in(_OFFSETS_TOPIC, "read_committed"):
            key, value = message.key(), message.value()
            if not isinstance(key, bytes) or not isinstance(value, bytes):
                continue
            named = _offset_key(key)
            if named is not None and named[0] == self._group:
                (offset,) = struct.unpack_from(">q", value, 2)  # behind the version
                found.setdefault(named[2], []).append(offset)
        self._committed = {partition: offsets[-1] for partition, offsets in found.items()}
        return found

    def forget_commits(self) -> None:
        """Begin the next lists of `new_commits` anew: the offsets are another topic's."""
        self._committed.clear()

    def _new_in(self, topic: str, isolation: str) -> Iterator[Message]:
        """The records behind those that were read before, up to the end as it is now."""
        consumer = self._consumer(isolation)
        try:
            places = self.partitions(topic)
            if isolation == "read_committed":
                self._await_transactions(consumer, places)
            for place in places:
                place.offset = self._next.get((topic, place.partition), OFFSET_BEGINNING)
            consumer.assign(places)
            unread = {place.partition for place in places}
            deadline = time.monotonic() + _PATIENCE_S
            while unread:
                if time.monotonic() > deadline:
                    raise ObserverError(f"{topic}: its end is not reached in {_PATIENCE_S:g} s")
                for message in consumer.consume(1_000, 0.2):
                    error, partition = message.error(), message.partition()
                    assert partition is not None
                    if error is None:
                        self._next[topic, partition] = (message.offset() or 0) + 1
                        yield message
                    elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - public
                        unread.discard(partition)
        finally:
            consumer.close()

    def _await_transactions(self, reader: Consumer, places: list[TopicPartition]) -> None:
        """Wait until no transaction is open: a reader would stop before it."""
        deadline = time.monotonic() + _PATIENCE_S
        for place in places:
            while _end(reader, place) < _end(self._looker, place):
                if time.monotonic() > deadline:
                    raise ObserverError(f"{place.topic}: a transaction stays open")
                time.sleep(_PAUSE_S)

    def _consumer(self, isolation: str) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._servers,
                "group.id": self._group,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": isolation,
                "auto.offset.reset": "earliest",
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
            }
        )


def _patiently(ask: Callable[[], Answer]) -> Answer:
    """Ask again while brokers are restarted and coordinators chosen."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return ask()
        except KafkaException as error:
            if time.monotonic() > deadline:
                raise ObserverError(str(error)) from error
            time.sleep(_PAUSE_S)


def _end(consumer: Consumer, place: TopicPartition) -> int:
    """The end as a reader with the consumer's isolation sees it."""
    return _patiently(lambda: consumer.get_watermark_offsets(place, timeout=_ROUND_TRIP_S)[1])


def _place_of(message: Message, incarnation: int) -> Place | None:
    """Where its input lies, by its headers; each must be there once."""
    headers = list(message.headers() or ())
    named = [(header[0], header[1]) for header in headers if header[0] in _SOURCE]
    if sorted(name for name, _ in named) != sorted(_SOURCE):
        return None
    numbers = {name: int(value or b"-1") for name, value in named}
    return Place(incarnation, *(numbers[name] for name in _SOURCE))


def _offset_key(key: bytes) -> tuple[str, str, int] | None:
    """Group, topic and partition. Key: int16 version, two strings, int32 partition."""
    (version,) = struct.unpack_from(">h", key)
    if version not in _OFFSET_KEYS:
        return None
    at, texts = 2, []
    for _ in range(2):
        (length,) = struct.unpack_from(">h", key, at)
        texts.append(key[at + 2 : at + 2 + length].decode())
        at += 2 + length
    (partition,) = struct.unpack_from(">i", key, at)
    return texts[0], texts[1], partition
