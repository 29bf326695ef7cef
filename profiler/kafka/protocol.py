"""What the worker needs of Kafka: a consumer to read with and producers to write with.

Three adapters keep these promises: librdkafka, kafka-python, and a broker in memory. One contract
suite holds all three to them. The calls of one object come from one thread.

Over 250 lines: one contract, most of it prose.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from profiler.records.types import OutputRecord, Record


class Polled(NamedTuple):
    """What one poll brought.

    Attributes:
        records: grouped by partition, in offset order inside each.
        generation: the consumer's generation at the end of the poll. Every record was read in it.
        group_metadata: who the member was then, as the client library's transactions want it;
            None where there is no group.
    """

    records: list[Record]
    generation: int
    group_metadata: Any


class CommittedOffset(NamedTuple):
    """What the group has stored of a partition.

    Attributes:
        offset: the next one to read.
        metadata: the text that its committer left with it; empty where there is none.
    """

    offset: int
    metadata: str


class TopicIdentity(NamedTuple):
    """What a topic is, beside its name.

    Attributes:
        cluster_id: empty where the broker tells none.
        topic_id: another one for every topic that was ever made; empty likewise.
        partitions: how many.
    """

    cluster_id: str
    topic_id: str
    partitions: int


class TimestampLimits(NamedTuple):
    """Which timestamps a topic takes: those so near to the broker's clock, in ms."""

    before_ms: int
    after_ms: int


class TopicLimits(NamedTuple):
    """What a topic takes of a record.

    Attributes:
        timestamps: None where it takes any.
        max_bytes: of one record, with its batch.
    """

    timestamps: TimestampLimits | None
    max_bytes: int


class Consumer(Protocol):
    """A member of a consumer group that commits only when told to.

    The worker's turn: `poll`, work, `commit`. After any `TransportError`, and where `generation`
    is no longer the one of the poll, the batches under way are void: `rewind`, `resume`, and
    `poll` again.
    """

    @property
    def assignment(self) -> frozenset[tuple[str, int]]:
        """Topic and number of every partition that this member owns now."""
        ...

    @property
    def generation(self) -> int:
        """A number that grows with every rebalance that this member takes part in.

        It is this object's own count, not the group's. Records that were polled in an earlier
        generation and are not committed are read again, by whoever owns their partition now.
        """
        ...

    @property
    def gaps(self) -> int:
        """How often an offset was out of range.

        Where this grows, the topic may be another one of the same name by now.
        """
        ...

    def poll(self, *, timeout_ms: int, max_records: int) -> Polled:
        """Read the next records.

        Blocks up to `timeout_ms`, in a rebalance for 100 ms at least, and as long as `rewind` at
        its end; takes part in the group's rebalances. No record means that nothing came, also
        because the broker is away: the client goes on trying. Where the generation changes inside
        a poll, the records of this poll are dropped, and all that is not committed is read again
        by later polls.

        Where the group has committed nothing of the topic, the reset policy says where it begins;
        `latest` is settled when a consumer is made, by a commit of the ends. After that a partition
        without a committed offset is a new one, and is read from its first record. So is a
        partition whose committed offset is out of range; this is told at WARNING, with the number
        of records that are gone, and counted in `gaps`. Both hold whatever the reset policy.

        A header name that is not UTF-8 has its
        foreign bytes as lone surrogates (``surrogateescape``); where the client cannot tell the
        names, one such name stands for all headers.

        Raises:
            TransportError: the group or the log refuses us.
        """
        ...

    def commit(
        self,
        offsets: Mapping[tuple[str, int], int],
        *,
        generation: int,
        metadata: str = "",
        timeout_s: float = 30,
    ) -> None:
        """Store the next offset to read of every given (topic, partition).

        Blocks until the group has stored them, for `timeout_s` at most.

        Args:
            offsets: the next offset to read.
            generation: the one in which the records before these offsets were polled.
            metadata: a text that is stored with each of them, see `CommittedOffset`.
            timeout_s: seconds.

        Raises:
            TransportError: nothing is known to be stored: the generation is another one by now,
                a partition is not ours, or the broker is away.
        """
        ...

    def rewind(self) -> dict[tuple[str, int], CommittedOffset]:
        """Go back to the committed offsets, so that all uncommitted records come again.

        A partition without a committed offset goes back to the first record read from it. Blocks
        for one round trip per partition, and for 30 s where the broker is away. Offsets of a
        transaction that is not over are waited for, within that time.

        Returns:
            What the group has stored of the owned partitions. A partition without a stored offset
            is missing.

        Raises:
            TransportError: the committed offsets cannot be read now; try again.
        """
        ...

    def seek(self, starts: Mapping[tuple[str, int], int]) -> None:
        """Read on from these offsets of owned partitions; the committed ones are others.

        What is gone of them by now is skipped and told, as in `poll`.

        Raises:
            TransportError: the client refuses; `rewind`, and try again.
        """
        ...

    def begin_anew(self) -> None:
        """Read every owned partition from its first record, and commit that position.

        For a topic that was deleted and made anew: committed offsets may be from the old one.
        Blocks for two round trips, and for 30 s where the broker is away.

        Raises:
            TransportError: nothing is known to be committed; try again.
        """
        ...

    def pause(self) -> None:
        """Stop `poll` from returning records, also of partitions that are assigned later."""
        ...

    def resume(self) -> None:
        """Undo `pause`; no record was lost meanwhile."""
        ...

    def keep_alive(self, *, timeout_ms: int = 100) -> None:
        """Stay in the group while batches are stuck; pauses the consumer and returns no records.

        Blocks up to `timeout_ms`. Best used as the very wait between two attempts, back to back:
        a rebalance goes on only inside it, and the other members wait for that. `generation`
        tells afterwards whether one did. A record that comes in spite of the pause is dropped
        and read again after `resume`.

        Raises:
            TransportError: the group refuses us.
        """
        ...

    def lag(self) -> int:
        """Records of the owned partitions that were not polled yet, as far as is known.

        Never blocks: the end of a partition is what its last fetch reported. A partition whose
        position only the next poll finds out counts as nothing.
        """
        ...

    def close(self, *, timeout_s: float = 10) -> None:
        """Leave the group without committing; blocks for `timeout_s` at most."""
        ...


