"""What a command of `python -m bench` is, and what all of them share."""

import argparse
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from bench.broker import Broker
from bench.machine import package_versions
from bench.store import Store
from profiler.config.settings import BatchSettings
from servers import USED
from servers.kafka import shared_kafka
from servers.redis import private_store, shared_store
from servers.redis_cluster import RedisCluster


class Measured(NamedTuple):
    """The figures for the JSON report, and what is printed of them."""

    report: dict[str, Any]
    tables: Sequence[Table]


class Session:
    """Real servers that end with the run, and a console.

    Attributes:
        console: for progress.
        versions: of everything that takes part, as far as it was opened.
    """

    def __init__(self, console: Console, stack: ExitStack) -> None:
        self.console = console
        self.versions = package_versions()
        self._stack = stack

    def broker(self, partitions: int) -> Broker:
        """Kafka, started or found as the tests do."""
        self.console.print("starting Kafka")
        kafka = shared_kafka(self._stack)
        self._say_what_was_used()
        broker = self._stack.enter_context(Broker(kafka.bootstrap_servers, partitions))
        self.versions["kafka_server"] = broker.version()
        return broker

    def store(self) -> Store:
        """Redis, likewise."""
        return self._opened(shared_store(self._stack, "redis7").url)

    def private_store(self, *options: str, flavour: str = "redis7") -> Store:
        """An empty server of our own, with defaults but for `options` (of its command line)."""
        server = self._stack.enter_context(private_store(flavour, options=options))
        return self._opened(server.url)

    def cluster(self) -> RedisCluster:
        """A Redis Cluster of our own: three primaries without replicas."""
        return self._stack.enter_context(RedisCluster(replicas=0))

    def _opened(self, url: str) -> Store:
        self._say_what_was_used()
        store = Store(url)
        self._stack.callback(store.close)
        version = store.version()
        self.versions[f"{version.split()[0].lower()}_server"] = version
        return store

    def _say_what_was_used(self) -> None:
        while USED:
            self.console.print(": ".join(USED.popitem()))


class Command(NamedTuple):
    """One measurement."""

    help: str
    add_options: Callable[[argparse.ArgumentParser], None]
    measure: Callable[[argparse.Namespace, Session], Measured]


def positive(text: str) -> int:
    """An option's value: a whole number of at least one."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be positive")
    return number


def more_than_a_batch(text: str) -> int:
    """An option's value where the first batch is the warm-up."""
    number, batch = int(text), BatchSettings().max_records
    if number <= batch:
        raise argparse.ArgumentTypeError(f"must be more than a batch, {batch}")
    return number
