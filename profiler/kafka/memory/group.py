"""A consumer group in memory: members, generations, who owns what, and what is committed.

It rebalances as Kafka's range assignor does: every member gives all partitions up and joins anew,
and nobody has any until the last member joined or was given up.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from profiler.errors import TransportError

Place = tuple[str, int]


class Membership(NamedTuple):
    """Who a member is: what real clients call the group metadata.

    Attributes:
        group: the name of the consumer group.
        generation: the group's own, which all its members share; -1 where it is in none.
        member: the member's name; then empty.
    """

    group: str
    generation: int
    member: str


class Member:
    """What the group knows of one member."""

    def __init__(self, topics: frozenset[str], max_poll_interval_s: float) -> None:
        self.topics = topics
        self.max_poll_interval_s = max_poll_interval_s
        self.polled_at = time.monotonic()
        #: Whether it takes part in the generation to come.
        self.joined = False
        self.owned: frozenset[Place] = frozenset()

    @property
    def given_up_at(self) -> float:
        """When it counts as stuck, on the clock of `time.monotonic`."""
        return self.polled_at + self.max_poll_interval_s


class Group:
    """One consumer group. Its broker's lock guards it."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self.committed: dict[Place, int] = {}
        #: The text that the last commit stored beside the offset.
        self.metadata: dict[Place, str] = {}
        #: Offsets and text that an open transaction will commit, by its id.
        self.pending: dict[str, tuple[dict[Place, int], str]] = {}
        self.generation = 0
        self.rebalancing = False
        #: How many commits are to be refused still; see `MemoryBroker.refuse_commits`.
        self.refused_commits = 0

    def join(self, name: str, topics: frozenset[str], max_poll_interval_s: float) -> None:
        """Take part in the generation to come; a new member begins a rebalance."""
        if name not in self.members:
            self.members[name] = Member(topics, max_poll_interval_s)
            self.rebalance()
        self.members[name].joined = True

    def leave(self, name: str) -> None:
        """Take a member out, which begins a rebalance."""
        if self.members.pop(name, None) is not None:
            self.rebalance()

    def store(self, offsets: Mapping[Place, int], metadata: str = "") -> None:
        """Commit offsets, with a text beside each of them."""
        self.committed.update(offsets)
        self.metadata.update(dict.fromkeys(offsets, metadata))

    def is_stable(self, places: Iterable[Place]) -> bool:
        """Whether no open transaction is about to commit an offset of any of these."""
        wanted = set(places)
        return all(wanted.isdisjoint(offsets) for offsets, _ in self.pending.values())

    def check_commit(self, member: str, generation: int) -> None:
        """Take or refuse a commit.

        Raises:
            TransportError: the member is unknown, its generation is over, or a test asked for it.
        """
        if member not in self.members:
            raise TransportError("commit: UnknownMemberIdError: the group gave us up")
        if generation != self.generation:
            raise TransportError("commit: IllegalGenerationError: the group has rebalanced")
        if self.refused_commits:
            self.refused_commits -= 1
            raise TransportError("commit: the broker refuses it")

    def rebalance(self) -> None:
        """Ask every member to join anew; a rebalance that is under way begins again."""
        self.rebalancing = bool(self.members)
        for member in self.members.values():
            member.joined = False

    def give_up_stuck(self) -> None:
        """Take out all members that did not poll in time."""
        now = time.monotonic()
        for name in [name for name, member in self.members.items() if member.given_up_at <= now]:
            self.leave(name)

    def next_given_up_at(self) -> float | None:
        """When the next member counts as stuck if it does not poll, where there is one."""
        return min((member.given_up_at for member in self.members.values()), default=None)

    def everybody_polled(self) -> None:
        """Begin every member's time anew, as a broker does that has just started."""
        for member in self.members.values():
            member.polled_at = time.monotonic()

    def share_out(self, partitions: Mapping[str, int]) -> bool:
        """End the rebalance, if every member joined: give each its partitions.

        Args:
            partitions: how many partitions each topic has.

        Returns:
            Whether the rebalance ended now.
        """
        if not self.rebalancing or not all(member.joined for member in self.members.values()):
            return False
        owned: dict[str, set[Place]] = defaultdict(set)
        for topic, count in partitions.items():
            readers = sorted(
                name for name, member in self.members.items() if topic in member.topics
            )
            for at, name in enumerate(readers):
                first, last = (count * place // len(readers) for place in (at, at + 1))
                owned[name].update((topic, number) for number in range(first, last))
        for name, member in self.members.items():
            member.owned = frozenset(owned[name])
        self.generation += 1
        self.rebalancing = False
        return True
