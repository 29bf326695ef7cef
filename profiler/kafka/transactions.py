"""The rules of a transactional producer, the same for every client library (docs/adr/0044)."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Protocol

from profiler.errors import ConfigError, TransportError
from profiler.records.types import OutputRecord

Offsets = Mapping[tuple[str, int], int]


class TransactionalClient(Protocol):
    """One client, from its connection and `init_transactions` to its first failure.

    All calls raise what `TransactionalProducer` says.
    """

    def begin(self) -> None:
        """Begin a transaction; asks nobody."""
        ...

    def send(self, records: Iterable[OutputRecord]) -> None:
        """Produce the records, and wait until each is acknowledged."""
        ...

    def commit(
        self,
        offsets: Offsets,
        *,
        metadata: str,
        group_metadata: Any,  # noqa: ANN401 - the client library's own
        timeout_s: float,
    ) -> None:
        """Send the offsets and commit."""
        ...

    def abort(self, *, timeout_s: float) -> None:
        """Abort."""
        ...

    def discard(self) -> None:
        """Disconnect and send nothing more; raises nothing."""
        ...


class RenewedProducer:
    """A `profiler.kafka.protocol.TransactionalProducer` that uses no client after an error.

    Args:
        connect: makes a client, and initialises its transactions, in so many seconds.
    """

    def __init__(self, connect: Callable[[float], TransactionalClient]) -> None:
        self._connect = connect
        #: None before the first `init`, and after an error.
        self._client: TransactionalClient | None = None
        self._is_open = False

    def init(self, *, timeout_s: float) -> None:
        """See `TransactionalProducer.init`."""
        # First: what the old client still does would fence the new one.
        self._give_up()
        self._client = self._connect(timeout_s)

    def send(self, records: Iterable[OutputRecord]) -> None:
        """See `TransactionalProducer.send`."""
        with self._begun() as client:
            client.send(records)

    def commit(
        self,
        offsets: Offsets,
        *,
        metadata: str,
        group_metadata: Any,  # noqa: ANN401 - the client library's own
        timeout_s: float,
    ) -> None:
        """See `TransactionalProducer.commit`."""
        with self._begun() as client:
            client.commit(
                offsets, metadata=metadata, group_metadata=group_metadata, timeout_s=timeout_s
            )
        self._is_open = False

    def close(self, *, timeout_s: float = 10) -> None:
        """See `TransactionalProducer.close`."""
        if self._client is not None and self._is_open:
            with suppress(TransportError):
                self._client.abort(timeout_s=timeout_s)
        self._give_up()

    @contextmanager
    def _begun(self) -> Iterator[TransactionalClient]:
        """A transaction is open inside; an error ends it with its client."""
        client = self._client
        if client is None:
            raise TransportError("there is no transaction to go on with: init must come first")
        try:
            if not self._is_open:
                client.begin()
                self._is_open = True
            yield client
        except BaseException:
            self._give_up()
            raise

    def _give_up(self) -> None:
        client, self._client, self._is_open = self._client, None, False
        if client is not None:
            client.discard()


def answered(action: str, call: Callable[[], object], *, deadline: float) -> None:
    """Make a call that may wait for ever, in a thread that is given up at the deadline.

    Args:
        action: begins the message.
        call: its errors are raised here.
        deadline: on the clock of `time.monotonic`.

    Raises:
        TransportError: it did not end in time; what it does is not known.
    """
    outcome: SimpleQueue[Exception | None] = SimpleQueue()

    def run() -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - raised below
            outcome.put(error)
        else:
            outcome.put(None)

    Thread(target=run, name="transaction", daemon=True).start()
    try:
        error = outcome.get(timeout=max(0.0, deadline - time.monotonic()))
    except Empty:
        raise TransportError(f"{action}: no answer in time") from None
    if error is not None:
        raise error


def no_transactions(reason: str) -> ConfigError:
    """The error for a broker without the requests of transactions.

    Args:
        reason: what the client found.
    """
    return ConfigError(
        f"kafka: the broker cannot do transactions ({reason}), and exactly-once needs them;"
        ' set delivery = "at-least-once", or use Kafka 2.5 or later'
    )


def check_member(member_id: str, generation: int) -> None:
    """Refuse a commit that a broker would take without looking.

    A client whose group has given it up answers with generation -1 and without a member id. A
    broker then checks nothing: exactly the commit of a zombie would pass.

    Args:
        member_id: as the group metadata has it.
        generation: likewise.

    Raises:
        TransportError: the commit must not be tried.
    """
    if generation < 0 or not member_id:
        raise TransportError("commit: the group metadata names no member: the group gave us up")
