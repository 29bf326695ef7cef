"""Header names that are not UTF-8, past a client that cannot read the records that carry them.

Kafka's protocol calls a header's name a string, and no broker checks it. kafka-python gives up
the whole fetch at such a record, again and again, so one producer's bug would stop the stream.
"""

from typing import Any

from kafka.consumer.fetcher import Fetcher
from kafka.record.default_records import DefaultRecordBatch


class HeaderName(str):
    """A name with its foreign bytes as lone surrogates; it is encoded into the bytes it was."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> bytes:
        """Return the original bytes, whatever errors the caller is ready for."""
        del errors
        return super().encode(encoding, "surrogateescape")


class _TolerantBuffer(bytearray):
    """Its slices decode into a `HeaderName`."""

    def __getitem__(self, place: Any) -> Any:  # noqa: ANN401 - an index or a slice
        found = super().__getitem__(place)
        return _TolerantBuffer(found) if isinstance(place, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> str:
        del errors
        return HeaderName(super().decode(encoding, "surrogateescape"))


class _TolerantBatch(DefaultRecordBatch):  # type: ignore[misc]
    """Reads a batch as the client does, and on from where the client gives up."""

    __slots__ = ()

    def _read_msg(self) -> Any:  # noqa: ANN401 - the client's record
        try:
            return super()._read_msg()
        except UnicodeDecodeError:
            self._buffer = _TolerantBuffer(self._buffer)  # type: ignore[misc,has-type]
            return super()._read_msg()


class _TolerantBatches:
    def __init__(self, records: Any) -> None:  # noqa: ANN401 - the client's
        self._records = records

    def next_batch(self) -> Any:  # noqa: ANN401 - the client's
        batch = self._records.next_batch()
        if isinstance(batch, DefaultRecordBatch):
            batch.__class__ = _TolerantBatch
        return batch


class _TolerantRecords(Fetcher.PartitionRecords):  # type: ignore[misc]
    def _unpack_records(self, tp: Any, records: Any, *deserializers: Any) -> Any:  # noqa: ANN401
        return super()._unpack_records(tp, _TolerantBatches(records), *deserializers)


def tolerate_header_names(consumer: Any) -> None:  # noqa: ANN401 - the client is untyped
    """Let this consumer read records whose header names are not UTF-8.

    Such a name comes as a `HeaderName`. Costs one call per record, where no name is foreign.
    """
    consumer._fetcher.PartitionRecords = _TolerantRecords  # noqa: SLF001 - no public way
