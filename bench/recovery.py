"""From a crash with the loss of the disk to the first right output, at many visitors.

Every system has the same visitors, and has committed all of their events. Then it is killed, its
directory is deleted, one more event of a known visitor comes, and it is started again. The output
is right where it shows what was known before: the visitor's first page. An output without it fails
the run.
"""

import argparse
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import orjson
from confluent_kafka import Consumer, TopicPartition
from rich.table import Table

from bench.broker import Broker, Topics
from bench.command import Command, Measured, Session, positive
from bench.errors import BenchError
from bench.kafka_streams_program import streams_program
from bench.quix_environment import quix_interpreter, quix_version
from bench.report import Summary, spread
from bench.store import Store
from bench.traffic import BenchRecord
from bench.workers import KINDS, Worker, missing_engine, profiler_run, program
from profiler.profiles.redis.connections import connect
from profiler.servers.embedded import StoreServer
from profiler.servers.processes import wait_until
from servers.redis import binary_of

#: A static member: the group need not wait for the end of the one that was killed.
_MEMBER = "recovery"
_AT_ONCE = 50_000
_LOOK_EVERY_S = 0.5
_GIVE_UP_AFTER_S = 900.0
_STATE = "state"
_PAGE, _FIRST_PAGE = "query-other_page_title", "profile_visitor_first_page"


class _Redis(StoreServer):
    """A Redis with an append-only file, which takes its time to read that again."""

    start_timeout = 300.0

    def __init__(self) -> None:
        options = ["--appendonly", "yes", "--appendfsync", "everysec"]
        super().__init__(binary_of("redis7"), options=options)


class System(NamedTuple):
    """What is killed, and comes again.

    Attributes:
        build: makes the program for its group's name and the topics.
        store: the server that has its state; None where that is on its own disk.
        loses_store: whether this server is killed with it, and comes again from its own disk.
    """

    build: Callable[[str, Topics], Worker]
    store: StoreServer | None = None
    loses_store: bool = False


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--visitors",
        nargs="+",
        type=positive,
        default=[100_000, 1_000_000],
        help="default: 100000 1000000",
    )
    parser.add_argument("--rounds", type=positive, default=1, help="crashes of each (default: 1)")
    parser.add_argument("--only", nargs="+", choices=ROWS, default=ROWS, help="some of the rows")


def _measure(options: argparse.Namespace, session: Session) -> Measured:
    broker = session.broker(1)
    rows = []
    for visitors in options.visitors:
        with filled(broker, visitors) as source:
            for name in ROWS:
                if name not in options.only:
                    continue
                if name in _ENGINES and (missing := missing_engine(_ENGINES[name])):
                    session.console.print(f"LEFT OUT: {name}: {missing}")
                    continue
                with ExitStack() as stack:
                    system = _SYSTEMS[name](broker, session, stack)
                    seconds = crashes(broker, system, source, visitors, options.rounds)
                row: Summary = {"name": name, "visitors": visitors, "seconds": spread(seconds)}
                session.console.print(f"{name}, {visitors:,} visitors: {row['seconds']['median']}")
                rows.append(row)
    return Measured({"rows": rows}, [_table(rows)])


@contextmanager
def filled(broker: Broker, visitors: int) -> Iterator[str]:
    """A topic with one event of each visitor, which all systems read."""
    token = uuid.uuid4().hex[:8]
    topic = broker.make_topics(token).processed
    try:
        events = (_event(number, "first") for number in range(visitors))
        while some := list(islice(events, _AT_ONCE)):
            broker.fill(topic, some)
        yield topic
    finally:
        broker.remove(token)


def _profiler(
    kind: str,
    loses_store: bool,  # noqa: FBT001 - bound by name
    broker: Broker,
    session: Session,
    stack: ExitStack,
) -> System:
    store = stack.enter_context(_Redis())
    with closing(Store(store.url)) as looked_at:
        session.versions["redis_server"] = looked_at.version()
    addresses = {
        "kafka__bootstrap_servers": broker.bootstrap_servers,
        "redis__url": store.url,
    }
    settings = {
        **KINDS[kind],
        "rules": "article",
        "delivery": "at-least-once",
        "kafka__group_instance_id": _MEMBER,
    }
    return System(
        lambda token, topics: profiler_run(settings, addresses, topics, token), store, loses_store
    )


def _quix(broker: Broker, session: Session, _stack: ExitStack) -> System:
    interpreter = quix_interpreter()
    session.versions["quixstreams"] = quix_version(interpreter)

    def build(token: str, topics: Topics) -> Worker:
        return program(
            "quix_streams",
            *(broker.bootstrap_servers, f"bench-{token}", *topics[:3], "changelog", _MEMBER),
            output_topic=topics.persisted,
            interpreter=interpreter,
        )

    return System(build)


def _kafka_streams(broker: Broker, session: Session, _stack: ExitStack) -> System:
    streams = streams_program()
    session.versions["kafka-streams"] = streams.version

    def build(token: str, topics: Topics) -> Worker:
        brokers = broker.bootstrap_servers
        return streams.worker(brokers, f"bench-{token}", topics, "changelog", _MEMBER)

    return System(build)


