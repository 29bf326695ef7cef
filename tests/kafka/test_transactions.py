"""The contract of `profiler.kafka.protocol.TransactionalProducer`, kept by every adapter.

Every reader here reads what is committed, as the adapters' consumers do. Over 250 lines: one
contract, read from top to bottom.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.structs import ConsumerGroupMetadata

from profiler.errors import (
    ConfigError,
    ProducerFencedError,
    RecordTooLargeError,
    TimestampRefusedError,
    TransportError,
)
from profiler.kafka import TakingTurns
from profiler.kafka.memory import MemoryBroker, memory_transactional_producer
from profiler.kafka.protocol import CommittedOffset, Consumer, Polled, TransactionalProducer
from profiler.servers.processes import wait_until
from servers.kafka import Kafka, KafkaProcess, admin_client
from tests.kafka.clients import (
    ADAPTERS,
    PATIENCE_S,
    SINKS,
    Client,
    End,
    MemoryClient,
    RealClient,
    assert_at_end,
    join,
    next_offsets,
    numbers,
    output,
    polled_elsewhere,
    produce_with_header_names,
    read,
)
from tests.kafka.without_transactions import kafka_without_transactions
from tests.missing import needed_servers, own_server

INIT_S = 20.0


class Stream:
    """An input with ten records, an output, a member of the input's group, and a producer."""

    def __init__(self, client: Client, *, partitions: int = 1, ids: int = 1) -> None:
        self.client = client
        self._ids = ids
        self.input = client.topic("in", partitions=partitions)
        self.output = client.topic("out")
        client.produce_to(self.input, dict.fromkeys(range(partitions), 10))
        self.consumer = client.consumer(self.input)
        self.name = f"transactions-{self.input}"
        self.producer = self.another_producer()

    def another_producer(self, *, ids: int = 0, **changes: int) -> TransactionalProducer:
        """One with the same id, or several that take turns; so many as the stream's has."""
        ids = ids or self._ids
        names = [self.name, *(f"{self.name}#{number}" for number in range(2, ids + 1))]
        made = [self.client.transactional_producer(name, **changes) for name in names]
        producer = made[0] if ids == 1 else TakingTurns(made)
        producer.init(timeout_s=INIT_S)
        return producer

    def poll(self, count: int) -> Polled:
        """Poll so many records; the metadata is that of the last poll."""
        records = read(self.consumer, count)
        last = self.consumer.poll(timeout_ms=0, max_records=1)
        assert not last.records
        return last._replace(records=records)

    def commit(
        self,
        polled: Polled,
        *,
        metadata: str = "token",
        timeout_s: float = 10,
        by: TransactionalProducer | None = None,
    ) -> None:
        """Commit all of these records."""
        producer = by or self.producer
        self.stage(polled, metadata=metadata, by=by)
        producer.commit(timeout_s=timeout_s)

    def stage(
        self, polled: Polled, *, metadata: str = "token", by: TransactionalProducer | None = None
    ) -> None:
        """Let all of these records be committed by the next commit."""
        (by or self.producer).stage(
            next_offsets(polled.records), metadata=metadata, group_metadata=polled.group_metadata
        )

    def has_committed(self, expected: dict[int, tuple[int, str]]) -> bool:
        """Whether the group's offsets become these: a broker stores them after its answer."""
        return wait_until(lambda: self.client.committed(self.input) == expected, timeout=10)

    def outputs(self) -> Consumer:
        """A reader of the output."""
        return self.client.consumer(self.output)


@pytest.fixture
def client(writer: Client) -> Client:
    """One sink after the other."""
    return writer


@pytest.fixture
def stream(client: Client) -> Stream:
    """Written by two producers in turn, as a worker does; each is what one alone would be."""
    return Stream(client, ids=2)


def test_outputs_and_offsets_become_visible_together(stream: Stream) -> None:
    polled, reader = stream.poll(10), stream.outputs()
    for first in (0, 3):
        stream.producer.send(output(stream.output, number) for number in range(first, first + 3))
        assert_at_end(reader)
        assert stream.client.committed(stream.input) == {}
    stream.commit(polled, metadata="a token é")
    assert numbers(read(reader, 6)) == [0, 1, 2, 3, 4, 5]
    assert stream.has_committed({0: (10, "a token é")})


