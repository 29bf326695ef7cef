"""The reset policy `latest`, settled once for a group: before its first member reads."""

from collections.abc import Iterable

from profiler.config import KafkaSettings
from profiler.kafka.admin.groups import GroupInUseError, open_groups


def begin_at_ends(settings: KafkaSettings, *, topics: Iterable[str], group: str) -> None:
    """Where the group has committed nothing of a topic, commit the ends of all its partitions.

    So a partition without a committed offset is one that was added later, and is read from its
    beginning. Blocks for some round trips.

    Raises:
        TransportError: no broker answers.
        ConfigError: the broker refuses it.
        GroupInUseError: the group has members and no offset: nobody knows where they read.
    """
    with open_groups(settings) as groups:
        for topic in topics:
            if groups.committed(group, topic) or not (ends := groups.ends(topic)):
                continue
            try:
                groups.commit(group, topic, ends)
            except GroupInUseError:
                # Another member of ours was faster, and has committed before it joined.
                if not groups.committed(group, topic):
                    raise
