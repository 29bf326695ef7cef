"""Where the demo's pipeline begins: the sample goes in at a pace."""

from time import monotonic

from profiler.demo.sample import read_sample
from profiler.kafka.protocol import Producer
from profiler.records.types import OutputRecord


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
