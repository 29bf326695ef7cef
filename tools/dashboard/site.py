"""A real pipeline to look at: Kafka, Redis, workers and Prometheus on this machine, under load."""

import itertools
import json
import math
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from profiler.config.settings import ENV_PREFIX, KafkaSettings, TopicSettings
from profiler.kafka import Producer, open_producer
from profiler.kafka.admin.topics import create_topics
from profiler.records.types import OutputRecord
from profiler.servers.ports import LOOPBACK
from profiler.servers.processes import ServerProcess
from servers.kafka import KafkaProcess
from servers.prometheus import Prometheus
from servers.redis import private_store

PARTITIONS = 4
WORKERS = 2

_TICK_S = 0.1
_VISITORS = 2_000
_PAGES = ("Home", "Search", "Product", "Basket", "Checkout", "Help")


class Workers(ServerProcess):
    """`profiler run --workers --metrics`, as anybody would start it."""

    name = "profiler"

    def __init__(self, bootstrap_servers: str, redis_url: str) -> None:
        """Describe them.

        Args:
            bootstrap_servers: of Kafka.
            redis_url: of Redis.
        """
        super().__init__()
        self._settings = {"KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers, "REDIS__URL": redis_url}

    @property
    def address(self) -> str:
        """Where they are scraped."""
        return f"{LOOPBACK}:{self.port}"

    def command(self) -> list[str]:
        """See `ServerProcess.command`."""
        flags = ["--workers", str(WORKERS), "--metrics", self.address]
        return [sys.executable, "-m", "profiler", "run", *flags]

    def environment(self) -> dict[str, str]:
        """Ours without settings, and the addresses."""
        prefix = ENV_PREFIX.upper()
        ours = {name: text for name, text in os.environ.items() if not name.startswith(prefix)}
        return ours | {f"{prefix}{name}": text for name, text in self._settings.items()}

    def is_ready(self) -> bool:
        """At once; the dashboard shows the start too."""
        return True


class Traffic:
    """Page views of now: some late, some twice, some without an id, some that are no JSON."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer = producer
        self._topic = topic
        self._random = random.Random(7)  # noqa: S311 - to be the same again
        self._numbers = itertools.count()
        self._latest: list[OutputRecord] = []

    def run(self, seconds: float, *, slow: float = 150, fast: float = 900) -> None:
        """Produce for so long, at a rate that goes up and down."""
        started = time.monotonic()
        while (gone := time.monotonic() - started) < seconds:
            share = 0.5 - 0.5 * math.cos(2 * math.pi * 2.5 * gone / seconds)
            due = int((slow + (fast - slow) * share) * _TICK_S)
            self._producer.send([self._record() for _ in range(due)])
            time.sleep(max(0.0, _TICK_S - (time.monotonic() - started - gone)))

    def _record(self) -> OutputRecord:
        chance = self._random.random
        if self._latest and chance() < 0.02:  # noqa: PLR2004
            return self._random.choice(self._latest)
        now_ms = int(time.time() * 1_000)
        if chance() < 0.004:  # noqa: PLR2004
            return OutputRecord(self._topic, b"bad", b"no JSON", (), now_ms)
        visitor = f"visitor-{self._random.randrange(_VISITORS)}"
        fields = {
            "domain_userid": "" if chance() < 0.01 else visitor,  # noqa: PLR2004
            "domain_sessionid": f"{visitor}-{now_ms // 600_000}",
            "event_id": f"event-{next(self._numbers)}",
            "eventtype": "Pageview",
            "page_title": self._random.choice(_PAGES),
            "page_url": "https://shop.example/page",
        }
        elements = [{"name": f"other_{name}", "value": value} for name, value in fields.items()]
        value = json.dumps({"query": elements}).encode()
        late_ms = 1_500 if chance() < 0.03 else 0  # noqa: PLR2004
        record = OutputRecord(self._topic, visitor.encode(), value, (), now_ms - late_ms)
        self._latest = [*self._latest[-50:], record]
        return record


@contextmanager
def site() -> Iterator[tuple[Prometheus, Traffic, "redis.Redis"]]:
    """Start all of it; ends with the block.

    Yields:
        Prometheus, the traffic, which is not running, and a client of Redis.
    """
    with KafkaProcess() as kafka, private_store("redis7") as store:
        settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
        topics = TopicSettings()
        create_topics(settings, topics.all(), partitions=PARTITIONS, replication=1)
        producer = open_producer(settings)
        with (
            Workers(kafka.bootstrap_servers, store.url) as workers,
            Prometheus([workers.address], every_s=2) as prometheus,
            redis.Redis.from_url(store.url) as client,
        ):
            yield prometheus, Traffic(producer, topics.processed), client
        producer.close()
