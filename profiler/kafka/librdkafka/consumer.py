"""The consumer on librdkafka."""

from collections.abc import Mapping, Sequence
from queue import Empty, SimpleQueue
from threading import Thread

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from profiler.config import KafkaSettings
from profiler.errors import TransportError
from profiler.kafka.librdkafka.client import (
    CALL_TIMEOUT_S,
    checked_options,
    connection_options,
    describe,
    translated_errors,
)
from profiler.kafka.librdkafka.messages import record_of
from profiler.records.types import Record

_FETCH_BYTES_PER_PARTITION = 4 * 1024 * 1024
#: What librdkafka reads ahead, over all partitions: it bounds the worker's memory.
_READ_AHEAD_KBYTES = 32 * 1024
_NO_OFFSET = -1001


class LibrdkafkaConsumer:
    """A `profiler.kafka.protocol.Consumer`.

    Reads, checks and decompresses in threads of the library's own. With a cooperative assignor a
    rebalance takes no partition away that stays here; it changes the epoch all the same, so a
    batch that it meets is read again.
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
            "auto.offset.reset": settings.auto_offset_reset,
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
        with checked_options():
            self._consumer = Consumer(options)
        with translated_errors(f"connect to {settings.bootstrap_servers}"):
            self._consumer.list_topics(topics[0], timeout=CALL_TIMEOUT_S)
            self._consumer.subscribe(
                list(topics),
                on_assign=self._assigned,
                on_revoke=self._revoked,
                on_lost=self._revoked,
            )
        self._owned: set[tuple[str, int]] = set()
        self._changes = 0
        self._polled_at = 0
        self._held = False
        self._cooperative = settings.assignor == "cooperative-sticky"
        #: A rebalance left us partitions that may have gone beyond what will be committed.
        self._stale = False
        self._first_offsets: dict[tuple[str, int], int] = {}

    @property
    def assignment(self) -> frozenset[tuple[str, int]]:
        """See `Consumer.assignment`."""
        return frozenset(self._owned)

    @property
    def generation(self) -> int:
        """See `Consumer.generation`."""
        return self._changes

    def poll(self, *, timeout_ms: int, max_records: int) -> list[Record]:
        """See `Consumer.poll`."""
        if self._stale:
            self.rewind()
            self._stale = False
        with translated_errors("poll"):
            # `consume` waits until it has all that it was asked for, so it waits for one only.
            messages = self._consumer.consume(max_records, 0)
            if not messages and timeout_ms:
                messages = self._consumer.consume(1, timeout_ms / 1_000)
                if messages and max_records > 1:
                    messages += self._consumer.consume(max_records - 1, 0)
        self._polled_at = self._changes
        by_partition: dict[tuple[str, int], list[Record]] = {}
        for message in messages:
            if (error := message.error()) is not None:
                self._check(error)
                continue
            record = record_of(message)
            place = record.topic, record.partition
            found = by_partition.get(place)
            if found is None:
                by_partition[place] = [record]
                self._first_offsets.setdefault(place, record.offset)
            else:
                found.append(record)
        return [record for found in by_partition.values() for record in found]

    def commit(self, offsets: Mapping[tuple[str, int], int], *, timeout_s: float = 30) -> None:
        """See `Consumer.commit`."""
        # The broker takes any partition from any member: only we know that it is no longer ours.
        if self._changes != self._polled_at or not offsets.keys() <= self._owned:
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
        places = [TopicPartition(*place) for place in self._owned]
        if not places:
            return
        with translated_errors("rewind"):
            for found in self._consumer.committed(places, timeout=CALL_TIMEOUT_S):
                if found.error is not None:
                    raise KafkaException(found.error)
                if found.offset < 0:
                    first = self._first_offsets.get((found.topic, found.partition))
                    if first is None:
                        continue
                    found.offset = first
                self._consumer.seek(TopicPartition(found.topic, found.partition, found.offset))

    def pause(self) -> None:
        """See `Consumer.pause`. What was read ahead is dropped and fetched again."""
        if not self._held:
            self._held = True
            self._consumer.pause([TopicPartition(*place) for place in self._owned])

    def resume(self) -> None:
        """See `Consumer.resume`."""
        if self._held:
            self._held = False
            self._consumer.resume([TopicPartition(*place) for place in self._owned])

    def keep_alive(self, *, timeout_ms: int = 100) -> bool:
        """See `Consumer.keep_alive`. Heartbeats are the library's own; this is the poll."""
        self.pause()
        with translated_errors("keep alive"):
            message = self._consumer.poll(timeout_ms / 1_000)
        if message is not None:
            if (error := message.error()) is None:
                raise TransportError("keep alive: a record came in spite of the pause")
            self._check(error)
        return self._changes == self._polled_at

    def lag(self) -> int:
        """See `Consumer.lag`. The ends are those of the last fetch."""
        if not self._owned:
            return 0
        total = 0
        for place in self._consumer.position([TopicPartition(*place) for place in self._owned]):
            _, end = self._consumer.get_watermark_offsets(place, cached=True)
            if place.offset >= 0 and end >= 0:
                total += max(0, end - place.offset)
        return total

    def close(self, *, timeout_s: float = 10) -> None:
        """See `Consumer.close`. A close that takes longer goes on in a thread of its own."""
        closing = Thread(target=self._consumer.close, name="close-consumer", daemon=True)
        closing.start()
        closing.join(timeout_s)

    def _check(self, error: KafkaError) -> None:
        """Raise what the library reports between records, unless it goes on by itself."""
        if error.code() == KafkaError._MAX_POLL_EXCEEDED:  # noqa: SLF001 - its public name
            # It has left the group, and joins again by the polls to come.
            self._changes += 1
        elif not error.retriable():
            raise TransportError(f"poll: {describe(error)}")

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._changed()
        self._owned.update((place.topic, place.partition) for place in partitions)
        if self._held and partitions:
            if self._cooperative:
                consumer.incremental_assign(partitions)
            else:
                consumer.assign(partitions)
            consumer.pause(partitions)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._held and partitions:
            # The library would keep them paused when they come back after our `resume`.
            consumer.resume(partitions)
        self._changed()
        self._owned.difference_update((place.topic, place.partition) for place in partitions)

    def _changed(self) -> None:
        self._changes += 1
        self._stale = self._cooperative
