"""The consumer on kafka-python 3.0.x, by its public API alone."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import (
    CorruptRecordError,
    KafkaError,
    LogTruncationError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)
from kafka.structs import MemberState, OffsetAndMetadata

from profiler.config import KafkaSettings
from profiler.errors import TransportError
from profiler.kafka.garbage import Garbage
from profiler.kafka.kafka_python.client import (
    CALL_TIMEOUT_MS,
    CALL_TIMEOUT_S,
    CLOSE_TIMEOUT_S,
    connection_options,
    translated_errors,
)
from profiler.kafka.kafka_python.header_names import read_past
from profiler.kafka.protocol import Polled
from profiler.records.types import Record

_LOG = logging.getLogger(__name__)

_FETCH_BYTES_PER_PARTITION = 4 * 1024 * 1024
#: How long a poll waits between two looks. The client's own wait runs in circles while a broker
#: is silent, and every round leaves callbacks behind: 400 MB in 20 s.
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.001, 0.02
_LONGEST_JOIN_STEP_MS = 100
_STUCK_JOIN_S = 3.0


class KafkaPythonConsumer:
    """A `profiler.kafka.protocol.Consumer`.

    The assignor is `range` alone: every client library has it, so that workers on another one
    can join the same group. A cooperative assignor would gain nothing here, because this
    client returns no records while a rebalance is under way.
    """

    def __init__(self, settings: KafkaSettings, *, topics: Sequence[str], group: str) -> None:
        """Connect and subscribe; the group is joined by the first polls.

        Blocks until a broker answers, 30 s at most.

        Raises:
            TransportError: no broker answers.
            ConfigError: the client refuses the settings.
        """
        self._settings = settings
        self._topics = list(topics)
        self._garbage = Garbage()
        self._first_offsets: dict[Any, int] = {}
        #: Partitions that stand one offset too far, until a poll has dropped what was read ahead.
        self._aside: dict[Any, int] = {}
        self._stable_in = -1
        self._answered_at: float | None = None
        with translated_errors(f"connect to {settings.bootstrap_servers}"):
            self._consumer = KafkaConsumer(
                **connection_options(settings),
                group_id=group,
                group_instance_id=settings.group_instance_id,
                enable_auto_commit=False,
                # Also makes the group hold back offsets of open transactions.
                isolation_level="read_committed",
                # We reset by ourselves, so that it is told, and happens once for a partition.
                auto_offset_reset="none",
                allow_auto_create_topics=False,
                session_timeout_ms=settings.session_timeout_ms,
                heartbeat_interval_ms=settings.heartbeat_interval_ms,
                max_poll_interval_ms=settings.max_poll_interval_ms,
                partition_assignment_strategy=(RangePartitionAssignor,),
                max_partition_fetch_bytes=_FETCH_BYTES_PER_PARTITION,
                metrics_enabled=False,
            )
            self._members = _Membership(self._consumer)
            self._subscribe()

    @property
    def assignment(self) -> frozenset[tuple[str, int]]:
        """See `Consumer.assignment`. Empty from the start of a rebalance to its end."""
        return frozenset(map(tuple, self._members.owned))

    @property
    def generation(self) -> int:
        """See `Consumer.generation`."""
        return self._members.changes

    def poll(self, *, timeout_ms: int, max_records: int) -> Polled:
        """See `Consumer.poll`. A record that comes is seen up to 20 ms later."""
        with translated_errors("poll"):
            records = self._poll(time.monotonic() + timeout_ms / 1_000, max_records)
        self._garbage.passed(records)
        return Polled(records, self._members.changes, self._consumer.group_metadata())

    def commit(
        self,
        offsets: Mapping[tuple[str, int], int],
        *,
        generation: int,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> None:
        """See `Consumer.commit`. Retries by itself what can be retried, all the time it has."""
        # The broker takes any partition from any member: only we know that it is no longer ours.
        if generation != self._members.changes or not offsets.keys() <= self.assignment:
            raise TransportError("commit: the assignment changed since the batch was polled")
        wanted = {
            TopicPartition(*place): OffsetAndMetadata(offset, "", -1)
            for place, offset in offsets.items()
        }
        with translated_errors("commit"):
            self._consumer.commit(wanted, timeout_ms=int(timeout_s * 1_000))

    def rewind(self) -> None:
        """See `Consumer.rewind`."""
        with translated_errors("rewind"):
            for place in self._members.owned:
                offset = self._consumer.committed(place, timeout_ms=CALL_TIMEOUT_MS)
                if offset is None:
                    offset = self._first_offsets.get(place)
                if offset is None:
                    offset = self._first_offsets[place] = self._reset_offset(place)
                self._consumer.seek(place, offset)
        self._aside.clear()
        self._members.are_stale = False

    def pause(self) -> None:
        """See `Consumer.pause`. What was read ahead is dropped and fetched again."""
        self._members.are_paused = True
        self._consumer.pause(*self._members.owned)

    def resume(self) -> None:
        """See `Consumer.resume`."""
        if not self._members.are_paused:
            return
        # A batch that the client has given up inside (see `header_names`) is forgotten during a
        # pause, and the client would look for its next record for ever.
        for place in self._members.owned:
            with suppress(KafkaError):
                offset = self._consumer.position(place, timeout_ms=0)
                if offset is not None:
                    self._aside[place] = offset
                    self._consumer.seek(place, offset + 1)
        self._members.are_paused = False
        self._consumer.resume(*self._members.owned)

    def keep_alive(self, *, timeout_ms: int = 100) -> None:
        """See `Consumer.keep_alive`. Heartbeats are the client's own thread's; this is the poll."""
        self.pause()
        with translated_errors("keep alive"):
            self._poll(time.monotonic() + timeout_ms / 1_000, 1, is_paused=True)

    def lag(self) -> int:
        """See `Consumer.lag`. Records of open transactions count."""
        total = 0
        for place in self._members.owned:
            with suppress(KafkaError):  # nothing is known of it yet
                end = self._consumer.highwater(place)
                offset = self._aside.get(place)
                if offset is None and end is not None:
                    offset = self._consumer.position(place, timeout_ms=0)
                if end is not None and offset is not None:
                    total += max(0, end - offset)
        return total

    def close(self, *, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """See `Consumer.close`."""
        with translated_errors("close"):
            self._consumer.close(autocommit=False, timeout_ms=int(timeout_s * 1_000))

    def _poll(self, deadline: float, max_records: int, *, is_paused: bool = False) -> list[Record]:
        if self._members.are_stale and not is_paused:
            self.rewind()
        before, pause_s = self._members.changes, _SHORTEST_PAUSE_S
        while True:
            by_partition = self._step(max(0.0, deadline - time.monotonic()), max_records)
            remaining_s = deadline - time.monotonic()
            if by_partition or remaining_s <= 0 or self._members.changes != before:
                break
            time.sleep(min(pause_s, remaining_s))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        for place, records in by_partition.items():
            self._first_offsets.setdefault(place, records[0].offset)
        if self._members.changes != before:
            # What stayed with us goes on behind the batch under way, which will not be committed.
            if not is_paused:
                self.rewind()
            return []
        if self._members.are_paused:
            for place, records in by_partition.items():
                self._consumer.seek(place, records[0].offset)
            return []
        return [record for records in by_partition.values() for record in records]

    def _step(self, remaining_s: float, max_records: int) -> dict[Any, list[Record]]:
        """Look once; wait only for the group's answer to a join, which this client forgets else."""
        wait_ms = min(int(remaining_s * 1_000), _LONGEST_JOIN_STEP_MS) if self._is_joining() else 0
        try:
            polled = self._consumer.poll(
                timeout_ms=wait_ms, max_records=1 if self._aside else max_records
            )
        except NoOffsetForPartitionError:
            self._members.are_stale = True  # a partition is new to us
            return {}
        except OffsetOutOfRangeError as error:
            self._go_on_elsewhere(dict.fromkeys(error.args[0]), "out of range")
            return {}
        except LogTruncationError as error:
            ends = {
                place: None if end is None else end.offset
                for place, end in error.divergent_offsets.items()
            }
            self._go_on_elsewhere(ends, "cut off: the log was truncated")
            return {}
        except CorruptRecordError:
            records = read_past(self._settings, self._consumer, self._members.owned)
            place = TopicPartition(records[0].topic, records[0].partition)
            if len(records) > max_records:
                self._consumer.seek(place, records[max_records].offset)
            return {place: records[:max_records]}
        if self._aside:
            for place in self._aside.keys() & self._members.owned:
                self._consumer.seek(place, self._aside[place])
            self._aside.clear()
            return {}
        return {place: _records_of(messages) for place, messages in polled.items()}

    def _is_joining(self) -> bool:
        """Whether a join is under way; one that the client forgot is begun anew.

        That happens to a join that outlasts a poll when new metadata was its only cause: the
        group has answered, and the client stays without partitions and never looks.
        """
        metadata, now = self._consumer.group_metadata(), time.monotonic()
        if metadata.state == MemberState.STABLE:
            self._stable_in, self._answered_at = metadata.generation_id, None
            return False
        if metadata.generation_id in {-1, self._stable_in}:
            self._answered_at = None
        elif self._answered_at is None:
            self._answered_at = now
        elif now - self._answered_at > _STUCK_JOIN_S:
            _LOG.warning("joining the group anew: the client lost the answer to its last join")
            self._answered_at = None
            self._consumer.unsubscribe()
            self._subscribe()
        return True

    def _subscribe(self) -> None:
        self._consumer.subscribe(topics=self._topics, listener=self._members)

    def _reset_offset(self, place: Any) -> int:  # noqa: ANN401 - the client's
        find = (
            self._consumer.beginning_offsets
            if self._settings.auto_offset_reset == "earliest"
            else self._consumer.end_offsets
        )
        return int(find([place], timeout_ms=CALL_TIMEOUT_MS)[place])

    def _go_on_elsewhere(self, places: Mapping[Any, int | None], reason: str) -> None:
        """Go to the given offsets, or where the reset policy says, and tell it."""
        for place, known in places.items():
            wanted = self._consumer.position(place, timeout_ms=0)
            offset = self._reset_offset(place) if known is None else known
            _LOG.warning(
                "%s [%d]: offset %s is %s; reading goes on at %d", *place, wanted, reason, offset
            )
            self._consumer.seek(place, offset)


