"""The demo's two ends of the pipeline: the sample goes in at a pace, records come out."""

from time import monotonic
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from profiler.config.settings import KafkaSettings
from profiler.demo.sample import read_sample
from profiler.kafka.client_options import connection_options, translated_errors
from profiler.kafka.protocol import Producer
from profiler.records.types import OutputRecord, Record

_MAX_POLL_RECORDS = 500


class SampleFeed:
    """Produces the sample evenly over a time, beginning with the first call of `send_due`."""

    def __init__(self, producer: Producer, topic: str, *, duration_s: float) -> None:
        """Read the sample.

        Args:
            producer: where it goes.
            topic: likewise.
            duration_s: how long it takes.
        """
        self._producer = producer
        self._records = [
            OutputRecord(topic, record.key, record.value, (), record.timestamp)
            for record in read_sample()
        ]
        self._duration_s = duration_s
        self._began: float | None = None
        self._sent = 0

    @property
    def total(self) -> int:
        """Number of records in the sample."""
        return len(self._records)

    def send_due(self) -> None:
        """Send what is due by now.

        Raises:
            TransportError: see `Producer.send`.
        """
        now = monotonic()
        if self._began is None:
            self._began = now
        share = min(1.0, (now - self._began) / self._duration_s)
        until = max(1, int(share * self.total))
        if until > self._sent:
            self._producer.send(self._records[self._sent : until])
            self._sent = until


class Outputs:
    """Reads topics from their beginning, without a consumer group."""

    def __init__(self, settings: KafkaSettings, topics: list[str]) -> None:
        """Connect; blocks until a broker answers, 30 s at most.

        Raises:
            TransportError: no broker answers.
        """
        with translated_errors("read the output"):
            self._consumer: Any = KafkaConsumer(
                **connection_options(settings),
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                metrics_enabled=False,
            )
            self._consumer.assign(
                [
                    TopicPartition(topic, partition)
                    for topic in topics
                    for partition in self._consumer.partitions_for_topic(topic)
                ]
            )

    def poll(self, *, timeout_ms: int) -> list[Record]:
        """The next records; blocks up to `timeout_ms`.

        Raises:
            TransportError: the log refuses us.
        """
        with translated_errors("read the output"):
            polled = self._consumer.poll(timeout_ms=timeout_ms, max_records=_MAX_POLL_RECORDS)
        return [
            Record(m.topic, m.partition, m.offset, m.timestamp, m.key, m.value, tuple(m.headers))
            for messages in polled.values()
            for m in messages
        ]

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close(autocommit=False, timeout_ms=1_000)
