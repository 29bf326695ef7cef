"""Dead letters, and what was replayed of them, out of Kafka."""

import time
from collections.abc import Callable, Iterator

from profiler.config.settings import Settings
from profiler.errors import ConfigError
from profiler.kafka.admin.tail import Span, records_in, spans_of
from profiler.ops.rejected.filters import Filters
from profiler.ops.rejected.ledger import Ledger
from profiler.ops.rejected.letters import Letter, letter_of
from profiler.records.types import Record

#: Passes records on, and tells how far it is; takes them and how many there are at most.
Watch = Callable[[Iterator[Record], int], Iterator[Record]]


def reader(settings: Settings, filters: Filters, watch: Watch) -> Callable[[], Iterator[Letter]]:
    """Reads the dead letters that are meant, up to the end that the topic has now.

    Each call reads the topic anew, and comes to the same end.

    Raises:
        ConfigError: there is no such topic.
        TransportError: no broker answers.
    """
    topic = settings.topics.rejected
    spans = spans_of(settings.kafka, topic, since_ms=filters.since_ms)
    if not spans:
        raise ConfigError(f"there is no topic {topic}")
    total = sum(end - first for first, end in spans.values())

    def letters() -> Iterator[Letter]:
        records = watch(records_in(settings.kafka, topic, spans), total)
        return filter(filters.take, map(letter_of, records))

    return letters


def ledger_of(settings: Settings) -> Ledger:
    """What was replayed; nothing where there is no such topic."""
    topic = settings.topics.rejected_replays

    def read() -> Iterator[Record]:
        spans = spans_of(settings.kafka, topic)
        return records_in(settings.kafka, topic, spans) if spans else iter(())

    return Ledger(topic, read, lambda: time.time_ns() // 1_000_000)


def fetcher(settings: Settings) -> Callable[[Record, str], Record | None]:
    """Reads the record of a reference where it was read first, and compares its digest."""

    def fetch(record: Record, sha256: str) -> Record | None:
        place = {record.partition: Span(record.offset, record.offset + 1)}
        found = next(records_in(settings.kafka, record.topic, place), None)
        return found if found is not None and letter_of(found).sha256 == sha256 else None

    return fetch
