"""What a round lays out, and takes away again: topics of its own, and the keys of its visitors."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench.broker import Broker, Topics
from bench.store import Store
from bench.traffic import BenchRecord
from profiler.profiles.keys import key_of
from profiler.rules.model import Rules


def keys_of(records: Sequence[BenchRecord], rules: Rules) -> list[str]:
    """The keys that a profiler with these rules writes for the visitors of the records."""
    return sorted({key_of(rules.store.key, record.visitor) for record in records})


@contextmanager
def own_topics(broker: Broker, *, keep_timestamps: bool = False) -> Iterator[tuple[str, Topics]]:
    """Topics that nobody else has, and the unique word with which their names begin.

    At the end they are deleted, with what the programs made beside them: see `Broker.remove`.

    Args:
        broker: where.
        keep_timestamps: see `Broker.make_topics`.
    """
    # As long as "tracking": the input topic's name is part of every stored profile.
    token = uuid.uuid4().hex[: len("tracking")]
    topics = broker.make_topics(token, keep_timestamps=keep_timestamps)
    try:
        yield token, topics
    finally:
        broker.remove(token)


@contextmanager
def own_keys(store: Store, keys: Sequence[str]) -> Iterator[None]:
    """Deletes the keys at the end."""
    try:
        yield
    finally:
        store.forget(keys)
