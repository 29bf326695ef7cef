"""What was replayed: a record in a compacted topic for each, written in the replay's transaction.

A replayed record is named by where it was first read and by a digest of its value. So a dead letter
that a crash of an at-least-once worker left twice is replayed once, and a topic that was made anew,
whose offsets begin again, has other names.
"""

import hashlib
import json
from collections.abc import Callable, Iterable

from profiler.ops.rejected.letters import Letter
from profiler.records.types import NO_TIMESTAMP, OutputRecord, Record

#: Of a digest; of 10^7 names two are the same with a chance of 10^-16.
_KEPT_BYTES = 16


def name_of(letter: Letter, home: str) -> bytes:
    """The name of the record that a dead letter was; the key of what is recorded.

    Args:
        letter: with a source.
        home: the topic whose bytes it has.
    """
    topic, partition, offset = letter.source or ("", -1, -1)
    digest = hashlib.sha256(f"{home} {letter.sha256}".encode())
    return f"{topic}:{partition}:{offset}:{digest.hexdigest()[: 2 * _KEPT_BYTES]}".encode()


class Ledger:
    """The records of what was replayed.

    Args:
        topic: where they are.
        read: reads all that are committed now.
        clock: ms since the epoch.
    """

    def __init__(
        self, topic: str, read: Callable[[], Iterable[Record]], clock: Callable[[], int]
    ) -> None:
        self._topic = topic
        self._read = read
        self._clock = clock
        #: Digests: names may be long.
        self._known: set[bytes] = set()

    def load(self) -> None:
        """Read the topic. Holds about 100 bytes for each record that was ever replayed."""
        self._known = {_short(record.key) for record in self._read() if record.key}

    def has(self, name: bytes) -> bool:
        """Whether a record was replayed."""
        return _short(name) in self._known

    def entry(self, letter: Letter, name: bytes, output: OutputRecord) -> OutputRecord:
        """What is written beside a replayed record."""
        told = {
            "dead_letter": letter.place,
            "code": letter.code,
            "to": output.topic,
            "times": letter.replays + 1,
            "replayed_at": self._clock(),
        }
        return OutputRecord(self._topic, name, json.dumps(told).encode(), (), NO_TIMESTAMP)

    def add(self, name: bytes) -> None:
        """Its transaction is committed."""
        self._known.add(_short(name))


def _short(name: bytes) -> bytes:
    return hashlib.sha256(name).digest()[:_KEPT_BYTES]
