"""Records whose header names are not UTF-8: kafka-python can write but not read them.

At such a record the client gives up the whole fetch, again and again: one producer's bug would
stop the partition for ever. So it is read here, over a connection of its own (docs/adr/0022).
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
from profiler.kafka.client_options import CALL_TIMEOUT_MS, connection_options
from profiler.records.types import Record


def read_past(settings: KafkaSettings, consumer: Any, places: Iterable[Any]) -> list[Record]:  # noqa: ANN401
    """Read what stopped the client's consumer with `CorruptRecordError`, and seek past it.

    Blocks for some round trips. Returns the records of one of `places`, from the first that could
    not be read to the end of its batch. Lets the client's errors through.

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
    options = {**connection_options(settings), "receive_message_max_bytes": 100_000_000}
    net = NetworkSelector(**options)
    manager = KafkaConnectionManager(net, **options)
    manager.cluster.set_topics([place.topic])
    topic_of, partition_of = FetchRequest.FetchTopic, FetchRequest.FetchTopic.FetchPartition
    wanted = partition_of(
        partition=place.partition, fetch_offset=offset, partition_max_bytes=1 << 20
    )
    topics = [topic_of(topic=place.topic, partitions=[wanted])]
    # Later versions than 12 name topics by id.
    request = FetchRequest(
        max_wait_ms=100,
        min_bytes=1,
        isolation_level=1,
        topics=topics,
        min_version=4,
        max_version=12,
    )

    async def fetch() -> Any:  # noqa: ANN401 - theirs
        await manager.bootstrap_async(timeout_ms=CALL_TIMEOUT_MS)
        return await manager.send(request, node_id=manager.cluster.leader_for_partition(place))

    try:
        [found] = manager.run(fetch).responses[0].partitions
    finally:
        KafkaNetClient(net, manager).close()
    if found.error_code:
        raise for_code(found.error_code)
    return bytes(found.records or b"")