class _Membership(ConsumerRebalanceListener):  # type: ignore[misc]
    """What we own, counted over rebalances; keeps partitions that arrive in a pause paused.

    Its callbacks run inside `KafkaConsumer.poll`, in another thread, for which poll waits.
    """

    def __init__(self, consumer: Any) -> None:  # noqa: ANN401 - the client is untyped
        self._consumer = consumer
        self.owned: frozenset[Any] = frozenset()
        self.changes = 0
        self.are_paused = False
        #: A rebalance ended, and our partitions may be beyond what will be committed.
        self.are_stale = False

    def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ANN401, ARG002 - the client's
        """Count: from here on a batch in hand may go to another member."""
        self.changes += 1
        self.owned = frozenset()

    def on_partitions_assigned(self, assigned: Any) -> None:  # noqa: ANN401 - signatures
        """Count, and pause all that is ours, or nothing of it."""
        self.changes += 1
        self.owned = frozenset(assigned)
        self.are_stale = True
        (self._consumer.pause if self.are_paused else self._consumer.resume)(*assigned)


def _records_of(messages: Iterable[Any]) -> list[Record]:
    return [
        Record(
            message.topic,
            message.partition,
            message.offset,
            -1 if message.timestamp is None else message.timestamp,
            message.key,
            message.value,
            tuple(message.headers),
        )
        for message in messages
    ]
