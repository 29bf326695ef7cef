"""Both ways to librdkafka, confluent-kafka's and the compiled one, do the same.

Over 250 lines: one list of what a sender asks of librdkafka, read from top to bottom.
"""

import gc
import logging
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import pytest
from confluent_kafka import KafkaError, KafkaException
from kafka import KafkaAdminClient

from profiler.config import KafkaSettings
from profiler.kafka.librdkafka import RAW, LibrdkafkaConsumer
from profiler.kafka.librdkafka.raw import RawProducer
from profiler.records.types import Headers, OutputRecord
from profiler.servers.ports import LOOPBACK, free_port
from profiler.servers.processes import wait_until
from servers.kafka import Kafka
from tests.conftest import make_topics
from tests.kafka.clients import PATIENCE_S, YESTERDAY, output, read
from tests.missing import needed_native

UNTOLD = "not-for-the-log"
LOG = logging.getLogger("tests.raw-producers")

Make = Callable[..., RawProducer]


def make_with(sink: Literal["librdkafka", "native"], **options: object) -> RawProducer:
    """A client, by default one whose broker does not answer."""
    if sink == "native":
        needed_native()
    nowhere = f"{LOOPBACK}:{free_port()}"
    named = {name.replace("__", "."): value for name, value in options.items()}
    return RAW[sink]({"bootstrap.servers": nowhere, "logger": LOG, **named})


@pytest.fixture(params=RAW)
def make(request: pytest.FixtureRequest) -> Make:
    """Makes a client one way, then the other."""
    return partial(make_with, request.param)


def thread_count() -> int:
    """The threads of this process, the library's too."""
    return len(list(Path("/proc/self/task").iterdir()))


def hostile_records(topic: str, count: int, seed: int) -> list[OutputRecord]:
    """Records of all shapes that a worker may meet."""
    chance = random.Random(seed)
    names = [
        "",
        "a",
        "source-topic",
        "ü€😀",
        "\udcff",
        "x\udc80\ud800y",
        "nul\0behind",
        "\0",
        "n" * 300,
    ]

    def part() -> bytes | None:
        kinds = [None, b"", b"\0", b"text", chance.randbytes(chance.randrange(3_000))]
        return chance.choice(kinds)

    records: list[OutputRecord] = []
    headers: Headers = ()
    for number in range(count):
        if chance.random() < 0.7:
            headers = tuple((chance.choice(names), part()) for _ in range(chance.randrange(12)))
        timestamp = chance.choice([YESTERDAY + number, -1, 0])
        records.append(OutputRecord(topic, part(), part(), headers, timestamp))
    return records


def test_both_write_the_same_bytes(kafka: Kafka, kafka_admin: KafkaAdminClient) -> None:
    needed_native()
    found = {}
    for sink in RAW:
        [topic] = make_topics(kafka_admin, f"same-{sink}", partitions=1)
        settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
        client = RAW[sink]({"bootstrap.servers": kafka.bootstrap_servers, "logger": LOG})
        given = hostile_records(topic, 600, seed=11)
        before = int(time.time() * 1_000)
        assert client.produce(given, 0, 1 << 30) == len(given)
        assert (client.flush(PATIENCE_S), client.failures()) == (0, [])
        consumer = LibrdkafkaConsumer(settings, topics=[topic], group=f"group-{topic}")
        records = read(consumer, len(given))
        consumer.close()
        for record, each in zip(records, given, strict=True):
            assert record.timestamp == each.timestamp or record.timestamp >= before > each.timestamp
            assert (record.key, record.value) == (each.key, each.value)
        found[sink] = [record.headers for record in records]
    assert found["native"] == found["librdkafka"]
    assert any(name == "nul" for headers in found["native"] for name, _ in headers)


@pytest.mark.parametrize("seed", range(3))
def test_both_end_a_slice_at_the_same_record(make: Make, seed: int) -> None:
    topics = [f"slices-{number}" for number in range(3)]
    records = [
        record._replace(topic=topics[number % 3], headers=(("a", b"12"),))
        for number, record in enumerate(hostile_records("", 500, seed))
    ]
    client, ends, at = make(), [], 0
    while at < len(records):
        start, at = at, client.produce(records, at, 20_000)
        ends.append(at)
        for topic in topics:
            mine = [record for record in records[start:at] if record.topic == topic]
            sizes = [len(r.key or b"") + len(r.value or b"") + 3 + 32 for r in mine]
            assert sum(sizes) <= 20_000
            if at < len(records) and records[at].topic == topic:
                next_size = len(records[at].key or b"") + len(records[at].value or b"") + 35
                assert sum(sizes) + next_size > 20_000
    assert len(ends) > 5
    client.purge()
    assert client.flush(PATIENCE_S) == 0
    failures = client.failures()
    assert {topic for topic, _ in failures} == set(topics)
    assert {error.code() for _, error in failures} == {KafkaError._PURGE_QUEUE}  # noqa: SLF001 - its public name
    assert len(failures) == len(records)
    assert client.failures() == []


