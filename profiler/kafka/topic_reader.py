"""Reads whole topics without a consumer group: nothing is committed, and nobody else notices it.

For onlookers that may miss records: a live page, a demo. What must see every record once is a
`profiler.kafka.protocol.Consumer`.
"""

import time
from collections.abc import Sequence
from typing import Any, Literal

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import CorruptRecordError

from profiler.config import KafkaSettings
from profiler.kafka.client_options import CALL_TIMEOUT_MS, onlooker_options, translated_errors
from profiler.kafka.foreign_names import read_past
from profiler.kafka.kafka_python.messages import record_of
from profiler.records.types import Record

#: Between two looks for topics and partitions that are new, and whether the brokers answer. The
#: client asks for new partitions of a known topic every five minutes.
_LOOK_S = 10.0
_LOOK_TIMEOUT_MS = 5_000
#: Of all partitions together: an onlooker needs no deep buffers.
_FETCH_BYTES = 8 * 1024 * 1024
_CLOSE_TIMEOUT_MS = 1_000


class TopicReader:
    """The committed records of all partitions; a topic may be made later.

    The calls come from one thread.
    """

    def __init__(
        self, settings: KafkaSettings, topics: Sequence[str], *, begin: Literal["first", "end"]
    ) -> None:
        """Connect; blocks until a broker answers, 30 s at most.

        Args:
            settings: how to reach the cluster.
            topics: their names.
            begin: where reading begins; partitions that appear later are read from their first
                record.

        Raises:
            TransportError: no broker answers.
            ConfigError: the client refuses the settings.
        """
        self._settings = settings
        self._topics = list(topics)
        self._places: list[Any] = []
        self._looked_at = 0.0
        with translated_errors(f"read {', '.join(topics)}"):
            options = {**onlooker_options(settings), "fetch_max_bytes": _FETCH_BYTES}
            if begin == "end":
                # For offsets that the topic has removed: what comes now is what is wanted.
                options["auto_offset_reset"] = "latest"
            self._consumer: Any = KafkaConsumer(**options)
            self._look()
            if begin == "end":
                self._go_to_ends()

    def poll(self, *, timeout_ms: int, max_records: int) -> list[Record]:
        """The next records, in offset order inside each partition.

        Blocks up to `timeout_ms`; every ten seconds for a round trip more, of 5 s at most, since
        a client whose brokers are away just says that nothing came.

        Raises:
            TransportError: the log refuses us, or no broker answers any more.
        """
        with translated_errors("read"):
            if time.monotonic() - self._looked_at > _LOOK_S:
                self._look()
                self._consumer.end_offsets(self._places, timeout_ms=_LOOK_TIMEOUT_MS)
            if not self._places:
                time.sleep(timeout_ms / 1_000)
                return []
            try:
                polled = self._consumer.poll(timeout_ms=timeout_ms, max_records=max_records)
            except CorruptRecordError:
                return read_past(self._settings, self._consumer, self._places)
        return [record_of(message) for messages in polled.values() for message in messages]

    def skip_if_behind(self, *, by: int) -> int:
        """Go to the ends where more offsets than `by` are unread; returns how many were left out.

        Without a skip it asks nobody: an end is what the last fetch reported.

        Raises:
            TransportError: no broker answers.
        """
        with translated_errors("read"):
            behind = sum(
                max(0, (self._consumer.highwater(place) or 0) - self._position(place))
                for place in self._places
            )
            return self._go_to_ends() if behind > by else 0

    def close(self) -> None:
        """Disconnect; blocks for a second at most."""
        with translated_errors("close"):
            self._consumer.close(autocommit=False, timeout_ms=_CLOSE_TIMEOUT_MS)

    def _look(self) -> None:
        """Find the partitions; new ones are read from their first record."""
        self._looked_at = time.monotonic()
        found = [
            TopicPartition(topic, number)
            for topic in self._topics
            for number in sorted(self._consumer.partitions_for_topic(topic) or ())
        ]
        fresh = [place for place in found if place not in self._places]
        if fresh:
            self._places += fresh
            self._consumer.assign(self._places)
            for place, first in self._consumer.beginning_offsets(fresh).items():
                self._consumer.seek(place, first)

    def _go_to_ends(self) -> int:
        ends = self._consumer.end_offsets(self._places)
        skipped = 0
        for place, end in ends.items():
            skipped += max(0, end - self._position(place))
            self._consumer.seek(place, end)
        return skipped

    def _position(self, place: Any) -> int:  # noqa: ANN401 - the client's
        return int(self._consumer.position(place, timeout_ms=CALL_TIMEOUT_MS) or 0)
