"""The rules of a transactional producer, the same for every client library (docs/adr/0044)."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from threading import Event, Thread
from typing import Any, Protocol

from profiler.errors import (
    ConfigError,
    ProducerFencedError,
    RecordTooLargeError,
    TimestampRefusedError,
    TransportError,
)
from profiler.records.types import OutputRecord

Offsets = Mapping[tuple[str, int], int]

#: Where records and offsets fail for the same reason, their answers come one upon the other.
_REFUSAL_S = 1.0


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

    def send_offsets(
        self,
        offsets: Offsets,
        *,
        metadata: str,
        group_metadata: Any,  # noqa: ANN401 - the client library's own
    ) -> None:
        """Send the offsets, and wait for the answer, however long; in any thread, beside `send`."""
        ...

    def commit(self, *, timeout_s: float) -> None:
        """Commit; the offsets are answered."""
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
        #: What becomes of the offsets of the open transaction; None where it has none.
        self._staged: Asked | None = None

    def init(self, *, timeout_s: float) -> None:
        """See `TransactionalProducer.init`."""
        # First: what the old client still does would fence the new one.
        self._give_up()
        self._client = self._connect(timeout_s)

    def send(self, records: Iterable[OutputRecord]) -> None:
        """See `TransactionalProducer.send`."""
        with self._begun() as client:
            try:
                client.send(records)
            except (ProducerFencedError, RecordTooLargeError, TimestampRefusedError):
                raise
            except TransportError as error:
                self._raise_refusal(error)
                raise

    def stage(
        self,
        offsets: Offsets,
        *,
        metadata: str,
        group_metadata: Any,  # noqa: ANN401 - the client library's own
    ) -> None:
        """See `TransactionalProducer.stage`."""
        with self._begun() as client:
            send = partial(
                client.send_offsets, offsets, metadata=metadata, group_metadata=group_metadata
            )
            self._staged = Asked("commit", send)

    def commit(self, *, timeout_s: float) -> None:
        """See `TransactionalProducer.commit`."""
        deadline = time.monotonic() + timeout_s
        with self._begun() as client:
            if self._staged is not None:
                self._staged.wait(deadline)
            client.commit(timeout_s=max(0.0, deadline - time.monotonic()))
        self._is_open, self._staged = False, None

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

    def _raise_refusal(self, error: TransportError) -> None:
        """Raise what the offsets failed with, where records failed because of it."""
        staged = self._staged
        if staged is not None and staged.has_ended(_REFUSAL_S) and staged.failure is not None:
            raise staged.failure from error

    def _give_up(self) -> None:
        client, self._client, self._is_open = self._client, None, False
        self._staged = None  # what its thread still does, `discard` ends
        if client is not None:
            client.discard()


class Asked:
    """A call that may wait for ever, made in a thread that is given up at the deadline.

    Args:
        action: begins the message.
        call: what is done.
    """

    def __init__(self, action: str, call: Callable[[], object]) -> None:
        self._action = action
        self._call = call
        self._ended = Event()
        #: What it failed with so far.
        self.failure: Exception | None = None
        Thread(target=self._run, name="transaction", daemon=True).start()

    def wait(self, deadline: float) -> None:
        """Wait for the end; raises what the call raised.

        Args:
            deadline: on the clock of `time.monotonic`.

        Raises:
            TransportError: it did not end in time; what it does is not known.
        """
        if not self.has_ended(max(0.0, deadline - time.monotonic())):
            raise TransportError(f"{self._action}: no answer in time")
        if self.failure is not None:
            raise self.failure

    def has_ended(self, timeout_s: float) -> bool:
        """Wait for so long at most; whether it ended."""
        return self._ended.wait(timeout_s)

    def _run(self) -> None:
        try:
            self._call()
        except Exception as error:  # noqa: BLE001 - raised by `wait`
            self.failure = error
        finally:
            self._ended.set()


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
