"""Offsets to commit, and committed ones, as kafka-python has them."""

from collections.abc import Mapping

from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

#: confluent-kafka writes it behind the metadata. Where it is not there, confluent-kafka reads
#: beyond the metadata's end, since librdkafka keeps its bytes alone.
_END = "\0"


def offsets_with(
    metadata: str, offsets: Mapping[tuple[str, int], int]
) -> dict[TopicPartition, OffsetAndMetadata]:
    """Next offsets to read, each with the metadata, which every client of the group can read.

    Args:
        metadata: a text; empty for none.
        offsets: by topic and partition.
    """
    stored = f"{metadata}{_END}" if metadata else ""
    return {
        TopicPartition(*place): OffsetAndMetadata(offset, stored, -1)
        for place, offset in offsets.items()
    }


def metadata_of(committed: OffsetAndMetadata) -> str:
    """The metadata of a committed offset, whichever client committed it; empty where is none."""
    return (committed.metadata or "").removesuffix(_END)
