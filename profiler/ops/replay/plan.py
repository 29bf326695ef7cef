"""What is replayed: the topic and the group of the mode that works here."""

from collections.abc import Mapping

from profiler.config.settings import Settings
from profiler.errors import ConfigError
from profiler.kafka import CommittedOffset
from profiler.kafka.admin.groups import Groups
from profiler.kafka.admin.tail import Span
from profiler.ops.mode_switch import Reader
from profiler.profiles.marks import StreamMarks
from profiler.worker.repair import Beginning

Place = tuple[str, int]


def live_reader(settings: Settings, groups: Groups) -> Reader:
    """The mode that makes profiles here, by what its group has committed.

    Raises:
        ConfigError: none has; there is nothing to be behind of.
        TransportError: no broker answers.
    """
    if found := working(settings, groups):
        return found[0]
    readers = _readers(settings)
    tried = " and ".join(f"{reader.group} on {reader.topic}" for reader in readers)
    raise ConfigError(
        f"nothing to replay: the groups {tried} have committed nothing. A replay goes as far as the"
        " live mode has come; without one, profiler run reads the topic from its beginning"
    )


def working(settings: Settings, groups: Groups) -> tuple[Reader, dict[int, int]] | None:
    """The mode that makes profiles here, with what its group has committed; None where none has.

    Raises:
        TransportError: no broker answers.
    """
    for reader in _readers(settings):
        if committed := groups.committed(reader.group, reader.topic):
            return reader, committed
    return None


def _readers(settings: Settings) -> tuple[Reader, Reader]:
    topics, names = settings.topics, settings.groups
    return (
        Reader("run", names.run, topics.processed),
        Reader("profile", names.profile, topics.flattened),
    )


def spans(reader: Reader, groups: Groups) -> dict[int, Span]:
    """What there is to replay, by partition; blocks for two round trips.

    Raises:
        TransportError: no broker answers.
    """
    starts = groups.starts(reader.topic)
    committed = groups.committed(reader.group, reader.topic)
    return {number: Span(starts[number], end) for number, end in committed.items()}


def require_no_worker(reader: Reader, groups: Groups, *, key: str, live_key: str) -> None:
    """Refuse to build profiles where a worker updates them at the same time.

    Raises:
        ConfigError: the live mode runs, with the same key pattern.
    """
    if key == live_key and (members := groups.members(reader.group, reader.topic)):
        raise ConfigError(
            f"profiler {reader.mode} runs (members of group {reader.group}: {members}), and its"
            f" profiles have the same key pattern {key}. Give rules with another store.key by"
            " --rules, or stop it"
        )


def replay_beginning(
    committed: Mapping[Place, CommittedOffset],
    marks: Mapping[Place, StreamMarks],
    *,
    token: str,  # noqa: ARG001 - only marks say how far a replay has come
    window: int,
) -> Beginning:
    """Where a replay begins or goes on: a `profiler.worker.loop.FindBeginning`.

    Args:
        committed: of the replay's own group; ``--reemit`` commits there.
        marks: of all partitions, in the profiles that are built.
        token: not looked at.
        window: as in `profiler.worker.repair.beginning`.
    """
    starts: dict[Place, int] = {}
    for place, (lowest, is_partial) in marks.items():
        if lowest is not None:
            starts[place] = max(0, lowest - window) if is_partial else lowest
        elif place in committed:
            starts[place] = 0
    return Beginning(starts, {}, {})
