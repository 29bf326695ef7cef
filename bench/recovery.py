"""From a crash with the loss of the disk to the first right output, at many visitors.

Every system has the same visitors, and has committed all of their events. Then it is killed, its
directory is deleted, one more event of a known visitor comes, and it is started again. The output
is right where it shows what was known before: the visitor's first page. An output without it fails
the run.
"""

import argparse
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from functools import partial

from rich.table import Table

from bench.broker import Broker, Topics
from bench.command import Command, Measured, Session, positive
from bench.crashes import System, crashes, filled
from bench.kafka_streams_program import streams_program
from bench.quix_environment import quix_interpreter, quix_version
from bench.report import Summary, spread
from bench.store import Store
from bench.workers import KINDS, Worker, missing_engine, profiler_run, program
from profiler.servers.embedded import StoreServer
from servers.redis import binary_of

#: A static member: the group need not wait for the end of the one that was killed.
_MEMBER = "recovery"


class _Redis(StoreServer):
    """A Redis with an append-only file, which takes its time to read that again."""

    start_timeout = 300.0

    def __init__(self) -> None:
        options = ["--appendonly", "yes", "--appendfsync", "everysec"]
        super().__init__(binary_of("redis7"), options=options)


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
