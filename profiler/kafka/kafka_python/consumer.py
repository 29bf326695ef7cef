"""The consumer on kafka-python 3.0.x."""

from collections.abc import Mapping, Sequence
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.structs import OffsetAndMetadata

from profiler.config import KafkaSettings
from profiler.errors import TransportError
from profiler.kafka.garbage import Garbage
from profiler.kafka.kafka_python.client import (
    CALL_TIMEOUT_MS,
    CALL_TIMEOUT_S,
    CLOSE_TIMEOUT_S,
    Assignments,
    connection_options,
    translated_errors,
)
from profiler.kafka.kafka_python.header_names import tolerate_header_names
from profiler.records.types import Record

_FETCH_BYTES_PER_PARTITION = 4 * 1024 * 1024
_FETCH_PAUSE_MS = 5


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
        self._garbage = Garbage()
        with translated_errors(f"connect to {settings.bootstrap_servers}"):
            self._consumer = KafkaConsumer(
                **connection_options(settings),
                group_id=group,
                group_instance_id=settings.group_instance_id,
                enable_auto_commit=False,
                # Also makes the group hold back offsets of open transactions.
                isolation_level="read_committed",
                auto_offset_reset=settings.auto_offset_reset,
                allow_auto_create_topics=False,
                session_timeout_ms=settings.session_timeout_ms,
                heartbeat_interval_ms=settings.heartbeat_interval_ms,
                max_poll_interval_ms=settings.max_poll_interval_ms,
                partition_assignment_strategy=(RangePartitionAssignor,),
                max_partition_fetch_bytes=_FETCH_BYTES_PER_PARTITION,
                # The client sleeps this long whenever a fetch was answered faster than it looked,
                # which under load is after every few batches; the default is 100 ms.
                retry_backoff_ms=_FETCH_PAUSE_MS,
                metrics_enabled=False,
            )
            tolerate_header_names(self._consumer)
            self._assignments = Assignments(self._consumer)
            self._consumer.subscribe(topics=list(topics), listener=self._assignments)
        self._polled_at = 0
        self._first_offsets: dict[Any, int] = {}

    @property
    def assignment(self) -> frozenset[tuple[str, int]]:
        """See `Consumer.assignment`. Empty from the start of a rebalance to its end."""
        return frozenset(map(tuple, self._consumer.assignment()))

    @property
    def generation(self) -> int:
        """See `Consumer.generation`."""
        return self._assignments.changes

    def poll(self, *, timeout_ms: int, max_records: int) -> list[Record]:
        """See `Consumer.poll`. Blocks the longer of `timeout_ms` and one step of a rebalance."""
        with translated_errors("poll"):
            polled = self._consumer.poll(timeout_ms=timeout_ms, max_records=max_records)
        self._polled_at = self._assignments.changes
        records: list[Record] = []
        for partition, messages in polled.items():
            self._first_offsets.setdefault(partition, messages[0].offset)
            records.extend(
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
            )
        self._garbage.passed(records)
        return records

    def commit(
        self, offsets: Mapping[tuple[str, int], int], *, timeout_s: float = CALL_TIMEOUT_S
    ) -> None:
        """See `Consumer.commit`. Retries by itself what can be retried, all the time it has."""
        wanted = {
            TopicPartition(*partition): OffsetAndMetadata(offset, "", -1)
            for partition, offset in offsets.items()
        }
        # The broker takes any partition from any member: only we know that it is no longer ours.
        if self._assignments.changes != self._polled_at or not (
            wanted.keys() <= self._consumer.assignment()
        ):
            raise TransportError("commit: the assignment changed since the batch was polled")
        with translated_errors("commit"):
            self._consumer.commit(wanted, timeout_ms=int(timeout_s * 1_000))

    def rewind(self) -> None:
        """See `Consumer.rewind`."""
        with translated_errors("rewind"):
            for partition in self._consumer.assignment():
                offset = self._consumer.committed(partition, timeout_ms=CALL_TIMEOUT_MS)
                if offset is None:
                    offset = self._first_offsets.get(partition)
                if offset is not None:
                    self._consumer.seek(partition, offset)

    def pause(self) -> None:
        """See `Consumer.pause`. Fetched records stay in the client's buffer."""
        self._assignments.held = True
        self._consumer.pause(*self._consumer.assignment())

    def resume(self) -> None:
        """See `Consumer.resume`."""
        self._assignments.held = False
        self._consumer.resume(*self._consumer.assignment())

    def keep_alive(self, *, timeout_ms: int = 100) -> bool:
        """See `Consumer.keep_alive`. Heartbeats are the client's own thread's; this is the poll."""
        self.pause()
        with translated_errors("keep alive"):
            self._consumer.poll(timeout_ms=timeout_ms)
        return self._assignments.changes == self._polled_at

    def lag(self) -> int:
        """See `Consumer.lag`. Records of open transactions count."""
        total = 0
        # `position()` may go to the broker and start offset resets; this only looks.
        states = self._consumer._subscription.assignment  # noqa: SLF001 - see above
        for state in list(states.values()):
            if state.highwater is not None and state.position is not None:
                total += max(0, state.highwater - state.position.offset)
        return total

    def close(self, *, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """See `Consumer.close`."""
        with translated_errors("close"):
            self._consumer.close(autocommit=False, timeout_ms=int(timeout_s * 1_000))