def test_one_transaction_follows_another(stream: Stream) -> None:
    polled, reader = stream.poll(10), stream.outputs()
    for number in range(3):
        stream.producer.send([output(stream.output, number)])
        some = polled._replace(records=polled.records[: number + 1])
        stream.commit(some, metadata=f"{number}")
        assert numbers(read(reader, 1)) == [number]
        assert stream.has_committed({0: (number + 1, f"{number}")})


def test_transactions_one_upon_the_other_keep_their_order(stream: Stream) -> None:
    """The broker still ends the one before, so that their markers may be written in any order."""
    count = 60
    stream.client.produce_to(stream.input, {0: count})
    polled, reader = stream.poll(10 + count), stream.outputs()
    for number in range(count):
        stream.producer.send([output(stream.output, number, key=b"one")])
        some = polled._replace(records=polled.records[: number + 1])
        stream.commit(some, metadata=f"{number}")
    values = [int(record.value or b"-1") for record in read(reader, count)]
    assert values == list(range(count))
    assert stream.has_committed({0: (count, f"{count - 1}")})
    assert_at_end(reader)
    assert stream.has_committed({0: (count, f"{count - 1}")})


def test_a_batch_without_outputs_is_a_transaction(stream: Stream) -> None:
    polled = stream.poll(10)
    stream.producer.send([])
    stream.commit(polled)
    assert stream.has_committed({0: (10, "token")})
    stream.commit(polled, metadata="again")
    assert stream.has_committed({0: (10, "again")})


def test_outputs_alone_are_a_transaction(stream: Stream) -> None:
    """Who was never in a group has no offsets to commit."""
    reader = stream.outputs()
    for number in range(2):
        stream.producer.send([output(stream.output, number)])
        assert_at_end(reader)
        stream.producer.commit(timeout_s=10)
        assert numbers(read(reader, 1)) == [number]
    assert stream.client.committed(stream.input) == {}
    stream.producer.send([output(stream.output, 2)])
    stream.another_producer()
    with pytest.raises(ProducerFencedError):
        stream.producer.commit(timeout_s=10)
    assert_at_end(reader)


@pytest.mark.parametrize("ends_by", ["init", "close", "another's init"])
def test_what_is_aborted_is_never_seen(stream: Stream, ends_by: str) -> None:
    polled, reader = stream.poll(10), stream.outputs()
    stream.producer.send([output(stream.output, 1)])
    producer = stream.producer
    if ends_by == "init":
        producer.init(timeout_s=INIT_S)
    elif ends_by == "close":
        producer.close()
    stream.client.producer().send([output(stream.output, 2)])
    if ends_by == "another's init":
        assert_at_end(reader)  # behind the open transaction
    if ends_by != "init":
        producer = stream.another_producer()
    assert numbers(read(reader, 1)) == [2]
    assert stream.client.committed(stream.input) == {}
    producer.send([output(stream.output, 3)])
    stream.commit(polled, by=producer)
    assert numbers(read(reader, 1)) == [3]
    assert stream.has_committed({0: (10, "token")})


@pytest.mark.parametrize("fails_in", ["commit", "send"])
def test_a_second_producer_of_the_id_fences_the_first(stream: Stream, fails_in: str) -> None:
    polled, reader = stream.poll(10), stream.outputs()
    first = stream.producer
    first.send([output(stream.output, 1)])
    second = stream.another_producer()
    calls: dict[str, Callable[[], None]] = {
        "commit": lambda: stream.commit(polled),
        "send": lambda: first.send([output(stream.output, 2)]),
    }
    with pytest.raises(ProducerFencedError):
        calls[fails_in]()
    with pytest.raises(TransportError, match="init"):
        stream.commit(polled)
    assert stream.client.committed(stream.input) == {}
    second.send([output(stream.output, 3)])
    stream.commit(polled, by=second)
    assert numbers(read(reader, 1)) == [3]


