"""The broker in memory: topics, groups, and the faults that a test can ask for.

Over 250 lines: one lock, and all that it guards.
"""

import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from threading import Condition

from profiler.errors import TransportError
from profiler.kafka.memory.group import Group, Place
from profiler.kafka.memory.log import MAX_MESSAGE_BYTES, Partition, Topic
from profiler.kafka.memory.transactions import Coordinator
from profiler.kafka.protocol import TopicIdentity, TopicLimits
from profiler.records.types import OutputRecord, Record


class MemoryBroker:
    """Topics and consumer groups for consumers and producers in any threads.

    The first half is for tests: make topics, look at what is there, ask for faults. The second
    half (`is_away` and below) is for consumers and producers.
    """

    def __init__(self, *, has_transactions: bool = True) -> None:
        """Begin empty.

        Args:
            has_transactions: whether it has the requests of transactions.
        """
        #: Guards everything here, and tells waiting clients that something changed.
        self.changed = Condition()
        self.cluster_id = uuid.uuid4().hex
        self.topics: dict[str, Topic] = {}
        self.groups: dict[str, Group] = defaultdict(Group)
        #: None where the broker knows no transactions.
        self.coordinator = Coordinator(self.topics, self.groups) if has_transactions else None
        self._away = False
        self._refused: dict[str, str] = {}
        self._silent: set[str] = set()
        #: For every commit of a transaction that gets no answer: whether it takes effect.
        self._unanswered: list[bool] = []

    def create_topic(
        self, name: str, *, partitions: int = 1, max_message_bytes: int = MAX_MESSAGE_BYTES
    ) -> None:
        """Create a topic; members of groups that read it get its partitions.

        Args:
            name: of the topic, which must be new.
            partitions: how many.
            max_message_bytes: the largest record that it takes.
        """
        with self.changed:
            if name in self.topics:
                raise ValueError(f"topic {name} exists")
            self.topics[name] = Topic(name, partitions, max_message_bytes)
            self._partitions_changed(name)

    def add_partitions(self, topic: str, *, count: int) -> None:
        """Add partitions until the topic has `count` of them; its groups rebalance."""
        with self.changed:
            self.topics[topic].grow(count)
            self._partitions_changed(topic)

    def recreate_topic(self, name: str, *, partitions: int = 1) -> None:
        """Delete a topic, with its committed offsets, and create one of the same name.

        Members of its groups keep their partitions and positions, as clients may that were not
        told in time.
        """
        with self.changed:
            self.topics[name] = Topic(name, partitions, self.topics[name].max_message_bytes)
            for group in self.groups.values():
                for place in [place for place in group.committed if place[0] == name]:
                    del group.committed[place], group.metadata[place]
            self.changed.notify_all()

    def identify(self, topic: str) -> TopicIdentity:
        """What a topic is.

        Raises:
            TransportError: the broker is away.
        """
        with self.changed:
            if self._away:
                raise TransportError(f"describe {topic}: the broker is away")
            found = self.topics[topic]
            return TopicIdentity(self.cluster_id, found.id, len(found.partitions))

    def topic_limits(self) -> dict[str, TopicLimits]:
        """What each topic takes of a record.

        Raises:
            TransportError: the broker is away.
        """
        with self.changed:
            if self._away:
                raise TransportError("describe topics: the broker is away")
            return {
                name: TopicLimits(topic.timestamp_limits, topic.max_message_bytes)
                for name, topic in self.topics.items()
            }

    def delete_records(self, topic: str, partition: int, *, before: int) -> None:
        """Delete all records before an offset, as retention does."""
        with self.changed:
            self.topics[topic].partitions[partition].delete_before(before)

    def records(self, topic: str) -> list[Record]:
        """All records of a topic that a reader may see, partition by partition."""
        with self.changed:
            return [
                record
                for partition in self.topics[topic].partitions
                for record in partition.read(partition.start, partition.end)[0]
            ]

    def committed(self, group: str) -> dict[Place, int]:
        """The next offset to read of every (topic, partition) where the group committed one."""
        with self.changed:
            return dict(self.groups[group].committed)

    def committed_metadata(self, group: str) -> dict[Place, str]:
        """The text beside every committed offset."""
        with self.changed:
            return dict(self.groups[group].metadata)

    def time_out_transactions(self) -> None:
        """Abort every open transaction, as happens to one that outlives its timeout."""
        with self.changed:
            if self.coordinator is not None:
                self.coordinator.time_out()
            self.changed.notify_all()

    def alter_committed(self, group: str, offsets: Mapping[Place, int]) -> None:
        """Store committed offsets as an operator does, without being a member."""
        with self.changed:
            self.groups[group].store(offsets)

    def rebalance(self, group: str) -> None:
        """Have every member of the group join anew, inside its polls."""
        with self.changed:
            self.groups[group].rebalance()
            self.changed.notify_all()

    def expel(self, group: str) -> None:
        """Give every member of the group up, as at the end of its session; it may join again."""
        with self.changed:
            for name in list(self.groups[group].members):
                self.groups[group].leave(name)
            self.changed.notify_all()

    def stop(self) -> None:
        """Be away: polls bring nothing, and all other calls wait until they fail."""
        with self.changed:
            self._away = True

    def start(self) -> None:
        """Be back, with everything that was there."""
        with self.changed:
            self._away = False
            for group in self.groups.values():
                group.everybody_polled()
            self.changed.notify_all()

    def refuse_topic(self, topic: str, reason: str = "TopicAuthorizationFailedError") -> None:
        """Refuse every record for the topic, until `accept_topic`."""
        with self.changed:
            self._refused[topic] = reason

    def accept_topic(self, topic: str) -> None:
        """Undo `refuse_topic`."""
        with self.changed:
            self._refused.pop(topic, None)

    def withhold_acknowledgements(self, topic: str) -> None:
        """Write the topic's records, but tell nobody, until `give_acknowledgements`."""
        with self.changed:
            self._silent.add(topic)

    def give_acknowledgements(self, topic: str) -> None:
        """Undo `withhold_acknowledgements`; a producer that still waits gets its answer."""
        with self.changed:
            self._silent.discard(topic)
            self.changed.notify_all()

    def refuse_commits(self, group: str, *, times: int = 1) -> None:
        """Refuse the group's next commits."""
        with self.changed:
            self.groups[group].refused_commits = times

    def answer_no_commit(self, *, is_done: bool) -> None:
        """Give no answer to the next commit of a transaction.

        Args:
            is_done: whether it takes effect; else it is pending until the next `init` of its id.
        """
        with self.changed:
            self._unanswered.append(is_done)

    # What follows is called under the lock, by clients.

    @property
    def is_away(self) -> bool:
        """Whether the broker answers nobody now."""
        return self._away

    def wait_until_back(self, action: str, *, timeout_s: float) -> None:
        """Block until the broker answers.

        Raises:
            TransportError: it does not in time; the message begins with `action`.
        """
        if not self.changed.wait_for(lambda: not self._away, timeout_s):
            raise TransportError(f"{action}: the broker does not answer for {timeout_s:g} s")

    def wait_until_stable(self, group: Group, places: Iterable[Place], *, timeout_s: float) -> None:
        """Block until no open transaction is about to commit an offset of any of the places.

        Raises:
            TransportError: one is still open after `timeout_s`.
        """
        wanted = list(places)
        if not self.changed.wait_for(lambda: group.is_stable(wanted), timeout_s):
            raise TransportError("committed offsets: UnstableOffsetCommitError")

    def partition(self, place: Place) -> Partition:
        """One partition of a topic that exists."""
        topic, number = place
        return self.topics[topic].partitions[number]

    def append(self, record: OutputRecord, *, transaction: str = "") -> None:
        """Write one record.

        Args:
            record: what to write.
            transaction: its id, where the record is part of one.

        Raises:
            RecordTooLargeError: the record is larger than its topic takes.
            TimestampRefusedError: the topic refuses its timestamp.
            TransportError: the topic is unknown, or refuses the record.
        """
        topic = self.topics.get(record.topic)
        reason = self._refused.get(record.topic)
        if topic is None:
            reason = "UnknownTopicOrPartitionError"
        if topic is None or reason is not None:
            raise TransportError(f"produce to {record.topic}: {reason}")
        topic.append(record, transaction=transaction)
        self.changed.notify_all()

    def wait_for_acknowledgements(self, topics: Iterable[str], *, deadline: float) -> None:
        """Block until every topic acknowledges what was written to it.

        Raises:
            TransportError: one does not until `deadline`, on the clock of `time.monotonic`.
        """
        for topic in topics:

            def acknowledged(topic: str = topic) -> bool:
                return topic not in self._silent and not self._away

            if not self.changed.wait_for(acknowledged, max(0.0, deadline - time.monotonic())):
                raise TransportError(f"produce to {topic}: records are not acknowledged")

    def commit_transaction(self, name: str, *, timeout_s: float) -> None:
        """Commit what a transaction wrote, and the offsets that it has staged.

        Raises:
            TransportError: a test wants no answer; see `answer_no_commit`.
        """
        is_answered = not self._unanswered
        if self.coordinator is not None and (is_answered or self._unanswered.pop(0)):
            self.coordinator.end(name, is_commit=True)
            self.changed.notify_all()
        if not is_answered:
            self.changed.wait_for(lambda: False, timeout_s)
            raise TransportError(f"commit of {name}: no answer in time")

    def share_out(self, group: Group) -> None:
        """Give up stuck members, and end the group's rebalance if every member joined."""
        group.give_up_stuck()
        counts = {name: len(topic.partitions) for name, topic in self.topics.items()}
        if group.share_out(counts):
            self.changed.notify_all()

    def _partitions_changed(self, topic: str) -> None:
        for group in self.groups.values():
            if any(topic in member.topics for member in group.members.values()):
                group.rebalance()
        self.changed.notify_all()
