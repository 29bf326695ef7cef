"""Which records were answered by a dead letter: those never touched a profile."""

import hashlib

from profiler.config.settings import Settings
from profiler.kafka.admin.tail import Span, records_in, spans_of
from profiler.ops.rejected.letters import Letter, home_of, letter_of
from profiler.records.types import Record

_KEPT_BYTES = 8
#: A profile has counted the event whose output it made too large.
_COUNTED = ("too_large", "profile")


class DeadPlaces:
    """The places of rejected records of one topic.

    Holds some 200 bytes for each dead letter. A digest of the value tells a record from one of the
    topic's earlier lives, whose offsets were the same.

    Args:
        settings: name the topics.
        topic: that workers read.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._next: dict[int, int] = {}
        self._digests: dict[tuple[int, int], bytes] = {}

    def refresh(self) -> None:
        """Read the dead letters that are new.

        Raises:
            TransportError: no broker answers.
        """
        name = self._settings.topics.rejected
        spans = {
            at: Span(max(first, self._next.get(at, 0)), end)
            for at, (first, end) in spans_of(self._settings.kafka, name).items()
        }
        if any(first < end for first, end in spans.values()):
            for record in records_in(self._settings.kafka, name, spans):
                self._take(letter_of(record))
        self._next = {at: end for at, (_, end) in spans.items()}

    def __contains__(self, record: Record) -> bool:
        """Whether a record of the topic was rejected."""
        digest = self._digests.get((record.partition, record.offset))
        if digest is None:
            return False
        return digest == hashlib.sha256(record.value or b"").digest()[:_KEPT_BYTES]

    def _take(self, letter: Letter) -> None:
        source = letter.source
        is_of_topic = source is not None and source.topic == self._topic
        if not is_of_topic or home_of(letter, self._settings.topics) != self._topic:
            return
        if source is not None and (letter.code, letter.stage) != _COUNTED:
            digest = bytes.fromhex(letter.sha256)[:_KEPT_BYTES]
            self._digests[source.partition, source.offset] = digest