def test_a_fenced_producer_can_begin_once_more(stream: Stream) -> None:
    polled, reader = stream.poll(10), stream.outputs()
    second = stream.another_producer()
    with pytest.raises(ProducerFencedError):
        stream.producer.send([output(stream.output, 1)])
    stream.producer.init(timeout_s=INIT_S)
    stream.producer.send([output(stream.output, 2)])
    stream.commit(polled)
    assert numbers(read(reader, 1)) == [2]
    with pytest.raises(ProducerFencedError):
        second.send([output(stream.output, 3)])


def test_a_transaction_that_outlives_its_timeout_is_fenced(stream: Stream) -> None:
    polled, reader = stream.poll(10), stream.outputs()
    short = stream.another_producer(transaction_timeout_ms=1_000, delivery_timeout_ms=1_000)
    short.send([output(stream.output, 1)])
    if isinstance(stream.client, MemoryClient):
        stream.client.broker.time_out_transactions()
    stream.client.producer().send([output(stream.output, 2)])
    assert numbers(read(reader, 1)) == [2]
    with pytest.raises(ProducerFencedError):
        stream.commit(polled, by=short)
    assert stream.client.committed(stream.input) == {}
    short.init(timeout_s=INIT_S)
    stream.commit(polled, by=short)
    assert stream.has_committed({0: (10, "token")})


def test_an_error_of_the_records_themselves_ends_the_transaction(stream: Stream) -> None:
    polled, reader = stream.poll(10), stream.outputs()

    def broken() -> Iterator[Any]:
        yield output(stream.output, 1)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        stream.producer.send(broken())
    with pytest.raises(TransportError, match="init"):
        stream.commit(polled)
    stream.producer.init(timeout_s=INIT_S)
    stream.producer.send([output(stream.output, 2)])
    stream.commit(polled)
    assert numbers(read(reader, 1)) == [2]


def test_nothing_is_sent_before_init(client: Client) -> None:
    topic = client.topic("early")
    with pytest.raises(TransportError, match="init"):
        client.transactional_producer("early").send([output(topic, 1)])


@pytest.mark.parametrize(
    ("error", "bad"),
    [
        (RecordTooLargeError, {"value": b"x" * 1_200_000}),
        (TimestampRefusedError, {"timestamp": int(time.time() * 1_000) + 7_200_000}),
    ],
    ids=["too-large", "timestamp"],
)
@pytest.mark.parametrize("client_bytes", [1_048_576, 4_000_000], ids=["client", "topic"])
def test_a_refused_record_ends_the_transaction(
    stream: Stream, error: type[TransportError], bad: dict[str, Any], client_bytes: int
) -> None:
    producer = stream.another_producer(max_request_bytes=client_bytes)
    polled, reader = stream.poll(10), stream.outputs()
    producer.send([output(stream.output, 1)])
    with pytest.raises(error, match=stream.output):
        producer.send([output(stream.output, 2), output(stream.output, 3, **bad)])
    with pytest.raises(TransportError, match="init"):
        stream.commit(polled, by=producer)
    producer.init(timeout_s=INIT_S)
    producer.send([output(stream.output, 4)])
    stream.commit(polled, by=producer)
    assert numbers(read(reader, 1)) == [4]


@pytest.mark.parametrize("group", ["goes on", "gave it up"])
def test_a_zombie_of_the_group_cannot_commit(stream: Stream, group: str) -> None:
    """It does not know yet; and its transactional id is its own, so nothing fences it."""
    polled, reader = stream.poll(10), stream.outputs()
    stream.producer.send([output(stream.output, 1)])
    if group == "gave it up":
        stream.consumer.close()
    else:
        deadline = time.monotonic() + PATIENCE_S
        with polled_elsewhere(stream.client.consumer(stream.input)):
            while stream.consumer.generation == polled.generation:
                stream.consumer.keep_alive()
                assert time.monotonic() < deadline
    with pytest.raises(TransportError):
        stream.commit(polled)
    stream.producer.init(timeout_s=INIT_S)
    assert stream.client.committed(stream.input) == {}
    stream.client.producer().send([output(stream.output, 2)])
    assert numbers(read(reader, 1)) == [2]