def test_one_record_may_be_larger_than_a_slice(make: Make) -> None:
    client = make()
    records = [output("large", number, value=b"x" * 5_000) for number in range(3)]
    assert [client.produce(records, at, 1_000) for at in range(3)] == [1, 2, 3]
    client.purge()
    client.flush(PATIENCE_S)


def test_a_record_that_is_refused_at_once_ends_the_slice(make: Make) -> None:
    client = make(message__max__bytes=2_000)
    records = [
        output("refused", number, value=b"x" * size) for number, size in enumerate((9, 9_000, 9))
    ]
    assert client.produce(records, 0, 1_000_000) >= 2
    [(topic, error)] = client.failures()
    assert (topic, error.code()) == ("refused", KafkaError.MSG_SIZE_TOO_LARGE)
    client.purge()
    assert client.flush(PATIENCE_S) == 0
    assert len(client.failures()) == 1


def test_what_is_no_record_is_an_error_and_queues_nothing(make: Make) -> None:
    client = make()
    number: Any = 1.5
    text: Any = "now"
    record = output("wrong", 1)
    wrong = [record._replace(value=number), record._replace(timestamp=text)]
    for each in wrong:
        with pytest.raises(TypeError):
            client.produce([each], 0, 1_000_000)
    assert client.flush(0) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"acks": "most"}, 'Invalid value for configuration property "request.required.acks"'),
        ({"no__such": 1}, 'No such configuration property: "no.such"'),
        (
            {"acks": "1", "enable__idempotence": True},
            "Failed to create producer: `acks` must be set to `all`",
        ),
        (
            {
                "sasl__password": UNTOLD,
                "sasl__mechanism": "none",
                "security__protocol": "SASL_PLAINTEXT",
            },
            "Failed to create producer: ",
        ),
    ],
    ids=["value", "name", "together", "secret"],
)
def test_refused_options_are_told_in_the_same_words(
    make: Make, options: dict[str, object], said: str
) -> None:
    with pytest.raises(KafkaException) as told:
        make(**options)
    error = told.value.args[0]
    assert error.code() == KafkaError._INVALID_ARG  # noqa: SLF001 - its public name
    assert error.str().startswith(said)
    assert UNTOLD not in repr(told.value)


def test_the_librarys_log_goes_to_its_logger(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    client = make(client__id="who", sasl__password=UNTOLD)
    with pytest.raises(KafkaException, match="Failed to get metadata"):
        client.reach(1)
    client.flush(0)
    [first, *_] = [record for record in caplog.records if record.name == LOG.name]
    assert first.levelno == logging.ERROR
    assert first.msg == "%s [%s] %s"
    facility, name, text = first.args or ()
    assert facility == "FAIL"
    assert str(name).startswith("who#producer-")
    assert "Connection refused" in str(text)
    assert UNTOLD not in caplog.text


def test_a_flush_ends_in_time_and_other_threads_run_meanwhile(make: Make) -> None:
    client = make()
    assert client.produce([output("away", 1)], 0, 1_000) == 1
    started = time.monotonic()
    assert client.flush(0.5) == 1
    assert 0.4 < time.monotonic() - started < 5
    client.purge()
    assert client.flush(PATIENCE_S) == 0


class _Stopped(Exception):  # noqa: N818 - it is none
    pass


@contextmanager
def alarm(after_s: float) -> Iterator[None]:
    """A signal comes, and its handler raises."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise _Stopped

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, after_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_a_signal_ends_a_flush_of_the_compiled_one() -> None:
    """That of confluent-kafka waits to its end first."""
    client = make_with("native")
    client.produce([output("away", 1)], 0, 1_000)
    started = time.monotonic()
    with pytest.raises(_Stopped), alarm(0.3):
        client.flush(PATIENCE_S)
    assert time.monotonic() - started < PATIENCE_S / 2
    client.purge()
    assert client.flush(PATIENCE_S) == 0


@pytest.mark.parametrize("is_discarded", [True, False], ids=["discarded", "with-records"])
def test_a_client_that_is_dropped_takes_its_threads_with_it(*, is_discarded: bool) -> None:
    """At once, whatever is queued."""
    gc.collect()
    before = thread_count()
    for _ in range(3):
        client = make_with("native")
        client.produce([output("dropped", 1)], 0, 1_000)
        assert thread_count() > before
        if is_discarded:
            client.purge()
            assert client.flush(PATIENCE_S) == 0
        started = time.monotonic()
        del client
        assert time.monotonic() - started < 5
    assert wait_until(lambda: thread_count() <= before, timeout=PATIENCE_S)


def test_a_program_that_ends_with_a_client_ends() -> None:
    """Even where a record waits in it, and nobody closed it."""
    needed_native()
    program = (
        "from tests.kafka.test_raw_producers import make_with, output\n"
        "client = make_with('native')\n"
        "assert client.produce([output('left', 1)], 0, 1_000) == 1\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