class Producer(Protocol):
    """A producer whose `send` is all or an error, never a part in silence."""

    def send(self, records: Iterable[OutputRecord]) -> None:
        """Produce all records and wait until every one is acknowledged by all replicas.

        Blocks for at most about twice the delivery timeout. Records of one key keep their
        order. After an error some of the records may have been written; nothing of the failed
        call is sent later, and the next call connects anew. A header name goes out as the bytes
        that `Consumer.poll` had it from, and a null header as null, as far as the client can.

        Raises:
            RecordTooLargeError: one of the records is larger than its topic or the client takes.
            TimestampRefusedError: a topic refuses the timestamp of one of the records.
            TransportError: names the topic and the error of the first failure.
        """
        ...

    def close(self, *, timeout_s: float = 10) -> None:
        """Disconnect; blocks for `timeout_s` at most. No record is ever pending here."""
        ...


class TransactionalProducer(Protocol):
    """Outputs and offsets become visible together, or not at all (KIP-98, KIP-447).

    The calls come from one thread at a time. The turn: `init` once, then `stage` at most once,
    `send` any number of times, and `commit`, again and again. After any error nothing but `init`
    and `close` is possible: what was sent since the last commit is void.
    """

    def init(self, *, timeout_s: float) -> None:
        """Become the only producer of the transactional id.

        Whatever an earlier one left, or this one before an error, is aborted or completed when this
        returns. Builds a new client and throws the old one away. Blocks for about `timeout_s` at
        most; throwing away may take as long as the delivery timeout on top, where records of the
        old client are still on their way.

        Raises:
            ProducerFencedError: another producer did the same at this moment.
            ConfigError: the broker has no transactions, or does not allow us this id.
            TransportError: no broker answers; try again.
        """
        ...

    def send(self, records: Iterable[OutputRecord]) -> None:
        """Produce all records in the transaction, which begins here where none is open.

        Blocks and raises as `Producer.send`: every record is acknowledged when it returns.

        Raises:
            ProducerFencedError: another producer has the transactional id by now, or the
                transaction was open for longer than its timeout.
            RecordTooLargeError: one of the records is larger than its topic or the client takes.
            TimestampRefusedError: a topic refuses the timestamp of one of the records.
            TransportError: names the topic and the error of the first failure.
        """
        ...

    def stage(
        self,
        offsets: Mapping[tuple[str, int], int],
        *,
        metadata: str,
        group_metadata: Any,  # noqa: ANN401 - the client library's own
    ) -> None:
        """Store the offsets, to be visible with the next commit; which begins where none is open.

        Does not wait: two round trips are made while the records of `send` are on their way. What
        comes of it, `commit` says, or `send` where it fails for it. Until the end of the
        transaction no member of the group reads the offsets of these partitions (KIP-447).

        Args:
            offsets: the next offset to read of every given (topic, partition).
            metadata: a text that is stored beside each of them, with a NUL behind, as
                confluent-kafka has it.
            group_metadata: of the poll that brought the records before these offsets.

        Raises:
            TransportError: nothing can begin.
        """
        ...

    def commit(self, *, timeout_s: float) -> None:
        """Make visible what was staged and sent since the last commit.

        A batch without outputs is a transaction of offsets alone; what nobody polled has no
        offsets. Blocks for `timeout_s` at most, and for a second more where the client is thrown
        away.

        Raises:
            ProducerFencedError: as in `send`; nothing is visible.
            TransportError: the group refuses the member or its generation, and nothing is visible;
                or no answer came, and only the next `init` settles whether anything is.
        """
        ...

    def close(self, *, timeout_s: float = 10) -> None:
        """Disconnect without committing; blocks for about `timeout_s` at most.

        An open transaction is aborted where a broker answers in time, else by its timeout.
        """
        ...