def test_the_reason_of_refused_offsets_is_told_by_whoever_meets_it_first(stream: Stream) -> None:
    """They fail beside the records, and the library then drops the records."""
    polled = stream.poll(10)
    stream.consumer.close()

    def until_refused() -> None:
        stream.stage(polled)
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            stream.producer.send([output(stream.output, 1)])
        stream.producer.commit(timeout_s=10)

    with pytest.raises(TransportError, match=r"(?i)member|generation"):
        until_refused()
    stream.producer.init(timeout_s=INIT_S)
    assert stream.client.committed(stream.input) == {}
    assert_at_end(stream.outputs())


def test_a_worker_with_two_ids_takes_over_from_one_with_the_first_alone(client: Client) -> None:
    """An upgrade from release 0.2; what the old worker left is over at once."""
    stream = Stream(client)
    polled, reader = stream.poll(10), stream.outputs()
    stream.producer.send([output(stream.output, 1)])
    new = stream.another_producer(ids=2)
    with pytest.raises(ProducerFencedError):
        stream.commit(polled)
    for number in (2, 3):
        new.send([output(stream.output, number)])
        stream.commit(polled, by=new)
    assert numbers(read(reader, 2)) == [2, 3]


def test_a_worker_with_the_first_id_alone_takes_over_from_one_with_two(client: Client) -> None:
    """The way back to release 0.2. The second id is its own then, and the group fences it."""
    stream = Stream(client)
    polled, reader = stream.poll(10), stream.outputs()
    new = stream.another_producer(ids=2, transaction_timeout_ms=2_000, delivery_timeout_ms=1_000)
    new.send([output(stream.output, 0)])
    stream.commit(polled._replace(records=polled.records[:1]), by=new)
    new.send([output(stream.output, 1)])  # with the second id, and its offsets are not staged yet
    old = stream.another_producer()
    deadline = time.monotonic() + PATIENCE_S
    with polled_elsewhere(client.consumer(stream.input)):
        while stream.consumer.generation == polled.generation:
            stream.consumer.keep_alive()
            assert time.monotonic() < deadline
        with pytest.raises(TransportError):
            stream.commit(polled, by=new)
    assert stream.has_committed({0: (1, "token")})
    if isinstance(client, MemoryClient):
        client.broker.time_out_transactions()
        old.init(timeout_s=INIT_S)
    old.send([output(stream.output, 2)])
    old.commit(timeout_s=10)
    assert numbers(read(reader, 2)) == [0, 2]


def test_offsets_of_a_refused_commit_are_not_in_the_next_one(client: Client) -> None:
    """A partition may be another member's by then, and far ahead (F2)."""
    stream = Stream(client, partitions=2)
    polled = stream.poll(20)
    old = polled.group_metadata
    second = client.consumer(stream.input)
    deadline = time.monotonic() + PATIENCE_S
    with polled_elsewhere(second):
        while len(stream.consumer.assignment) != 1:
            stream.consumer.poll(timeout_ms=100, max_records=1)
            assert time.monotonic() < deadline
        with pytest.raises(TransportError):
            stream.commit(polled._replace(group_metadata=old))
        stream.producer.init(timeout_s=INIT_S)
        [(_, mine)] = stream.consumer.assignment
        now = stream.consumer.poll(timeout_ms=200, max_records=1).group_metadata
        stream.producer.stage({(stream.input, mine): 3}, metadata="", group_metadata=now)
        stream.producer.commit(timeout_s=10)
        assert stream.has_committed({mine: (3, "")})


def test_a_commit_without_a_member_is_refused(stream: Stream) -> None:
    """No broker looks at the generation of such a one (F11)."""
    polled = stream.poll(10)
    outsider = stream.client.consumer(stream.input)
    metadata = outsider.poll(timeout_ms=0, max_records=1).group_metadata
    if stream.client.adapter == "kafka-python":  # what it says when its heartbeat was refused
        metadata = ConsumerGroupMetadata(f"group-{stream.input}", -1, "", None)
    with pytest.raises(TransportError, match="gave us up"):
        stream.commit(polled._replace(group_metadata=metadata))
    assert stream.client.committed(stream.input) == {}


