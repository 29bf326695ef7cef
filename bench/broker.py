"""The Kafka side: topics of a round's own, filled beforehand, and the broker's clock."""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from bench.errors import BenchError
from bench.traffic import BenchRecord
from profiler.config.settings import KafkaSettings
from profiler.kafka import open_producer
from profiler.kafka.admin.groups import open_groups
from profiler.kafka.admin.topics import create_topics
from profiler.records.types import OutputRecord
from profiler.servers.processes import ServerProcess, wait_until

_FILL_AT_ONCE = 2_000
_MEMBERS_WITHIN_S = 60.0
_LONGEST_MS = str(2**63 - 1)
#: Records keep the capture's timestamps: such records must neither expire nor be refused.
_ANY_TIMESTAMP = {
    "retention.ms": "-1",
    "message.timestamp.before.max.ms": _LONGEST_MS,
    "message.timestamp.after.max.ms": _LONGEST_MS,
}


class Topics(NamedTuple):
    """The topics of one round of one row."""

    processed: str
    flattened: str
    persisted: str
    rejected: str


class Span(NamedTuple):
    """What the broker appended after the warm-up, and in how many seconds."""

    events: int
    seconds: float


class Broker:
    """A Kafka cluster under measurement."""

    def __init__(self, bootstrap_servers: str, partitions: int) -> None:
        self.bootstrap_servers = bootstrap_servers
        self._partitions = partitions
        self._settings = KafkaSettings(bootstrap_servers=bootstrap_servers)
        self._admin: Any = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
        self._reader: Any = KafkaConsumer(
            bootstrap_servers=bootstrap_servers, enable_auto_commit=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reader.close()
        self._admin.close()

    def version(self) -> str:
        """The broker's version, as far as its protocol tells."""
        brokers = self._admin.describe_cluster()["brokers"]
        data = self._admin.get_broker_version_data(brokers[0]["broker_id"])
        return ".".join(map(str, data.broker_version))

    def make_topics(self, token: str, *, keep_timestamps: bool = False) -> Topics:
        """Create a round's topics, of which each name begins with the token.

        What goes into the persisted one gets the broker's time, which `span` reads, or keeps its
        own.
        """
        topics = Topics(*(f"{token}_{name}" for name in Topics._fields))
        if keep_timestamps:
            self._create(topics, _ANY_TIMESTAMP)
            return topics
        others = [topic for topic in topics if topic != topics.persisted]
        self._create(others, _ANY_TIMESTAMP)
        self._create([topics.persisted], {"message.timestamp.type": "LogAppendTime"})
        return topics

    def _create(self, names: Sequence[str], configs: dict[str, str]) -> None:
        create_topics(
            self._settings, names, partitions=self._partitions, replication=1, configs=configs
        )

    def remove(self, token: str) -> None:
        """Delete a round's topics, and those that its programs made: all have the token."""
        self._reader.unsubscribe()
        self._admin.delete_topics([name for name in self._admin.list_topics() if token in name])

    def fill(self, topic: str, records: Sequence[BenchRecord]) -> None:
        """Write records, and wait until all are acknowledged."""
        producer = open_producer(self._settings)
        try:
            for at in range(0, len(records), _FILL_AT_ONCE):
                producer.send(
                    OutputRecord(topic, record.key, record.value, (), record.timestamp)
                    for record in records[at : at + _FILL_AT_ONCE]
                )
        finally:
            producer.close()

    def start_group_at_zero(self, group: str, topic: str) -> None:
        """Commit offset 0: the article's consumers would begin at the end of a filled topic."""
        offsets = {place: OffsetAndMetadata(0, "", -1) for place in self._places(topic)}
        member: Any = KafkaConsumer(
            bootstrap_servers=self.bootstrap_servers, group_id=group, enable_auto_commit=False
        )
        try:
            member.assign(list(offsets))
            member.commit(offsets)
        finally:
            member.close()

    def await_members(self, group: str, workers: Sequence[ServerProcess]) -> None:
        """Wait until every worker is a member of the group, and the group is stable.

        Raises:
            BenchError: a worker ended, or it took too long.
        """

        def is_settled() -> bool:
            try:
                found = self._admin.describe_groups([group])[group]
            except KafkaError:  # a fresh broker first makes the groups' own topic
                return False
            return found["group_state"] == "Stable" and len(found["members"]) == len(workers)

        def is_over() -> bool:
            return is_settled() or not all(worker.running for worker in workers)

        if not (wait_until(is_over, timeout=_MEMBERS_WITHIN_S, interval=0.2) and is_settled()):
            last = "\n".join(worker.last_output() for worker in workers)
            raise BenchError(
                f"{group}: not all members came within {_MEMBERS_WITHIN_S:g} s:\n{last}"
            )

    def is_committed(self, group: str, topic: str) -> bool:
        """Whether a group has committed everything that is in a topic."""
        with open_groups(self._settings) as groups:
            return groups.lag(group, topic) == 0

    def counts(self, topics: Iterable[str]) -> dict[str, int]:
        """The number of records in each topic, one more for each transaction; one request."""
        wanted = list(topics)
        places = [place for topic in wanted for place in self._places(topic)]
        ends = self._reader.end_offsets(places)
        return {
            topic: sum(end for place, end in ends.items() if place.topic == topic)
            for topic in wanted
        }

    def span(self, topic: str, warm_up: int) -> Span:
        """Read the broker's append times, from the end of the warm-up to the last append.

        Args:
            topic: one with the broker's time.
            warm_up: so many records come first and are not counted, nor are those that were
                appended with the last of them.
        """
        ends = {place: end for place, end in self._ends(topic).items() if end}
        begin_ms = max(
            self._time_at(place, min(warm_up // len(ends), end - 1)) for place, end in ends.items()
        )
        later = self._from_time(ends, begin_ms + 1)
        events = sum(ends[place] - found.offset for place, found in later.items() if found)
        if not events:
            raise BenchError("all outputs were appended at once: give more --records")
        # The last offset may be the end of a transaction, which is no record.
        last_ms = max(self._time_at(place, max(0, end - 2)) for place, end in ends.items())
        return Span(events, (last_ms - begin_ms) / 1_000)

    def _ends(self, topic: str) -> dict[Any, int]:
        ends: dict[Any, int] = self._reader.end_offsets(self._places(topic))
        return ends

    def _from_time(self, places: Iterable[Any], timestamp_ms: int) -> dict[Any, Any]:
        found: dict[Any, Any] = self._reader.offsets_for_times(dict.fromkeys(places, timestamp_ms))
        return found

    def _time_at(self, place: Any, offset: int) -> int:  # noqa: ANN401 - the client is untyped
        self._reader.assign([place])
        self._reader.seek(place, offset)
        for _ in range(50):
            if messages := self._reader.poll(timeout_ms=200).get(place):
                return int(messages[0].timestamp)
        raise BenchError(f"cannot read record {offset} of {place.topic}")

    def _places(self, topic: str) -> list[Any]:
        return [TopicPartition(topic, number) for number in range(self._partitions)]
