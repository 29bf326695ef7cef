"""A system with many visitors is killed, loses its disk, and comes again."""

import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any, NamedTuple

import orjson
from confluent_kafka import Consumer, TopicPartition

from bench.broker import Broker, Topics
from bench.errors import BenchError
from bench.layout import own_topics
from bench.traffic import BenchRecord
from bench.workers import Worker
from profiler.profiles.redis.connections import connect
from profiler.servers.embedded import StoreServer
from profiler.servers.processes import wait_until

_AT_ONCE = 50_000
_LOOK_EVERY_S = 0.5
_GIVE_UP_AFTER_S = 900.0
_STATE = "state"
_PAGE, _FIRST_PAGE = "query-other_page_title", "profile_visitor_first_page"


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


@contextmanager
def filled(broker: Broker, visitors: int) -> Iterator[str]:
    """A topic with one event of each visitor, which all systems read."""
    with own_topics(broker) as (_, topics):
        events = (_event(number, "first") for number in range(visitors))
        while some := list(islice(events, _AT_ONCE)):
            broker.fill(topics.processed, some)
        yield topics.processed


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
    with ExitStack() as stack:
        token, topics = stack.enter_context(own_topics(broker))
        group, topics = f"bench-{token}", topics._replace(processed=source)
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
