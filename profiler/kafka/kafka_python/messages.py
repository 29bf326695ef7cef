"""What kafka-python's consumer returns, as our records."""

from operator import attrgetter
from typing import Any

from profiler.records.types import Record

_parts_of: Any = attrgetter("topic", "partition", "offset", "timestamp", "key", "value")


def record_of(message: Any) -> Record:  # noqa: ANN401 - the client's
    """The record of a message."""
    return Record._make((*_parts_of(message), tuple(message.headers)))
