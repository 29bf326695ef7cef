"""The transactional producer on kafka-python 3.0.x, by its public API alone."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from kafka.errors import KafkaConfigurationError, KafkaError, UnsupportedVersionError

from profiler.config import KafkaSettings
from profiler.kafka.kafka_python.offsets import offsets_with
from profiler.kafka.kafka_python.sending import connect, deliver, discard, explained
from profiler.kafka.transactions import (
    Asked,
    Offsets,
    check_member,
    no_transactions,
)
from profiler.records.types import OutputRecord

#: The client sleeps so long whenever the broker still ends the transaction before, which is at
#: nearly every begin of one.
_RETRY_MS = 10
#: How long a client that is thrown away may wait for a request that was not answered in time.
_CLOSE_S = 1.0


class KafkaPythonTransactions:
    """A `TransactionalClient`. The client's own calls may wait for ever."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        transactional_id: str,
        largest_bytes: int,
        timeout_s: float,
    ) -> None:
        """Connect and initialise transactions; see `TransactionalProducer.init`."""
        self._id = transactional_id
        self._delivery_s = settings.delivery_timeout_ms / 1_000
        #: Whether records may still be on their way.
        self._is_sending = False
        deadline = time.monotonic() + timeout_s
        with self._translated("connect"):
            self._producer = connect(
                settings,
                largest_bytes=largest_bytes,
                timeout_s=timeout_s,
                transactional_id=transactional_id,
                transaction_timeout_ms=settings.transaction_timeout_ms,
                retry_backoff_ms=_RETRY_MS,
            )
        try:
            self._answered("begin transactions", deadline, self._producer.init_transactions)
        except BaseException:
            self.discard()
            raise

    def begin(self) -> None:
        """See `TransactionalClient.begin`."""
        with self._translated("begin a transaction"):
            self._producer.begin_transaction()

    def send(self, records: Iterable[OutputRecord]) -> None:
        """See `TransactionalClient.send`."""
        self._is_sending = True
        deliver(self._producer, records, timeout_s=self._delivery_s)
        self._is_sending = False

    def send_offsets(
        self,
        offsets: Offsets,
        *,
        metadata: str,
        group_metadata: Any,  # noqa: ANN401 - the protocol's
    ) -> None:
        """See `TransactionalClient.send_offsets`."""
        check_member(group_metadata.member_id, group_metadata.generation_id)
        places = offsets_with(metadata, offsets)
        with self._translated("commit"):
            self._producer.send_offsets_to_transaction(places, group_metadata)

    def commit(self, *, timeout_s: float) -> None:
        """See `TransactionalClient.commit`."""
        deadline = time.monotonic() + timeout_s
        self._answered("commit", deadline, self._producer.commit_transaction)

    def abort(self, *, timeout_s: float) -> None:
        """See `TransactionalClient.abort`."""
        deadline = time.monotonic() + timeout_s
        self._answered("abort", deadline, self._producer.abort_transaction)

    def discard(self) -> None:
        """See `TransactionalClient.discard`."""
        # A close that fails on records leaves the client's thread behind.
        discard(self._producer, timeout_s=self._delivery_s if self._is_sending else _CLOSE_S)

    def _answered(self, action: str, deadline: float, call: Callable[[], None]) -> None:
        with self._translated(action):
            Asked(f"{action} of {self._id}", call).wait(deadline)

    @contextmanager
    def _translated(self, action: str) -> Iterator[None]:
        try:
            yield
        except (UnsupportedVersionError, KafkaConfigurationError) as error:
            raise no_transactions(str(error)) from error
        except KafkaError as error:
            raise explained(f"{action} of {self._id}", error) from error
