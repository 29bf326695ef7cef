"""Which dead letters are meant."""

from typing import NamedTuple

from profiler.ops.rejected.letters import Letter


class Filters(NamedTuple):
    """All that is given must hold; what is not given holds for every dead letter.

    Attributes:
        codes: one of these.
        stages: likewise.
        topic: of the source.
        partition: of the source.
        first: the lowest offset of the source.
        last: the highest one.
        since_ms: no earlier timestamp. It is the record's, not the time of its rejection.
        until_ms: only earlier ones.
        headers: each of them is there, by name and value.
    """

    codes: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    topic: str = ""
    partition: int | None = None
    first: int | None = None
    last: int | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    headers: frozenset[tuple[str, bytes]] = frozenset()

    def take(self, letter: Letter) -> bool:
        """Whether a dead letter is meant."""
        at, source = letter.record.timestamp, letter.source
        offset = source.offset if source else -1
        return (
            (not self.codes or letter.code in self.codes)
            and (not self.stages or letter.stage in self.stages)
            and (not self.topic or (source is not None and source.topic == self.topic))
            and (self.partition is None or (source and source.partition) == self.partition)
            and (self.first is None or self.first <= offset)
            and (self.last is None or 0 <= offset <= self.last)
            and (self.since_ms is None or self.since_ms <= at)
            and (self.until_ms is None or 0 <= at < self.until_ms)
            and all(
                any(
                    name == known and value == (there or b"")
                    for known, there in letter.record.headers
                )
                for name, value in self.headers
            )
        )
