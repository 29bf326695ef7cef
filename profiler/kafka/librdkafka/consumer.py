"""The consumer on librdkafka.

Over 250 lines: nearly every call has to reckon with two things that happen inside librdkafka's
calls: a rebalance, and a record that comes in spite of a pause.
"""

import time
from collections.abc import Mapping, Sequence
from itertools import chain
from threading import Thread

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from profiler.config import KafkaSettings
from profiler.errors import TransportError
from profiler.kafka.admin.ends import begin_at_ends
from profiler.kafka.librdkafka.client import (
    CALL_TIMEOUT_S,
    checked_options,
    connection_options,
    describe,
    translated_errors,
)
from profiler.kafka.librdkafka.messages import records_of
from profiler.kafka.librdkafka.positions import Place, Positions, is_end, partitions
from profiler.kafka.librdkafka.timed import TimedCalls
from profiler.kafka.protocol import CommittedOffset, Polled
from profiler.kafka.reach import with_reasons
from profiler.records.types import Record

_FETCH_BYTES_PER_PARTITION = 4 * 1024 * 1024
#: What librdkafka reads ahead, over all partitions: it bounds the worker's memory.
_READ_AHEAD_KBYTES = 32 * 1024


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
            # Says where we are behind the marker of a transaction, which no message does.
            "enable.partition.eof": True,
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
        self._owned: set[Place] = set()
        self._changes = 0
        self._paused = False
        self._commits: TimedCalls[list[TopicPartition]] = TimedCalls("commit")
        self._cooperative = settings.assignor == "cooperative-sticky"
        #: Partitions that have to go back before the next record is returned: a rebalance left
        #: them with us, and they may be beyond what will be committed.
        self._stale: set[Place] = set()
        if settings.auto_offset_reset == "latest":
            begin_at_ends(settings, topics=topics, group=group)
        with checked_options():
            self._consumer = Consumer(options)
        self._positions = Positions(self._consumer, cooperative=self._cooperative)
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
    def assignment(self) -> frozenset[Place]:
        """See `Consumer.assignment`."""
        return frozenset(self._owned)

    @property
    def generation(self) -> int:
        """See `Consumer.generation`."""
        return self._changes

    @property
    def gaps(self) -> int:
        """See `Consumer.gaps`."""
        return self._positions.gaps

    def poll(self, *, timeout_ms: int, max_records: int) -> Polled:
        """See `Consumer.poll`."""
        self._rewind_stale()
        self._find_again()
        before = self._changes
        with translated_errors("poll"):
            messages = self._consumed(timeout_ms, max_records)
        by_partition = self._taken(messages, before)
        metadata = self._consumer.consumer_group_metadata()
        records = [*chain.from_iterable(by_partition.values())]
        return Polled(records, self._changes, metadata)

    def commit(
        self,
        offsets: Mapping[Place, int],
        *,
        generation: int,
        metadata: str = "",
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> None:
        """See `Consumer.commit`."""
        # The broker takes any partition from any member: only we know that it is no longer ours.
        if generation != self._changes or not offsets.keys() <= self._owned:
            raise TransportError("commit: the assignment changed since the batch was polled")
        wanted = [TopicPartition(*place, offset, metadata) for place, offset in offsets.items()]
        try:
            with translated_errors("commit"):
                stored = self._commits.call(
                    lambda: self._consumer.commit(offsets=wanted, asynchronous=False),
                    timeout_s=timeout_s,
                )
        except TimeoutError as error:
            raise TransportError(f"commit: {error}") from None
        for place in stored:
            if place.error is not None:
                raise TransportError(f"commit: {describe(place.error)}")

    def rewind(self) -> dict[Place, CommittedOffset]:
        """See `Consumer.rewind`. One round trip for all partitions."""
        found = self._positions.rewind(self._owned)
        self._stale.clear()
        return found

    def seek(self, starts: Mapping[Place, int]) -> None:
        """See `Consumer.seek`."""
        self._positions.seek(starts)

    def begin_anew(self) -> None:
        """See `Consumer.begin_anew`. One round trip for each partition, and one for the commit."""
        starts = self._positions.beginnings(self._owned)
        if starts:
            self.commit(starts, generation=self._changes)
        self._positions.begin_at(starts)
        self._stale.clear()

    def pause(self) -> None:
        """See `Consumer.pause`. What was read ahead is dropped and fetched again."""
        if not self._paused:
            self._paused = True
            self._consumer.pause(partitions(self._owned))

    def resume(self) -> None:
        """See `Consumer.resume`."""
        if self._paused:
            self._paused = False
            self._consumer.resume(partitions(self._owned))

    def keep_alive(self, *, timeout_ms: int = 100) -> None:
        """See `Consumer.keep_alive`. Heartbeats are the library's own; this is the poll."""
        self.pause()
        before = self._changes
        with translated_errors("keep alive"):
            message = self._consumer.poll(timeout_ms / 1_000)
        if message is not None:
            self._taken([message], before)

    def lag(self) -> int:
        """See `Consumer.lag`. The ends are from the last fetch."""
        return self._positions.lag(self._owned)

    def close(self, *, timeout_s: float = 10) -> None:
        """See `Consumer.close`. A close that takes longer goes on in a thread of its own."""
        self._commits.close()
        closing = Thread(target=self._consumer.close, name="close-consumer", daemon=True)
        closing.start()
        closing.join(timeout_s)

    def _consumed(self, timeout_ms: int, max_records: int) -> list[Message]:
        """Up to so many messages, as soon as there is one; the end of a partition is no record.

        `consume` waits until it has all that it was asked for, so it waits for one only.
        """
        deadline = time.monotonic() + timeout_ms / 1_000
        messages: list[Message] = self._consumer.consume(max_records, 0)
        while all(map(is_end, messages)) and (left := deadline - time.monotonic()) > 0:
            more = self._consumer.consume(1, left)
            if not more:
                break
            messages += more
            if not is_end(more[0]) and max_records > 1:
                messages += self._consumer.consume(max_records - 1, 0)
        return messages

    def _taken(self, messages: Sequence[Message], before: int) -> dict[Place, list[Record]]:
        """The records of messages by partition; none where they must be read again.

        Args:
            messages: what one call of the library brought.
            before: the generation before that call.
        """
        by_partition = records_of(self._without_errors(messages))
        self._positions.read(by_partition)
        if self._changes != before:
            # Some of these records may be from before the change. librdkafka would not give them
            # again, but where their partition was assigned anew.
            self._stale |= self._owned & by_partition.keys()
            self._rewind_stale()
            by_partition = {}
        if self._paused:
            places = by_partition.items()
            self._positions.seek({place: records[0].offset for place, records in places})
            by_partition = {}
        # Last, because a partition that was just assigned takes no seek.
        self._find_again()
        return by_partition

    def _without_errors(self, messages: Sequence[Message]) -> Sequence[Message]:
        """The messages that bring a record; what the others say is noted."""
        if not any(map(Message.error, messages)):
            return messages
        found = []
        for message in messages:
            if (error := message.error()) is None:
                found.append(message)
            elif not self._positions.note(message):
                self._check(error)
        return found

    def _rewind_stale(self) -> None:
        if self._stale:
            self._positions.rewind(self._stale)
            self._stale.clear()

    def _find_again(self) -> None:
        self._positions.find_again(self._owned, paused=self._paused)

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
        self._positions.forget(self._owned - self._stale)
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
