"""What the brokers keep of a consumer group: its generations, which no admin call shows."""

import struct

from kafka import KafkaConsumer, TopicPartition

_TOPIC = "__consumer_offsets"
_GROUP_METADATA = 2  # the version of a key that is a group's state; 0 and 1 are offsets


def generations(bootstrap_servers: str, group: str) -> list[int]:
    """Return the group's generations from its first to its current one, as they were stored.

    Every rebalance makes a new one, also where each member keeps its partitions.
    """
    consumer = KafkaConsumer(bootstrap_servers=bootstrap_servers)
    found: list[int] = []
    try:
        numbers = consumer.partitions_for_topic(_TOPIC)
        consumer.assign([TopicPartition(_TOPIC, number) for number in sorted(numbers)])
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(consumer.assignment())
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for records in consumer.poll(timeout_ms=1_000).values():
                found.extend(
                    _generation_of(record.value)
                    for record in records
                    if record.value is not None and _group_of(record.key) == group
                )
    finally:
        consumer.close()
    return sorted(set(found))


def _group_of(key: bytes) -> str | None:
    """Key: int16 version, string group."""
    version, length = struct.unpack_from(">hh", key)
    return key[4 : 4 + length].decode() if version == _GROUP_METADATA else None


def _generation_of(value: bytes) -> int:
    """Value: int16 version, string protocol type, int32 generation, and more."""
    (length,) = struct.unpack_from(">h", value, 2)
    (generation,) = struct.unpack_from(">i", value, 4 + length)
    return int(generation)
