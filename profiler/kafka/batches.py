"""Kafka's record batches (format version 2) out of the bytes of a fetch.

Both client libraries read them by themselves; this is for the records that one of them cannot
read, see `profiler.kafka.foreign_names`.
"""

from collections.abc import Callable, Iterator, Mapping

from kafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import decode_varint

from profiler.records.types import Headers, Record

_HEADER = DefaultRecordBatch.HEADER_STRUCT
_DECOMPRESS: Mapping[int, Callable[[bytes], bytes]] = {
    DefaultRecordBatch.CODEC_NONE: bytes,
    DefaultRecordBatch.CODEC_GZIP: gzip_decode,
    DefaultRecordBatch.CODEC_SNAPPY: snappy_decode,
    DefaultRecordBatch.CODEC_LZ4: lz4_decode,
    DefaultRecordBatch.CODEC_ZSTD: zstd_decode,
}


def batches(topic: str, partition: int, data: bytes) -> Iterator[list[Record]]:
    """The records of every whole batch in `data`, but for the markers of transactions.

    A header name that is not UTF-8 has its foreign bytes as lone surrogates.
    """
    at = 0
    while at + _HEADER.size <= len(data):
        header = _HEADER.unpack_from(data, at)
        end = at + DefaultRecordBatch.AFTER_LEN_OFFSET + header[1]
        if end > len(data):
            return
        attributes = header[5]
        if not attributes & DefaultRecordBatch.CONTROL_MASK:
            decompress = _DECOMPRESS[attributes & DefaultRecordBatch.CODEC_MASK]
            content = decompress(data[at + _HEADER.size : end])
            yield list(_records(topic, partition, header, content))
        at = end


def _records(topic: str, partition: int, header: tuple[int, ...], data: bytes) -> Iterator[Record]:
    """Every number of a record is a varint, also the lengths of its parts."""
    _, _, _, _, _, attributes, _, first_timestamp, max_timestamp, *_, count = header
    at = 0

    def number() -> int:
        nonlocal at
        value, at = decode_varint(data, at)
        return int(value)

    def part() -> bytes | None:
        nonlocal at
        size = number()
        if size < 0:
            return None
        at += size
        return bytes(data[at - size : at])

    for _ in range(count):
        number()  # the record's length
        number()  # its attributes, which mean nothing yet
        timestamp = first_timestamp + number()
        if attributes & DefaultRecordBatch.TIMESTAMP_TYPE_MASK:  # the broker's time
            timestamp = max_timestamp
        offset = header[0] + number()
        key, value = part(), part()
        headers: Headers = tuple(
            ((part() or b"").decode(errors="surrogateescape"), part()) for _ in range(number())
        )
        yield Record(topic, partition, offset, timestamp, key, value, headers)
