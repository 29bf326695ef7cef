"""Transactions in memory: who may write under a transactional id, and what an end of one does."""

from collections import defaultdict
from collections.abc import Mapping

from profiler.errors import ProducerFencedError
from profiler.kafka.memory.group import Group
from profiler.kafka.memory.log import Topic


class Coordinator:
    """Of all transactional ids. Its broker's lock guards it.

    Args:
        topics: the broker's.
        groups: the broker's, with what transactions are about to commit.
    """

    def __init__(self, topics: Mapping[str, Topic], groups: Mapping[str, Group]) -> None:
        self._topics = topics
        self._groups = groups
        self._epochs: defaultdict[str, int] = defaultdict(lambda: -1)

    def init(self, name: str) -> int:
        """Fence whoever has the id now, and abort its transaction; returns the new epoch."""
        self.end(name, is_commit=False)
        self._epochs[name] += 1
        return self._epochs[name]

    def epoch_of(self, name: str) -> int:
        """The epoch of the only producer that may use the id; -1 where none ever did."""
        return self._epochs[name]

    def check(self, name: str, epoch: int) -> None:
        """Refuse a producer that is not the last one of its id.

        Raises:
            ProducerFencedError: it is not.
        """
        if epoch != self._epochs[name]:
            raise ProducerFencedError(f"transactional id {name}: another producer has it now")

    def end(self, name: str, *, is_commit: bool) -> None:
        """Show what the transaction wrote and store its offsets, or drop both."""
        for topic in self._topics.values():
            for partition in topic.partitions:
                partition.end_transaction(name, is_commit=is_commit)
        for group in self._groups.values():
            offsets, metadata = group.pending.pop(name, ({}, ""))
            if is_commit:
                group.store(offsets, metadata)

    def time_out(self) -> None:
        """Abort all transactions, and fence their producers until their next `init`."""
        for name in self._epochs:
            self.init(name)