#: By row: the kind of worker.
_ENGINES = {
    "profiler/native": "native",
    "profiler/librdkafka": "librdkafka",
    "profiler/librdkafka, and Redis from its AOF": "librdkafka",
}
_SYSTEMS: dict[str, Callable[[Broker, Session, ExitStack], System]] = {
    "quix-streams/changelog": _quix,
    "kafka-streams/changelog": _kafka_streams,
    **{name: partial(_profiler, kind, "Redis" in name) for name, kind in _ENGINES.items()},
}
ROWS = tuple(_SYSTEMS)


def crashes(broker: Broker, system: System, source: str, visitors: int, rounds: int) -> list[float]:
    """Give a system its visitors, and crash it so many times.

    Args:
        broker: where.
        system: which.
        source: the topic with an event of each visitor.
        visitors: how many.
        rounds: how often.

    Returns:
        Seconds from each crash to the first right output.

    Raises:
        BenchError: the output after a crash does not show what was known before, or none came.
    """
    token = uuid.uuid4().hex[:8]
    group = f"bench-{token}"
    with ExitStack() as stack:
        topics = broker.make_topics(token)._replace(processed=source)
        stack.callback(broker.remove, token)
        worker = system.build(token, topics)
        stack.callback(worker.close)
        worker.start()
        _await_committed(broker, worker, group, source)
        found = []
        for number in range(rounds):
            if system.store is not None:
                _await_written(system.store)
            found.append(
                _crash(broker, system, worker, topics, visitor=number * (visitors // rounds))
            )
            _await_committed(broker, worker, group, source)
        return found


def _event(number: int, page: str) -> BenchRecord:
    """A page view of a visitor, in a visit of its own for each page."""
    visitor = f"visitor-{number:09}"
    fields = {
        "other_domain_userid": visitor,
        "other_domain_sessionid": f"{page}-{number:09}",
        "other_event_id": f"{page}-{number:09}",
        "other_eventtype": "Pageview",
        "other_page_title": f"{page} {number}",
    }
    query = [{"name": name, "value": value} for name, value in fields.items()]
    return BenchRecord(visitor, orjson.dumps({"query": query}), time.time_ns() // 1_000_000)


def _crash(
    broker: Broker, system: System, worker: Worker, topics: Topics, *, visitor: int
) -> float:
    """From the kill to the first right output, in seconds."""
    reader: Any = Consumer(
        {"bootstrap.servers": broker.bootstrap_servers, "group.id": topics.persisted}
    )
    try:
        before = broker.counts([topics.persisted])[topics.persisted]
        reader.assign([TopicPartition(topics.persisted, 0, before)])
        worker.kill()
        killed_at = time.monotonic()
        shutil.rmtree(worker.directory / _STATE, ignore_errors=True)
        if system.loses_store and system.store is not None:
            system.store.kill()
        page = uuid.uuid4().hex
        broker.fill(topics.processed, [_event(visitor, page)])
        worker.start()
        if system.store is not None:
            system.store.start()
        return _first_right(reader, worker, f"{page} {visitor}", f"first {visitor}") - killed_at
    finally:
        reader.close()


def _first_right(
    reader: Any,  # noqa: ANN401 - a Consumer
    worker: Worker,
    page: str,
    first_page: str,
) -> float:
    """When the output of a page came; it must show the visitor's first page."""
    deadline = time.monotonic() + _GIVE_UP_AFTER_S
    while time.monotonic() < deadline and worker.running:
        message = reader.poll(0.1)
        if message is None or message.error() is not None:
            continue
        at, output = time.monotonic(), orjson.loads(message.value())
        # What came before the crash may come again.
        if output[_PAGE] != page:
            continue
        if output.get(_FIRST_PAGE) != first_page:
            raise BenchError(f"the first output has lost the visitor's state: {output}")
        return at
    raise BenchError(f"no output came after the crash; the last output:\n{worker.last_output()}")


def _await_committed(broker: Broker, worker: Worker, group: str, topic: str) -> None:
    """Wait until the group has committed everything."""

    def is_over() -> bool:
        if not worker.running:
            return True
        return broker.is_committed(group, topic)

    wait_until(is_over, timeout=_GIVE_UP_AFTER_S, interval=_LOOK_EVERY_S)
    if not broker.is_committed(group, topic):
        raise BenchError(f"{group} did not commit all; the last output:\n{worker.last_output()}")


def _await_written(store: StoreServer) -> None:
    """Wait until Redis has its append-only file on the disk, and does not rewrite it."""
    with connect(store.url, timeout_s=60) as client:

        def is_written() -> bool:
            found = client.info("persistence")
            busy = found["aof_rewrite_in_progress"] or found["aof_rewrite_scheduled"]
            return not busy and not found["aof_pending_bio_fsync"]

        wait_until(is_written, timeout=_GIVE_UP_AFTER_S, interval=_LOOK_EVERY_S)
    time.sleep(1.5)  # `everysec`


def _table(rows: Sequence[Summary]) -> Table:
    table = Table(caption="seconds from kill -9 and an empty disk to the first right output")
    for title in ("row", "visitors", "median", "least", "greatest"):
        table.add_column(title, justify="left" if title == "row" else "right")
    for row in rows:
        seconds = (f"{row['seconds'][which]:.1f}" for which in ("median", "min", "max"))
        table.add_row(row["name"], f"{row['visitors']:,}", *seconds)
    return table


COMMAND = Command(
    help="seconds from a crash with an empty disk to the first right output",
    add_options=_add_options,
    measure=_measure,
)
