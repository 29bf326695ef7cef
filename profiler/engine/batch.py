"""The seam of the inner loop: what an engine does with the records of one poll.

An engine decodes, packs, decodes replies and makes outputs. It talks to nobody: commands go to
Redis by the script's caller, outputs to Kafka by the delivery. So another implementation, in
another language, can stand behind these two Protocols.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from profiler.profiles.outputs import StoredOutput
from profiler.profiles.redis import Command
from profiler.profiles.reply import Reply
from profiler.records.types import OutputRecord, Record, Rejected


class Rejection(NamedTuple):
    """A record that is a dead letter.

    Attributes:
        place: its place among the batch's records.
        record: as it was read.
        rejected: code and reason.
    """

    place: int
    record: Record
    rejected: Rejected


class Finished(NamedTuple):
    """What came of a batch.

    Attributes:
        records: how many were read.
        outputs: everything to be produced, in the order of the records; dead letters included.
        rejections: in the order of the records.
        counts: what is to be counted once the batch is committed, by name.
        triggers: likewise, how often each trigger was fired or retracted: by its name and state.
    """

    records: int
    outputs: list[OutputRecord]
    rejections: list[Rejection]
    counts: Counter[str]
    triggers: Counter[tuple[str, str]]


class Batch(Protocol):
    """The records of one poll on their way; one stage has it at a time, and hands it on.

    The calls come in this order: `decode`, `pack`, `fold` once for every round, `finish`. After a
    fault of Redis the rounds are sent and folded again from the first one on.
    """

    def decode(self) -> None:
        """Parse, flatten, encode and check every record; a bad one ends here as a dead letter."""
        ...

    def pack(self) -> Sequence[Sequence[Command]]:
        """The script calls by rounds; a visitor has one call a round. Empty in mode flatten.

        All replies of a round must be there before the next one is sent.
        """
        ...

    def fold(self, number: int, replies: Sequence[Reply]) -> None:
        """Take the replies to a round, in the order of its commands.

        Raises:
            ScriptContractError: a reply breaks the contract.
        """
        ...

    def finish(self) -> Finished:
        """Make the outputs."""
        ...

    def stored(self) -> list[StoredOutput]:
        """What the calls may have left in sidecars, to be removed once the batch is committed."""
        ...


class Engine(Protocol):
    """Makes batches, for one mode and one set of settings and rules."""

    @property
    def name(self) -> str:
        """Which implementation it is, for the log."""
        ...

    def batch(
        self,
        records: Sequence[Record],
        *,
        stream: str = "",
        floors: Mapping[int, int] | None = None,
    ) -> Batch:
        """A batch of these records, in offset order inside each partition; costs nothing yet.

        Args:
            records: of one topic.
            stream: names the topic's streams, but for the partition; empty where offsets do not
                last.
            floors: by partition the oldest offset that is not committed; None stores no outputs.
        """
        ...
