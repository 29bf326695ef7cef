"""What the worker needs of Kafka: a source to read from and a sink to write to.

Adapters keep these promises, and one contract test holds all of them to it. The calls of one
object come from one thread.

At-least-once is the only mode so far. Exactly-once will let the sink take the offsets along
with the records, in one transaction, and drop `Source.commit`; nothing else here changes.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from profiler.records.types import OutputRecord, Record


class Source(Protocol):
    """A member of a consumer group that never commits by itself.

    The worker's turn: `poll`, work, `commit`. After any `TransportError`, and after
    `keep_alive` returned False, the batch in hand is void: `rewind`, `resume`, `poll` again.
    """

    @property
    def assignment(self) -> frozenset[tuple[str, int]]:
        """Topic and number of every partition that this member owns now."""
        ...

    @property
    def assignment_epoch(self) -> int:
        """A number that every rebalance changes.

        What was polled under another number and is not committed is read again, by whoever owns
        its partition now.
        """
        ...

    def poll(self, *, timeout_ms: int, max_records: int) -> list[Record]:
        """Read the next records, grouped by partition, in offset order inside each.

        Blocks up to `timeout_ms`; takes part in the group's rebalances. An empty list means
        that nothing came, also because the broker is away: the client goes on trying. A header
        name that is not UTF-8 has its foreign bytes as lone surrogates (``surrogateescape``);
        where the client cannot tell the names, one such name stands for all headers.

        Raises:
            TransportError: the group or the log refuses us.
        """
        ...

    def commit(self, offsets: Mapping[tuple[str, int], int], *, timeout_s: float = 30) -> None:
        """Store the next offset to read of every given (topic, partition).

        Blocks until the group has stored them, for `timeout_s` at most.

        Raises:
            TransportError: nothing is known to be stored: the group moved on since the last
                poll, or the broker is away.
        """
        ...

    def rewind(self) -> None:
        """Go back to the committed offsets, so that all uncommitted records come again.

        A partition without a committed offset goes back to the first record read from it,
        which is where the reset policy had put it. Blocks for one round trip per partition.

        Raises:
            TransportError: the committed offsets cannot be read now; try again.
        """
        ...

    def pause(self) -> None:
        """Stop `poll` from returning records, also of partitions that are assigned later."""
        ...

    def resume(self) -> None:
        """Undo `pause`; no record was lost meanwhile."""
        ...

    def keep_alive(self, *, timeout_ms: int = 100) -> bool:
        """Stay in the group while a batch is stuck; pauses the source and returns no records.

        Blocks up to `timeout_ms`. Best used as the very wait between two attempts, back to back:
        a rebalance goes on only inside it, and the other members wait for that.

        Returns:
            Whether the assignment is still the one of the last poll. If it is not, the batch
            may belong to another member by now and must be dropped.

        Raises:
            TransportError: the group refuses us.
        """
        ...

    def lag(self) -> int:
        """Records of the owned partitions that were not polled yet, as far as is known.

        Never blocks: the end of a partition is what its last fetch reported.
        """
        ...

    def close(self, *, timeout_s: float = 10) -> None:
        """Leave the group without committing; blocks for `timeout_s` at most."""
        ...


class Sink(Protocol):
    """A producer whose `send` is all or an error, never a part in silence."""

    def send(self, records: Iterable[OutputRecord]) -> None:
        """Produce all records and wait until every one is acknowledged by all replicas.

        Blocks for at most about twice the delivery timeout. Records of one key keep their
        order. After an error some of the records may have been written; the sink has
        connected anew at the next call, nothing of the failed one is sent later. A header name
        goes out as the bytes that `Source.poll` had it from, as far as the client can.

        Raises:
            RecordTooLargeError: one of the records is larger than its topic or the client takes.
            TransportError: names the topic and the error of the first failure.
        """
        ...

    def close(self, *, timeout_s: float = 10) -> None:
        """Disconnect; blocks for `timeout_s` at most. No record is ever pending here."""
        ...
