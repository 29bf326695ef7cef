"""The consumer on librdkafka.

Over 250 lines: nearly every call has to reckon with two things that happen inside librdkafka's
calls: a rebalance, and a record that comes in spite of a pause.
"""

from collections.abc import Iterable, Mapping, Sequence
from queue import Empty, SimpleQueue
from threading import Thread

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from profiler.config import KafkaSettings
from profiler.errors import TransportError
from profiler.kafka.admin.ends import begin_at_ends
from profiler.kafka.beginnings import tell_gap
from profiler.kafka.librdkafka.client import (
    CALL_TIMEOUT_S,
    checked_options,
    connection_options,
    describe,
    translated_errors,
)
from profiler.kafka.librdkafka.messages import record_of
from profiler.kafka.protocol import Polled
from profiler.kafka.reach import with_reasons
from profiler.records.types import Record

_FETCH_BYTES_PER_PARTITION = 4 * 1024 * 1024
#: What librdkafka reads ahead, over all partitions: it bounds the worker's memory.
_READ_AHEAD_KBYTES = 32 * 1024

_Place = tuple[str, int]


class LibrdkafkaConsumer:
    """A `profiler.kafka.protocol.Consumer`.

    Reads, checks and decompresses in threads of the library's own. With a cooperative assignor a
    rebalance takes no partition away that stays here; it changes the generation all the same, so
    a batch that it meets is read again.
    """

    def __init__(self, settings: KafkaSettings, *, topics: Sequence[str], group: str) -> None:
        """Connect and subscribe; the group is joined by the first polls.

        Blocks until a broker answers, 30 s at most.

        Raises:
            TransportError: no broker answers.
            ConfigError: the client refuses the settings.
        """
        options = {
            **connection_options(settings),
            "group.id": group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            # Also makes the group hold back offsets of open transactions.
            "isolation.level": "read_committed",
            # We reset by ourselves: so it is told, and a gap is counted.
            "auto.offset.reset": "error",
            "allow.auto.create.topics": False,
            "session.timeout.ms": settings.session_timeout_ms,
            "heartbeat.interval.ms": settings.heartbeat_interval_ms,
            # librdkafka refuses one below the session timeout.
            "max.poll.interval.ms": settings.max_poll_interval_ms,
            "partition.assignment.strategy": settings.assignor,
            **({"group.instance.id": instance} if (instance := settings.group_instance_id) else {}),
            "max.partition.fetch.bytes": _FETCH_BYTES_PER_PARTITION,
            "queued.max.messages.kbytes": _READ_AHEAD_KBYTES,
            # The default, 500 ms, is how long an emptied queue waits before it is filled again.
            "fetch.queue.backoff.ms": 5,
        }
        self._owned: set[_Place] = set()
        self._changes = 0
        self._paused = False
        self._cooperative = settings.assignor == "cooperative-sticky"
        #: Partitions that have to go back before the next record is returned: a rebalance left
        #: them with us, and they may be beyond what will be committed.
        self._stale: set[_Place] = set()
        self._first_offsets: dict[_Place, int] = {}
        #: Where the next record of a partition is read, until it comes: its own offset is unknown.
        self._sought: dict[_Place, int] = {}
        #: Partitions whose offset is out of range, and that offset; below zero where none is known.
        self._lost: dict[_Place, int] = {}
        #: The same once we have gone on; until the partition is assigned anew, or goes back.
        self._given_up: dict[_Place, int] = {}
        self._gaps = 0
        if settings.auto_offset_reset == "latest":
            begin_at_ends(settings, topics=topics, group=group)
        with checked_options():
            self._consumer = Consumer(options)
        with (
            with_reasons(settings, timeout_s=CALL_TIMEOUT_S) as connect_s,
            translated_errors(f"connect to {settings.bootstrap_servers}"),
        ):
            self._consumer.list_topics(topics[0], timeout=connect_s)
            self._consumer.subscribe(
                list(topics),
                on_assign=self._assigned,
                on_revoke=self._revoked,
                on_lost=self._revoked,
            )

    @property
    def assignment(self) -> frozenset[_Place]:
        """See `Consumer.assignment`."""
        return frozenset(self._owned)

    @property
    def generation(self) -> int:
        """See `Consumer.generation`."""
        return self._changes

    @property
    def gaps(self) -> int:
        """See `Consumer.gaps`."""
        return self._gaps

    def poll(self, *, timeout_ms: int, max_records: int) -> Polled:
        """See `Consumer.poll`."""
        self._rewind_stale()
        if self._lost:
            self._begin_at_first()
        before = self._changes
        with translated_errors("poll"):
            # `consume` waits until it has all that it was asked for, so it waits for one only.
            messages = self._consumer.consume(max_records, 0)
            if not messages and timeout_ms:
                messages = self._consumer.consume(1, timeout_ms / 1_000)
                if messages and max_records > 1:
                    messages += self._consumer.consume(max_records - 1, 0)
        by_partition = self._taken(messages, before)
        metadata = self._consumer.consumer_group_metadata()
        records = [record for found in by_partition.values() for record in found]
        return Polled(records, self._changes, metadata)

    def commit(
        self, offsets: Mapping[_Place, int], *, generation: int, timeout_s: float = CALL_TIMEOUT_S
    ) -> None:
        """See `Consumer.commit`."""
        # The broker takes any partition from any member: only we know that it is no longer ours.
        if generation != self._changes or not offsets.keys() <= self._owned:
            raise TransportError("commit: the assignment changed since the batch was polled")
        wanted = [TopicPartition(*place, offset) for place, offset in offsets.items()]
        outcome: SimpleQueue[list[TopicPartition] | KafkaException] = SimpleQueue()

        def store() -> None:
            try:
                outcome.put(self._consumer.commit(offsets=wanted, asynchronous=False))
            except KafkaException as error:
                outcome.put(error)

        # The library's call knows no timeout of ours.
        Thread(target=store, name="commit", daemon=True).start()
        try:
            stored = outcome.get(timeout=timeout_s)
        except Empty:
            raise TransportError(f"commit: no answer in {timeout_s:.0f} s") from None
        if isinstance(stored, KafkaException):
            raise TransportError(f"commit: {describe(stored.args[0])}") from stored
        for place in stored:
            if place.error is not None:
                raise TransportError(f"commit: {describe(place.error)}")

    def rewind(self) -> None:
        """See `Consumer.rewind`. One round trip for all partitions."""
        self._rewind(self._owned)
        self._stale.clear()

    def begin_anew(self) -> None:
        """See `Consumer.begin_anew`. One round trip for each partition, and one for the commit."""
        starts = {place: self._first_of(*place) for place in self._owned}
        self._first_offsets = dict(starts)
        if starts:
            self.commit(starts, generation=self._changes)
        self._seek(starts)
        self._stale.clear()

    def pause(self) -> None:
        """See `Consumer.pause`. What was read ahead is dropped and fetched again."""
        if not self._paused:
            self._paused = True
            self._consumer.pause(_partitions(self._owned))

    def resume(self) -> None:
        """See `Consumer.resume`."""
        if self._paused:
            self._paused = False
            self._consumer.resume(_partitions(self._owned))

    def keep_alive(self, *, timeout_ms: int = 100) -> None:
        """See `Consumer.keep_alive`. Heartbeats are the library's own; this is the poll."""
        self.pause()
        before = self._changes
        with translated_errors("keep alive"):
            message = self._consumer.poll(timeout_ms / 1_000)
        if message is not None:
            self._taken([message], before)

    def lag(self) -> int:
        """See `Consumer.lag`. The ends are those of the last fetch."""
        sought = self._sought
        if not self._owned:
            return 0
        total = 0
        for place in self._consumer.position(_partitions(self._owned)):
            _, end = self._consumer.get_watermark_offsets(place, cached=True)
            at = sought.get((place.topic, place.partition), place.offset)
            if at >= 0 and end >= 0:
                total += max(0, end - at)
        return total

    def close(self, *, timeout_s: float = 10) -> None:
        """See `Consumer.close`. A close that takes longer goes on in a thread of its own."""
        closing = Thread(target=self._consumer.close, name="close-consumer", daemon=True)
        closing.start()
        closing.join(timeout_s)

    def _taken(self, messages: Iterable[Message], before: int) -> dict[_Place, list[Record]]:
        """The records of messages by partition; none where they must be read again.

        Args:
            messages: what one call of the library brought.
            before: the generation before that call.
        """
        by_partition: dict[_Place, list[Record]] = {}
        for message in messages:
            if (error := message.error()) is not None:
                if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - its public name
                    place, wanted = _place_of(message), _offset_of(message)
                    # It may come twice, though we have gone on meanwhile.
                    if self._given_up.get(place) != wanted:
                        self._lost[place] = self._given_up[place] = wanted
                else:
                    self._check(error)
                continue
            record = record_of(message)
            place = record.topic, record.partition
            by_partition.setdefault(place, []).append(record)
            self._first_offsets.setdefault(place, record.offset)
            self._sought.pop(place, None)
        if self._lost:
            self._begin_at_first()
        if self._changes != before:
            # Some of these records may be from before the change. librdkafka would not give them
            # again, but where their partition was assigned anew.
            self._stale |= self._owned & by_partition.keys()
            self._rewind_stale()
            return {}
        if self._paused:
            self._seek({place: records[0].offset for place, records in by_partition.items()})
            return {}
        return by_partition

    def _rewind_stale(self) -> None:
        if self._stale:
            self._rewind(self._stale)
            self._stale.clear()

    def _rewind(self, places: Iterable[_Place]) -> None:
        wanted = _partitions(places)
        if not wanted:
            return
        with translated_errors("rewind"):
            starts = self._starts(wanted)
        self._seek(starts)

    def _seek(self, starts: Mapping[_Place, int]) -> None:
        with translated_errors("seek"):
            for place, offset in starts.items():
                self._sought[place] = offset
                if self._given_up.get(place) == offset:
                    del self._given_up[place]
                try:
                    self._consumer.seek(TopicPartition(*place, offset))
                except KafkaException as error:
                    # A partition that was just assigned is not read yet, and begins there anyway.
                    if error.args[0].code() != KafkaError._STATE:  # noqa: SLF001 - its public name
                        raise

    def _begin_at_first(self) -> None:
        """Go to the first record of partitions without a usable offset.

        The library has given them up and takes no seek for them, so they are assigned once more.
        """
        lost = {place: wanted for place, wanted in self._lost.items() if place in self._owned}
        starts = {place: self._first_of(*place) for place in lost}
        with translated_errors("assign"):
            if self._cooperative:
                self._consumer.incremental_unassign(_partitions(starts))
                self._consumer.incremental_assign(_at(starts))
            elif starts:
                # Here an assignment is a whole one.
                owned = self._consumer.position(_partitions(self._owned))
                known = {(place.topic, place.partition): place.offset for place in owned}
                sought = {place: self._sought.get(place, at) for place, at in known.items()}
                self._consumer.assign(_at({**sought, **starts}))
            if self._paused:
                self._consumer.pause(_partitions(self._owned))
        self._sought.update(starts)
        self._lost.clear()
        for place, wanted in lost.items():
            if wanted >= 0:
                self._gaps += 1
                tell_gap(*place, wanted=wanted, first=starts[place])

    def _first_of(self, topic: str, partition: int) -> int:
        """The first offset that is there; 0 of a partition so new that our metadata lack it.

        A number, because the library forgets a seek where it began at "the beginning".
        """
        place = TopicPartition(topic, partition)
        try:
            found = self._consumer.get_watermark_offsets(place, timeout=CALL_TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() == KafkaError._UNKNOWN_PARTITION:  # noqa: SLF001 - its public name
                return 0
            reason = describe(error.args[0])
            raise TransportError(f"find the first record: {reason}") from error
        if found is None:
            raise TransportError(f"find the first record of {topic} [{partition}]: no answer")
        return int(found[0])

    def _starts(self, places: list[TopicPartition]) -> dict[_Place, int]:
        """Where to read again: the committed offset, else the first that was read from there.

        A partition that has neither is left out.
        """
        starts = {}
        for place in self._consumer.committed(places, timeout=CALL_TIMEOUT_S):
            if place.error is not None:
                raise KafkaException(place.error)
            offset = place.offset
            if offset < 0:
                offset = self._first_offsets.get((place.topic, place.partition), -1)
            if offset >= 0:
                starts[place.topic, place.partition] = offset
        return starts

    def _check(self, error: KafkaError) -> None:
        """Raise what the library reports between records, unless it goes on by itself."""
        if error.code() == KafkaError._MAX_POLL_EXCEEDED:  # noqa: SLF001 - its public name
            # It has left the group, and joins again by the polls to come.
            self._changes += 1
        elif not error.retriable():
            raise TransportError(f"poll: {describe(error)}")

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._changes += 1
        self._stale = set(self._owned)
        self._owned.update((place.topic, place.partition) for place in partitions)
        for place in self._owned.difference(self._stale):
            self._sought.pop(place, None)
            self._given_up.pop(place, None)
        if not partitions or not self._paused:
            return  # the library assigns them itself
        if self._cooperative:
            consumer.incremental_assign(partitions)
        else:
            consumer.assign(partitions)
        if self._paused:
            consumer.pause(partitions)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._paused and partitions:
            # The library would keep them paused when they come back after our `resume`.
            consumer.resume(partitions)
        self._changes += 1
        self._owned.difference_update((place.topic, place.partition) for place in partitions)
        self._stale = set(self._owned)


def _place_of(message: Message) -> _Place:
    return str(message.topic()), int(message.partition() or 0)


def _offset_of(message: Message) -> int:
    offset = message.offset()
    return -1 if offset is None else offset


def _at(starts: Mapping[_Place, int]) -> list[TopicPartition]:
    return [TopicPartition(*place, offset) for place, offset in starts.items()]


def _partitions(places: Iterable[_Place]) -> list[TopicPartition]:
    return [TopicPartition(*place) for place in places]
