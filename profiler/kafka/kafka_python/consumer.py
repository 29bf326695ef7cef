"""kafka-python's consumer. Over 250 lines: every call has to reckon with a rebalance."""

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
from profiler.kafka.admin.ends import begin_at_ends
from profiler.kafka.beginnings import tell_gap
from profiler.kafka.client_options import CALL_TIMEOUT_MS as _TIMEOUT_MS
from profiler.kafka.client_options import (
    CALL_TIMEOUT_S,
    connection_options,
    translated_errors,
)
from profiler.kafka.foreign_names import read_past
from profiler.kafka.garbage import Garbage
from profiler.kafka.kafka_python.messages import record_of
from profiler.kafka.kafka_python.offsets import metadata_of, offsets_with
from profiler.kafka.protocol import CommittedOffset, Polled
from profiler.kafka.reach import with_reasons
from profiler.records.types import Record

_LOG = logging.getLogger(__name__)
_FETCH_BYTES_PER_PARTITION = 4 * 1024 * 1024
#: Between two looks of a poll. The client's own wait runs in circles while a broker is silent, and
#: every round leaves callbacks behind: 400 MB in 20 s.
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.001, 0.02
_JOIN_STEP_MS, _STUCK_JOIN_S, _NOWHERE = 100, 3.0, 1 << 62


class KafkaPythonConsumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """A `profiler.kafka.protocol.Consumer`.

    The assignor is `range` alone: during a rebalance this client returns no records anyway.
    """

    def __init__(self, settings: KafkaSettings, *, topics: Sequence[str], group: str) -> None:
        """Connect and subscribe; the first polls join. Blocks for a broker, 30 s at most.

        Raises:
            TransportError: no broker answers.
            ConfigError: the client refuses the settings.
        """
        self._settings = settings
        self._topics = list(topics)
        self._garbage = Garbage()
        self._owned: frozenset[Any] = frozenset()
        self._changes = 0
        self._paused = False
        #: A rebalance ended, and partitions may be beyond what will be committed.
        self._stale = False
        self._first_offsets: dict[Any, int] = {}
        #: Offsets of partitions that a resume has moved to nowhere, for one poll.
        self._aside: dict[Any, int] = {}
        self._stable_in = -1
        self._answered_at: float | None = None
        self._gaps = 0
        if settings.auto_offset_reset == "latest":
            begin_at_ends(settings, topics=topics, group=group)
        with (
            with_reasons(settings, timeout_s=CALL_TIMEOUT_S) as connect_s,
            translated_errors(f"connect to {settings.bootstrap_servers}"),
        ):
            self._consumer = KafkaConsumer(
                **connection_options(settings),
                bootstrap_timeout_ms=int(connect_s * 1_000),
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
            self._consumer.subscribe(topics=self._topics, listener=self)

    @property
    def assignment(self) -> frozenset[tuple[str, int]]:
        """See `Consumer.assignment`. Empty from the start of a rebalance to its end."""
        return frozenset(map(tuple, self._owned))

    @property
    def generation(self) -> int:
        """See `Consumer.generation`."""
        return self._changes

    @property
    def gaps(self) -> int:
        """See `Consumer.gaps`."""
        return self._gaps

    def poll(self, *, timeout_ms: int, max_records: int) -> Polled:
        """See `Consumer.poll`. Sees a record up to 20 ms late; waits 100 ms at least in a join."""
        with translated_errors("poll"):
            if self._stale:
                self.rewind()
            records = self._poll(timeout_ms, max_records)
            if self._stale:
                self.rewind()
        self._garbage.passed(records)
        return Polled(records, self._changes, self._consumer.group_metadata())

    def commit(
        self,
        offsets: Mapping[tuple[str, int], int],
        *,
        generation: int,
        metadata: str = "",
        timeout_s: float = 30,
    ) -> None:
        """See `Consumer.commit`. Retries by itself what can be retried, all the time it has."""
        # The broker takes any partition from any member: only we know that it is no longer ours.
        if generation != self._changes or not offsets.keys() <= self.assignment:
            raise TransportError("commit: the assignment changed since the batch was polled")
        wanted = offsets_with(metadata, offsets)
        with translated_errors("commit"):
            self._consumer.commit(wanted, timeout_ms=int(timeout_s * 1_000))

    def rewind(self) -> dict[tuple[str, int], CommittedOffset]:
        """See `Consumer.rewind`."""
        stored: dict[tuple[str, int], CommittedOffset] = {}
        starts = {}
        with translated_errors("rewind"):
            for place in self._owned:
                found = self._consumer.committed(place, metadata=True, timeout_ms=_TIMEOUT_MS)
                if found is not None:
                    offset = found.offset
                    stored[tuple(place)] = CommittedOffset(offset, metadata_of(found))
                elif (offset := self._first_offsets.get(place)) is None:
                    offset = self._first_offsets[place] = self._starts([place])[place]
                starts[place] = offset
        self.seek(starts)
        self._stale = False
        return stored

    def seek(self, starts: Mapping[tuple[str, int], int]) -> None:
        """See `Consumer.seek`."""
        with translated_errors("seek"):
            for place, offset in starts.items():
                if place in self._aside:
                    self._aside[TopicPartition(*place)] = offset
                else:
                    self._consumer.seek(TopicPartition(*place), offset)

    def begin_anew(self) -> None:
        """See `Consumer.begin_anew`. One round trip for the beginnings, and one for the commit."""
        with translated_errors("begin anew"):
            self._first_offsets = starts = self._starts(self._owned)
            if starts:
                offsets = {place: OffsetAndMetadata(at, "", -1) for place, at in starts.items()}
                self._consumer.commit(offsets, timeout_ms=_TIMEOUT_MS)
            self._aside.clear()
            for place, offset in starts.items():
                self._consumer.seek(place, offset)
        self._stale = False

    def pause(self) -> None:
        """See `Consumer.pause`. What was read ahead is dropped and fetched again."""
        self._paused = True
        self._consumer.pause(*self._owned)

    def resume(self) -> None:
        """See `Consumer.resume`."""
        if not self._paused:
            return
        # In a pause the client forgets that it gave up a batch (see `foreign_names`), and would
        # then look for its next record for ever: so make it drop all batches that it holds.
        for place in self._owned:
            with suppress(KafkaError):  # it has no offset yet
                if (offset := self._consumer.position(place, timeout_ms=0)) is not None:
                    self._aside.setdefault(place, offset)
                    self._consumer.seek(place, _NOWHERE)
        self._paused = False
        self._consumer.resume(*self._owned)

    def keep_alive(self, *, timeout_ms: int = 100) -> None:
        """See `Consumer.keep_alive`. Heartbeats are the client's own thread's; this is the poll."""
        self.pause()
        with translated_errors("keep alive"):
            self._poll(timeout_ms, 1)

    def lag(self) -> int:
        """See `Consumer.lag`. Records of open transactions count."""
        total = 0
        for place in self._owned:
            with suppress(KafkaError):  # it has no offset yet
                if (end := self._consumer.highwater(place)) is not None:
                    at = self._aside.get(place, self._consumer.position(place, timeout_ms=0))
                    total += max(0, end - (end if at is None else at))
        return total

    def close(self, *, timeout_s: float = 10) -> None:
        """See `Consumer.close`."""
        with translated_errors("close"):
            self._consumer.close(autocommit=False, timeout_ms=int(timeout_s * 1_000))

    def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ANN401, ARG002 - the client's
        """Called inside a poll, as `on_partitions_assigned` is: count, and own nothing."""
        self._changes += 1
        self._owned = frozenset()

    def on_partitions_assigned(self, assigned: Any) -> None:  # noqa: ANN401 - the client's
        """Count, and pause all that is ours, or nothing of it."""
        self._changes += 1
        self._owned = frozenset(assigned)
        self._stale = True
        (self._consumer.pause if self._paused else self._consumer.resume)(*assigned)

    def _poll(self, timeout_ms: int, max_records: int) -> list[Record]:
        deadline, pause_s = time.monotonic() + timeout_ms / 1_000, _SHORTEST_PAUSE_S
        before = self._changes
        while True:
            found = self._look(max_records)
            remaining_s = deadline - time.monotonic()
            if found or remaining_s <= 0 or self._changes != before:
                break
            time.sleep(min(pause_s, remaining_s))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        for place, records in found.items():
            self._first_offsets.setdefault(place, records[0].offset)
            if self._paused:
                self._consumer.seek(place, records[0].offset)
        if self._paused or self._changes != before:
            return []
        return [record for records in found.values() for record in records]

    def _look(self, max_records: int) -> dict[Any, list[Record]]:
        """Poll once; wait only for the answer to a join, which the client takes only waiting."""
        wait_ms = _JOIN_STEP_MS if self._is_joining() else 0
        try:
            polled = self._consumer.poll(timeout_ms=wait_ms, max_records=max_records)
        except NoOffsetForPartitionError:
            return {}  # a partition is new: the rewind finds one
        except (OffsetOutOfRangeError, LogTruncationError) as error:
            if not self._stale:  # else the rewind comes first, and meets it again
                self._go_on_elsewhere(error)
            return {}
        except CorruptRecordError:
            records = read_past(self._settings, self._consumer, self._owned)
            place = TopicPartition(*records[0][:2])
            if len(records) > max_records:
                self._consumer.seek(place, records[max_records].offset)
            return {place: records[:max_records]}
        if self._aside:
            for place in self._aside.keys() & self._owned:
                self._consumer.seek(place, self._aside[place])
            self._aside.clear()
            return {}
        return {
            place: [record_of(message) for message in messages]
            for place, messages in polled.items()
        }

    def _is_joining(self) -> bool:
        """Whether a join is under way. Begins anew where the client lost the answer to one.

        That is a join that outlasts a poll, and that new metadata alone began.
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
            _LOG.warning("join the group anew: the client lost the answer to the last join")
            self._answered_at = None
            self._consumer.unsubscribe()
            self._consumer.subscribe(topics=self._topics, listener=self)
        return True

    def _starts(self, places: Iterable[Any]) -> dict[Any, int]:
        """The first offsets that are there."""
        found = self._consumer.beginning_offsets(list(places), timeout_ms=_TIMEOUT_MS)
        return dict(found)

    def _go_on_elsewhere(self, error: KafkaError) -> None:
        """Go where a truncated log ends, or to the first record that is there, and tell it."""
        ends = getattr(error, "divergent_offsets", None) or dict.fromkeys(error.args[0])
        # What is moved aside is nowhere by intent, and comes back with the next poll.
        lost = ends.keys() - self._aside.keys()
        self._gaps += bool(lost)
        for place in lost:
            end = ends[place]
            wanted = self._consumer.position(place, timeout_ms=0)
            offset = self._starts([place])[place] if end is None else end.offset
            tell_gap(*place, wanted=-1 if wanted is None else wanted, first=offset)
            self._consumer.seek(place, offset)
