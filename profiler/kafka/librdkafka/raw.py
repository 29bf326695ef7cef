"""What a sender asks of librdkafka, and how confluent-kafka gives it.

The compiled way is in `profiler.kafka.librdkafka.compiled`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from profiler.errors import TransportError
from profiler.kafka.librdkafka.messages import sendable
from profiler.records.types import Headers, OutputRecord

#: What a record takes beside its parts, at most about.
_OVERHEAD_BYTES = 32


class RawProducer(Protocol):
    """A producer of librdkafka. All that fails raises `confluent_kafka.KafkaException`.

    Times are seconds. A call that waits lets other threads run.
    """

    def reach(self, timeout_s: float) -> None:
        """Block until a broker answers."""
        ...

    def produce(self, records: list[OutputRecord], start: int, slice_bytes: int) -> int:
        """Queue records from a place on, until so many bytes of one topic are queued.

        A record that the library does not take ends it, and is among the failures. A foreign byte
        of a header's name goes out as ``?``, and a name ends before its first NUL: librdkafka
        takes UTF-8 as C has it. A timestamp of 0 or less becomes the time of sending.

        Args:
            records: only read.
            start: the place of the first one.
            slice_bytes: of a topic; one record alone may have more.

        Returns:
            The place of the next one.
        """
        ...

    def flush(self, timeout_s: float) -> int:
        """Wait until what is queued is acknowledged or given up; returns how much is neither."""
        ...

    def failures(self) -> list[tuple[str, KafkaError]]:
        """Topic and error of each record that was given up since the last call."""
        ...

    def purge(self) -> None:
        """Give up what is queued, and what is on its way; `flush` waits for its end."""
        ...

    def init_transactions(self, timeout_s: float) -> None:
        """See librdkafka; so for the ones below."""
        ...

    def begin_transaction(self) -> None:
        """Begin one; asks nobody."""
        ...

    def send_offsets(
        self,
        offsets: Sequence[tuple[str, int, int]],
        metadata: str,
        group_metadata: bytes,
        timeout_s: float,
    ) -> None:
        """Topics, partitions and next offsets to read, each with the metadata."""
        ...

    def commit_transaction(self, timeout_s: float) -> None:
        """Commit; all records are acknowledged before."""
        ...

    def abort_transaction(self, timeout_s: float) -> None:
        """Abort; likewise."""
        ...


#: Makes one of the library's options.
MakeRaw = Callable[[Mapping[str, Any]], RawProducer]


class ConfluentProducer:
    """A `RawProducer` by confluent-kafka.

    Raises:
        KafkaException: the library refuses the options.
        ValueError, TypeError: confluent-kafka does.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        # Successes are counted by `flush`; a call into Python for each would cost as much as the
        # rest of producing it.
        self._client: Any = Producer({**options, "delivery.report.only.error": True})
        self._failures: list[tuple[str, KafkaError]] = []

    def reach(self, timeout_s: float) -> None:
        """See `RawProducer.reach`."""
        self._client.list_topics(timeout=timeout_s)

    def produce(self, records: list[OutputRecord], start: int, slice_bytes: int) -> int:
        """See `RawProducer.produce`."""
        produce, failed = self._client.produce, self._failed
        room: dict[str, int] = {}  # bytes left of the slice, by topic
        last: Headers = ()
        given, around = sendable(last), _OVERHEAD_BYTES
        topic = ""
        at = start
        try:
            for at in range(start, len(records)):
                topic, key, value, headers, timestamp = records[at]
                if headers is not last:  # both outputs of an event have the same
                    last, given = headers, sendable(headers)
                    around = _OVERHEAD_BYTES
                    for name, part in given:
                        around += len(name) + len(part or b"")
                size = len(key or b"") + len(value or b"") + around
                left = room.get(topic, slice_bytes)
                if size > left and topic in room:
                    return at
                room[topic] = left - size
                # Here 0 stands for the time of sending, as -1 does in a record.
                produce(topic, value, key, -1, failed, None, max(0, timestamp), given)
        except KafkaException as error:
            self._failures.append((topic, error.args[0]))
        except BufferError:
            self._failures.append((topic, KafkaError(KafkaError._QUEUE_FULL)))  # noqa: SLF001 - its public name
        return at + 1

    def flush(self, timeout_s: float) -> int:
        """See `RawProducer.flush`."""
        try:
            return int(self._client.flush(timeout_s))
        except KafkaException:
            raise
        except Exception as error:
            # The binding raises a fatal error in the midst of calling `_failed` and the logger. It
            # may lose the error, or end with what the interpreter makes of such a call: a
            # SystemError, or an AttributeError for a method that is there.
            if isinstance(error.__cause__, KafkaException):
                raise error.__cause__ from None
            raise TransportError("flush: a fatal error of the client") from error

    def failures(self) -> list[tuple[str, KafkaError]]:
        """See `RawProducer.failures`."""
        failures, self._failures = self._failures, []
        return failures

    def purge(self) -> None:
        """See `RawProducer.purge`."""
        self._client.purge()

    def init_transactions(self, timeout_s: float) -> None:
        """See `RawProducer.init_transactions`."""
        self._client.init_transactions(timeout_s)

    def begin_transaction(self) -> None:
        """See `RawProducer.begin_transaction`."""
        self._client.begin_transaction()

    def send_offsets(
        self,
        offsets: Sequence[tuple[str, int, int]],
        metadata: str,
        group_metadata: bytes,
        timeout_s: float,
    ) -> None:
        """See `RawProducer.send_offsets`."""
        places = [TopicPartition(*place, metadata=metadata) for place in offsets]
        self._client.send_offsets_to_transaction(places, group_metadata, timeout_s)

    def commit_transaction(self, timeout_s: float) -> None:
        """See `RawProducer.commit_transaction`."""
        self._client.commit_transaction(timeout_s)

    def abort_transaction(self, timeout_s: float) -> None:
        """See `RawProducer.abort_transaction`."""
        self._client.abort_transaction(timeout_s)

    def _failed(self, error: KafkaError, message: Message) -> None:
        self._failures.append((str(message.topic()), error))
