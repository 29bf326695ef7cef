"""What becomes of a dead letter in a replay."""

from collections import Counter
from typing import NamedTuple

from profiler.errors import ProfilerError
from profiler.ops.rejected.letters import Letter
from profiler.records.types import Record, Rejected


class Due(NamedTuple):
    """A record that is to be replayed; they sort in the order of the replay.

    Attributes:
        offset: of the source.
        partition: of the source.
        home: the topic that it goes to.
        letter_at: partition and offset of the dead letter.
        letter: the dead letter.
        record: the original.
        name: see `profiler.ops.rejected.ledger`.
    """

    offset: int
    partition: int
    home: str
    letter_at: tuple[int, int]
    letter: Letter
    record: Record
    name: bytes

    @property
    def order(self) -> tuple[int, int, str, tuple[int, int]]:
        """No two are equal."""
        return self[:4]


class Fate(NamedTuple):
    """What becomes of a dead letter in a replay.

    Attributes:
        letter: the dead letter.
        words: ``due``, or why it stays.
        rejected: what the verdict is now, where that is why.
        due: what is replayed, where it is.
    """

    letter: Letter
    words: str
    rejected: Rejected | None
    due: Due | None


#: The word for dead letters that are replayed.
DUE = "due"
STILL_REJECTED = "would be rejected again"


def require_something_new(counts: Counter[tuple[str, str]]) -> None:
    """Refuse a replay of nothing.

    Args:
        counts: how many dead letters have each fate, by its words and by the code.

    Raises:
        ProfilerError: nothing is due; the message says why.
    """
    by_words: Counter[str] = Counter()
    for (words, _), number in counts.items():
        by_words[words] += number
    if by_words[DUE]:
        return
    total = counts.total()
    if not total:
        raise ProfilerError("nothing to replay: no dead letter is meant by these filters")
    why = ", ".join(f"{number:,} {words}" for words, number in by_words.most_common())
    remedy = ""
    if by_words[STILL_REJECTED]:
        remedy = ". Change what they are rejected for, or send them all the same with --all"
    raise ProfilerError(f"nothing to replay: of {total:,} dead letters {why}{remedy}")
