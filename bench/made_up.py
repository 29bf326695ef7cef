"""Outputs of the sizes that real ones have, for benches of producers alone."""

from profiler.records.types import OutputRecord

#: Of one round: how many rounds, batches and events.
ROUNDS, BATCHES, EVENTS = 5, 60, 500
#: Of a value, by topic.
BYTES = {"flattened": 1_200, "persisted": 2_280}
_HEADERS = (
    ("source-topic", b"tracking"),
    ("source-partition", b"0"),
    ("source-offset", b"1234567"),
)


def batch_of(topics: dict[str, int]) -> list[OutputRecord]:
    """The outputs of `EVENTS` events: one of each in every topic, of the given bytes."""
    return [
        OutputRecord(topic, b"visitor-%d" % number, b"x" * size, _HEADERS, -1)
        for number in range(EVENTS)
        for topic, size in topics.items()
    ]
