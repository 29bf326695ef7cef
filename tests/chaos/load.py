"""Puts events in at a steady rate, and keeps the account of where each one lies.

The account is read from the topic itself. An idempotent producer whose broker dies may put a
record in twice, and the answer to a record that it sent again has no offset.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, Message, Producer

from tests.chaos.observer import Observer
from tests.chaos.places import Input, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.chaos.traffic import Event, Traffic

_TICK_S = 0.02
_PATIENCE_S = 120.0
#: So long a record that was acknowledged may stay invisible.
_SHOWN_S = 10.0
#: Events that reach every partition.
_MORE = 30


class LoadError(Exception):
    """The generator itself could not do its work; nothing is said about the worker."""


class Load:
    """A thread that produces; `take_account` says what lies where.

    Args:
        bootstrap_servers: the cluster, by an address that no fault touches.
        topic: the input topic.
        partitions: how many it has.
        traffic: what to produce.
        rate: events a second.
        seed: of the partitions of spread visitors.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        topic: str,
        partitions: int,
        traffic: Traffic,
        *,
        rate: float,
        seed: int,
    ) -> None:
        self._bootstrap_servers, self._topic, self._traffic = bootstrap_servers, topic, traffic
        self.partitions, self.rate = partitions, rate
        self._chance = random.Random(f"load {seed}")
        self._accounted: list[Input] = []
        self._acknowledged = 0
        #: Events that are not in the account yet, by their values: no two events have one value.
        self._sent: dict[bytes, Event] = {}
        self._failures: list[KafkaError] = []
        self._broken: Exception | None = None
        self._incarnation = 0
        self._end = threading.Event()
        self._turn = threading.Lock()
        self._producer = self._connect()
        self._observer = self._observe()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    @property
    def acknowledged(self) -> int:
        """How many events are known to lie in the topic."""
        return self._acknowledged

    def take_account(self) -> list[Input]:
        """What came into the topic since the last call, with its visitors, who do not come again.

        Only where nothing is being sent.
        """
        found, self._accounted = self._accounted, []
        self._traffic.everybody_leaves()
        return found

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self) -> None:
        """Stop, and wait until everything that was sent is acknowledged.

        Raises:
            LoadError: it is not, in two minutes.
        """
        self._end.set()
        if self._thread.ident is not None:
            self._thread.join()
        self.check()
        self._flush()
        self._observer.close()

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Send nothing while the block runs; all before it is acknowledged."""
        with self._turn:
            self._flush()
            yield

    @contextmanager
    def topic_changes(self, *, partitions: int, is_another: bool) -> Iterator[None]:
        """Send nothing while the block changes the topic.

        Args:
            partitions: how many it has afterwards.
            is_another: it is made anew, and offsets begin anew.
        """
        with self.quiet():
            yield
            self.partitions = partitions
            self._incarnation += is_another
            # The idempotent producer has the old topic's partitions and sequence numbers.
            self._producer = self._connect()
            if is_another:
                self._observer.close()
                self._observer = self._observe()

    def put(self, events: Iterable[Event]) -> None:
        """Send these at once, beside the steady rate."""
        with self._turn:
            for event in events:
                self._send(event)
            self._flush()

    def wait_for(self, more: int) -> None:
        """Wait until so many more were acknowledged."""
        until, deadline = self.acknowledged + more, time.monotonic() + _PATIENCE_S
        while self.acknowledged < until:
            self.check()
            if time.monotonic() > deadline:
                raise LoadError(f"waited {_PATIENCE_S:g} s for {more} more inputs")
            time.sleep(_TICK_S)

    def check(self) -> None:
        """Raise what ended the load.

        Raises:
            LoadError: it broke down.
        """
        if self._broken is not None:
            raise LoadError(f"the load broke down: {self._broken}") from self._broken

    def _run(self) -> None:
        try:
            self._produce_steadily()
        except Exception as error:  # noqa: BLE001 - told to the thread that waits
            self._broken = error

    def _produce_steadily(self) -> None:
        began, before = time.monotonic(), 0
        while not self._end.wait(_TICK_S):
            due = int((time.monotonic() - began) * self.rate)
            with self._turn:
                # After a pause it goes on at its rate: nothing is made up for.
                for _ in range(min(due - before, int(self.rate * 0.2) + 1)):
                    self._send(next(self._traffic))
                self._producer.poll(0)
            before = due

    def _send(self, event: Event) -> None:
        self._sent[event.value] = event
        partition = self._chance.randrange(self.partitions) if event.is_spread else -1
        self._producer.produce(
            self._topic,
            event.value,
            event.key,
            partition,
            on_delivery=self._answered,
            timestamp=event.timestamp_ms,
        )

    def _answered(self, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self._acknowledged += 1
        else:
            self._failures.append(error)

    def _flush(self) -> None:
        self._await_answers()
        self._account()

    def _await_answers(self) -> None:
        unsent = self._producer.flush(_PATIENCE_S)
        if unsent or self._failures:
            raise LoadError(f"{unsent} inputs are not acknowledged; {self._failures[:1]}")

    def _account(self) -> None:
        """Read what came into the topic; nothing may be on its way.

        Raises:
            LoadError: what was acknowledged is not there.
        """
        missing, deadline = set(self._sent), time.monotonic() + _SHOWN_S
        self._read(missing)
        while missing and time.monotonic() < deadline:
            # A broker that came back may show its last records when there are more behind them.
            more = [next(self._traffic) for _ in range(_MORE)]
            for event in more:
                self._send(event)
            missing.update(event.value for event in more)
            self._await_answers()
            self._read(missing)
        if missing:
            raise LoadError(f"{len(missing)} acknowledged inputs are not in the topic")
        self._sent.clear()

    def _read(self, missing: set[bytes]) -> None:
        """Take what is new in the topic to the account, and away from what is missing."""
        for message in self._observer.everything_in(self._topic):
            partition, offset, value = message.partition(), message.offset(), message.value()
            assert partition is not None
            assert offset is not None
            assert isinstance(value, bytes)
            missing.discard(value)
            place = Place(self._incarnation, partition, offset)
            self._accounted.append(Input(place, self._sent[value]))

    def _observe(self) -> Observer:
        return Observer(self._bootstrap_servers, "load")

    def _connect(self) -> Producer:
        return Producer(
            {
                "bootstrap.servers": self._bootstrap_servers,
                "enable.idempotence": True,
                "message.timeout.ms": int(_PATIENCE_S * 1_000),
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                "reconnect.backoff.max.ms": 500,
                # Partitions that are added must be found soon.
                "topic.metadata.refresh.interval.ms": 1_000,
                "log_level": 0,
            }
        )
