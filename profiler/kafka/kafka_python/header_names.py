"""Header names that are not UTF-8, which kafka-python can write but not read (docs/adr/0022).

At such a record the client gives up the whole fetch, again and again: one producer's bug would
stop the partition for ever. So it is read here, over a connection of its own.
"""

from collections.abc import Iterable
from typing import Any

from kafka.errors import for_code
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector
from kafka.protocol.consumer import FetchRequest

from profiler.config import KafkaSettings
from profiler.errors import TransportError
from profiler.kafka.batches import batches
from profiler.kafka.kafka_python.client import CALL_TIMEOUT_MS, connection_options
from profiler.records.types import Record

_FETCH_BYTES = 1 << 20
_MOST_ANSWER_BYTES = 100_000_000  # a batch may be larger than what was asked for


class HeaderName(str):
    """A name with its foreign bytes as lone surrogates; it is encoded into the bytes it was."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> bytes:
        """Return the original bytes, whatever errors the caller is ready for."""
        del errors
        return super().encode(encoding, "surrogateescape")


def read_past(settings: KafkaSettings, consumer: Any, places: Iterable[Any]) -> list[Record]:  # noqa: ANN401
    """Read what stopped the client's consumer with `CorruptRecordError`, and seek past it.

    Blocks for some round trips. Lets the client's errors through.

    Returns:
        The records of one of `places`, from that record to the end of its batch.

    Raises:
        TransportError: no next record of a partition has such a name: the log is damaged.
    """
    for place in places:
        offset = consumer.position(place, timeout_ms=CALL_TIMEOUT_MS)
        for batch in batches(place.topic, place.partition, _fetch(settings, place, offset)):
            records = [record for record in batch if record.offset >= offset]
            if any(_is_foreign(name) for record in records for name, _ in record.headers):
                consumer.seek(place, records[-1].offset + 1)
                return records
            if records:
                break
    raise TransportError("poll: the log holds a record that cannot be read")


def _is_foreign(name: str) -> bool:
    return not name.isascii() and name.encode(errors="replace").decode() != name


def _fetch(settings: KafkaSettings, place: Any, offset: int) -> bytes:  # noqa: ANN401 - theirs
    """The batches from the one that holds `offset` on; at least the first is whole."""
    options = connection_options(settings)
    net = NetworkSelector(**options)
    options["receive_message_max_bytes"] = _MOST_ANSWER_BYTES
    manager = KafkaConnectionManager(net, **options)
    manager.cluster.set_topics([place.topic])
    topic_of, partition_of = FetchRequest.FetchTopic, FetchRequest.FetchTopic.FetchPartition
    wanted = partition_of(
        partition=place.partition,
        current_leader_epoch=-1,
        fetch_offset=offset,
        last_fetched_epoch=-1,
        partition_max_bytes=_FETCH_BYTES,
    )

    async def fetch() -> Any:  # noqa: ANN401 - theirs
        await manager.bootstrap_async(timeout_ms=CALL_TIMEOUT_MS)
        request = FetchRequest(
            max_wait_ms=100,
            min_bytes=1,
            max_bytes=_FETCH_BYTES,
            isolation_level=1,
            session_id=0,
            session_epoch=-1,  # no session
            topics=[topic_of(topic=place.topic, partitions=[wanted])],
            forgotten_topics_data=[],
            rack_id="",
            min_version=4,
            max_version=12,  # later ones name topics by id
        )
        return await manager.send(request, node_id=manager.cluster.leader_for_partition(place))

    try:
        [found] = manager.run(fetch).responses[0].partitions
    finally:
        KafkaNetClient(net, manager).close()
    if found.error_code:
        raise for_code(found.error_code)
    return bytes(found.records or b"")