def test_a_transaction_of_a_killed_process_ends_with_the_next_init(stream: Stream) -> None:
    reader, client = stream.outputs(), stream.client
    if isinstance(client, RealClient):
        where = client.settings().bootstrap_servers
        arguments = [client.sink, where, stream.name, stream.output]
        command = [sys.executable, "-m", "tests.kafka.open_transaction", *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout
                assert process.stdout.readline() == "sent\n"
            finally:
                process.kill()
    else:
        stream.producer.send([output(stream.output, 1)])
    client.producer().send([output(stream.output, 2)])
    assert_at_end(reader)
    started = time.monotonic()
    stream.another_producer()
    assert numbers(read(reader, 1)) == [2]
    assert time.monotonic() - started < 10  # its timeout is 15 s


def stored_text(kafka_admin: KafkaAdminClient, topic: str) -> str:
    """What the broker has beside the offset of the topic's only partition."""
    group = f"group-{topic}"
    [stored] = kafka_admin.list_group_offsets({group: None})[group].values()
    return str(stored.metadata)


@pytest.mark.parametrize("reader", ADAPTERS)
@pytest.mark.parametrize("writer", SINKS)
def test_either_client_reads_the_metadata_of_the_other(
    kafka: Kafka, kafka_admin: KafkaAdminClient, writer: str, reader: str
) -> None:
    with ExitStack() as stack:
        stream = Stream(RealClient(writer, kafka, kafka_admin, stack))
        place, polled = (stream.input, 0), stream.poll(10)
        stream.commit(polled, metadata="a token é")
        assert stream.has_committed({0: (10, "a token é")})
        other = RealClient(reader, kafka, kafka_admin, stack).consumer(stream.input)
        stream.consumer.close()
        join(other, 1)
        assert other.rewind() == {place: CommittedOffset(10, "a token é")}
        assert stored_text(kafka_admin, stream.input) == "a token é\0"
        other.commit({place: 7}, generation=other.generation, metadata="another")
        assert stored_text(kafka_admin, stream.input) == "another\0"
        other.close()
        last = stream.client.consumer(stream.input)
        while not last.assignment:
            last.poll(timeout_ms=100, max_records=1)
        assert last.rewind() == {place: CommittedOffset(7, "another")}


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_aborted_header_names_that_are_not_utf8_are_not_read(
    kafka: Kafka, kafka_admin: KafkaAdminClient, adapter: str
) -> None:
    """kafka-python's consumer cannot read such a batch: it is read past that client."""
    with ExitStack() as stack:
        client = RealClient(adapter, kafka, kafka_admin, stack)
        topic, names = client.topic("names"), [b"\xff"]
        all_ends: list[End | None] = ["abort", "commit", "abort", None, "abort", "commit"]
        for at, ends in enumerate(all_ends):
            value = b"%d %s" % (at, str(ends).encode())
            produce_with_header_names(kafka.bootstrap_servers, topic, names, value, ends=ends)
        consumer = client.consumer(topic)
        found = read(consumer, 9)
        assert_at_end(consumer)
        values = [record.value for record in found if record.headers]
        assert values == [b"1 commit", b"3 None", b"5 commit"]


@pytest.fixture(scope="module")
def own_kafka() -> Iterator[KafkaProcess]:
    """A broker that may be suspended."""
    with own_server("Kafka", KafkaProcess) as server:
        yield server


@pytest.fixture(params=["memory", *SINKS])
def own_client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """One sink after the other, with a broker that nobody else uses."""
    with ExitStack() as stack:
        if request.param == "memory":
            yield MemoryClient(stack)
        else:
            server = request.getfixturevalue("own_kafka")
            where = Kafka(server.bootstrap_servers)
            admin = stack.enter_context(admin_client(where.bootstrap_servers))
            yield RealClient(request.param, where, admin, stack, pid=server.pid)


def test_a_commit_does_not_pass_a_send_that_failed(own_client: Client) -> None:
    """The record that timed out would be lost, and its input would be committed (F1)."""
    stream = Stream(own_client)
    producer = stream.another_producer(delivery_timeout_ms=1_000)
    polled, reader = stream.poll(10), stream.outputs()
    producer.send([output(stream.output, 1)])
    with own_client.silent(), pytest.raises(TransportError, match=stream.output):
        producer.send([output(stream.output, 2)])
    for _ in range(2):
        with pytest.raises(TransportError, match="init"):
            stream.commit(polled, by=producer)
    with pytest.raises(TransportError, match="init"):
        producer.send([output(stream.output, 4)])
    again(lambda: producer.init(timeout_s=INIT_S))
    assert own_client.committed(stream.input) == {}
    again(lambda: once_more(stream, producer))
    assert numbers(read(reader, 1)) == [3]


@pytest.mark.parametrize("has_outputs", [True, False], ids=["outputs", "no-outputs"])
def test_a_commit_without_an_answer_ends_in_time_and_init_settles_it(
    own_client: Client, *, has_outputs: bool
) -> None:
    """The client library alone would wait for ever (F3)."""
    stream = Stream(own_client)
    polled, reader = stream.poll(10), stream.outputs()
    if has_outputs:
        stream.producer.send([output(stream.output, 1)])
    with own_client.silent():
        calls: list[Callable[[], None]] = [
            lambda: stream.commit(polled, timeout_s=2),
            lambda: stream.producer.init(timeout_s=2),
        ]
        for call in calls:
            started = time.monotonic()
            with pytest.raises(TransportError):
                call()
            assert time.monotonic() - started < 6
    again(lambda: stream.producer.init(timeout_s=INIT_S))
    own_client.producer().send([output(stream.output, 2)])
    found = read(reader, 1)
    if numbers(found) == [1]:
        assert stream.has_committed({0: (10, "token")})
        assert numbers(read(reader, 1)) == [2]
    elif has_outputs:
        assert own_client.committed(stream.input) == {}
    # A request that was on its way may fence us: once more, and all is well.
    again(lambda: once_more(stream, stream.producer))
    assert stream.has_committed({0: (10, "token")})
    assert numbers(read(reader, 1)) == [3]


@pytest.fixture(scope="module")
def old_kafka() -> Iterator[str]:
    """The address of a broker without the requests of transactions."""
    with needed_servers(), kafka_without_transactions() as address:
        yield address


@pytest.mark.parametrize("sink", ["memory", *SINKS])
def test_a_broker_without_transactions_is_refused(
    request: pytest.FixtureRequest, sink: str
) -> None:
    with ExitStack() as stack:
        if sink == "memory":
            broker = MemoryBroker(has_transactions=False)
            producer = memory_transactional_producer(broker, transactional_id="refused")
        else:
            where = Kafka(request.getfixturevalue("old_kafka"))
            admin = stack.enter_context(admin_client(where.bootstrap_servers))
            client = RealClient(sink, where, admin, stack)
            producer = client.transactional_producer("refused")
        with pytest.raises(ConfigError, match='set delivery = "at-least-once"'):
            producer.init(timeout_s=INIT_S)


def once_more(stream: Stream, producer: TransactionalProducer) -> None:
    """A whole transaction, by whoever the member is now: its session may have been too short."""
    member = stream.consumer.poll(timeout_ms=100, max_records=1).group_metadata
    producer.init(timeout_s=INIT_S)
    producer.send([output(stream.output, 3)])
    offsets = {(stream.input, 0): 10}
    producer.stage(offsets, metadata="token", group_metadata=member)
    producer.commit(timeout_s=10)


def again(call: Callable[[], None]) -> None:
    """Try until it goes through."""

    def goes() -> bool:
        try:
            call()
        except TransportError:
            return False
        return True

    assert wait_until(goes, timeout=PATIENCE_S)
