"""The transactional producer on librdkafka."""

import struct
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from profiler.config import KafkaSettings
from profiler.errors import ConfigError, TransportError
from profiler.kafka.librdkafka.client import describe
from profiler.kafka.librdkafka.raw import ConfluentProducer, MakeRaw
from profiler.kafka.librdkafka.sending import Sender, explained
from profiler.kafka.transactions import (
    Asked,
    Offsets,
    check_member,
    no_transactions,
)
from profiler.records.types import OutputRecord

_RETRY_MS = 20
#: Between two tries of a call that the library calls worth another one.
_PAUSE_S = 0.05
_CLOSE_S = 1.0

#: How the library begins the group metadata that it hands out as bytes: then the generation as an
#: int of the machine, and the names of group and member, each up to a NUL.
_MAGIC = b"CGMDv2:"
_GENERATION = struct.Struct("=i")


class LibrdkafkaTransactions:
    """A `TransactionalClient`. The library's own calls may outlast their timeouts.

    To send offsets takes as long as the timeout of the transaction while a broker is silent.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        transactional_id: str,
        largest_bytes: int,
        timeout_s: float,
        make_raw: MakeRaw = ConfluentProducer,
    ) -> None:
        """Connect and initialise transactions; see `TransactionalProducer.init`."""
        deadline = time.monotonic() + timeout_s
        self._id = transactional_id
        self._timeout_s = settings.transaction_timeout_ms / 1_000
        options = {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": settings.transaction_timeout_ms,
            # Where the broker still ends the last transaction of the id, it refuses partitions and
            # offsets of the next one. Partitions are tried again after 20 ms; offsets after this.
            "retry.backoff.ms": _RETRY_MS,
        }
        self._sender = Sender(
            settings,
            largest_bytes=largest_bytes,
            timeout_s=timeout_s,
            make_raw=make_raw,
            options=options,
        )
        self._client = self._sender.client
        try:
            self._answered("begin transactions", deadline, self._client.init_transactions)
        except BaseException:
            self.discard()
            raise

    def begin(self) -> None:
        """See `TransactionalClient.begin`."""
        with self._translated("begin a transaction"):
            self._client.begin_transaction()

    def send(self, records: Iterable[OutputRecord]) -> None:
        """See `TransactionalClient.send`."""
        try:
            self._sender.send(records)
        except TransportError:
            self._check_fatal()
            raise

    def _check_fatal(self) -> None:
        """Raise the fatal error, where there is one: the records may have failed by another."""
        try:
            # Inside a transaction this call does nothing but fail.
            self._client.begin_transaction()
        except KafkaException as error:
            if error.args[0].fatal():
                raise explained(f"send of {self._id}", error.args[0]) from error

    def send_offsets(
        self,
        offsets: Offsets,
        *,
        metadata: str,
        group_metadata: Any,  # noqa: ANN401 - the protocol's
    ) -> None:
        """See `TransactionalClient.send_offsets`."""
        check_member(*_member_of(group_metadata))
        places = [(*place, offset) for place, offset in offsets.items()]
        send = partial(self._client.send_offsets, places, metadata, group_metadata)
        with self._translated("commit"):
            _patiently(send, time.monotonic() + self._timeout_s)

    def commit(self, *, timeout_s: float) -> None:
        """See `TransactionalClient.commit`."""
        deadline = time.monotonic() + timeout_s
        self._answered("commit", deadline, self._client.commit_transaction)

    def abort(self, *, timeout_s: float) -> None:
        """See `TransactionalClient.abort`."""
        self._answered("abort", time.monotonic() + timeout_s, self._client.abort_transaction)

    def discard(self) -> None:
        """See `TransactionalClient.discard`."""
        # A request that gets no answer would be waited for, too.
        self._sender.discard(timeout_s=_CLOSE_S)

    def _answered(self, action: str, deadline: float, call: Callable[[float], object]) -> None:
        with self._translated(action):
            patient = partial(_patiently, call, deadline)
            Asked(f"{action} of {self._id}", patient).wait(deadline)

    @contextmanager
    def _translated(self, action: str) -> Iterator[None]:
        try:
            yield
        except KafkaException as error:
            reason = error.args[0]
            if reason.code() in (
                KafkaError._UNSUPPORTED_FEATURE,  # noqa: SLF001 - its public name
                KafkaError.UNSUPPORTED_VERSION,
            ):
                raise no_transactions(describe(reason)) from error
            raise explained(f"{action} of {self._id}", reason) from error


def _patiently(call: Callable[[float], object], deadline: float) -> None:
    """Try until the call succeeds, is not worth another try, or the time is over."""
    while True:
        try:
            call(max(0.0, deadline - time.monotonic()))
        except KafkaException as error:
            if not error.args[0].retriable() or time.monotonic() + _PAUSE_S >= deadline:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def _member_of(group_metadata: bytes) -> tuple[str, int]:
    """Member id and generation out of the library's bytes.

    Raises:
        ConfigError: they are not written as librdkafka 2.12 to 2.16 write them.
    """
    if not group_metadata.startswith(_MAGIC):
        raise ConfigError("this release of confluent-kafka writes group metadata in another way")
    (generation,) = _GENERATION.unpack_from(group_metadata, len(_MAGIC))
    _group, member, _ = group_metadata[len(_MAGIC) + _GENERATION.size :].split(b"\0", 2)
    return member.decode(errors="replace"), generation
