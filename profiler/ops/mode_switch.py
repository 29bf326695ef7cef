"""One mode per deployment: `run`, or `flatten` and `profile`; and the switch between them.

A watermark counts in offsets of the topic that was read. An event that `run` has profiled as
offset 7 of tracking_processed would be profiled again as offset 9 of tracking_flattened: no
watermark would know it, and every count would double. So a mode does not start where the other
one has committed offsets, and a switch carries the offsets over.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import structlog

from profiler.config import KafkaSettings
from profiler.config.settings import Mode, Settings
from profiler.errors import ConfigError
from profiler.kafka.admin.groups import GroupInUseError, Groups, GroupsUnsupportedError, open_groups
from profiler.kafka.admin.tail import committed_records, last_headers
from profiler.records.headers import source_of

_LOG = structlog.get_logger("profiler.modes")

#: Of each partition: what a crashed worker wrote last is usually among them.
_TAIL_RECORDS = 100

_RUNBOOK = 'See "Switching modes" in docs/operations.md.'


class Reader(NamedTuple):
    """One of the commands that read a topic, and the group that notes how far it has come."""

    mode: Mode
    group: str
    topic: str


class _Trace(NamedTuple):
    """What shows that a reader has worked here, or does so now."""

    reader: Reader
    partitions: int
    members: int


def claim_mode(mode: Mode, settings: Settings, *, switch: bool = False) -> Reader:
    """Make sure that only this mode works here; blocks for some round trips to the broker.

    Args:
        mode: the one about to start.
        settings: topics, groups and the broker.
        switch: carry the other mode's offsets over, where it has any.

    Returns:
        What the mode reads.

    Raises:
        ConfigError: the other mode has worked here or does so now, or it is no time to switch;
            the message says what to do.
        TransportError: no broker answers.
    """
    topics, names = settings.topics, settings.groups
    run = Reader("run", names.run, topics.processed)
    flatten = Reader("flatten", names.flatten, topics.processed)
    profile = Reader("profile", names.profile, topics.flattened)
    if len({names.run, names.flatten, names.profile}) < 3:  # noqa: PLR2004 - all of them differ
        raise ConfigError("groups: run, flatten and profile must be three different names")
    others = [flatten, profile] if mode == "run" else [run]
    with open_groups(settings.kafka) as groups:
        traces = _traces(groups, others)
        if traces and not switch:
            raise ConfigError(_refusal(mode, traces))
        if traces:
            try:
                _Switch(settings.kafka, groups, run, flatten, profile).to(mode)
            except ConfigError:
                # Another worker with the same flag may have been quicker.
                if _traces(groups, others):
                    raise
                _LOG.info("switched by another worker", mode=mode)
        elif switch:
            _LOG.info("nothing to switch from", mode=mode)
    return {"run": run, "flatten": flatten, "profile": profile}[mode]


def _traces(groups: Groups, readers: Sequence[Reader]) -> list[_Trace]:
    committed = [len(groups.committed(reader.group, reader.topic)) for reader in readers]
    members = [0] * len(readers)
    try:
        members = [groups.members(reader.group, reader.topic) for reader in readers]
    except GroupsUnsupportedError as error:
        _LOG.warning("cannot see who is in a group, checked offsets only", error=str(error))
    traces = map(_Trace, readers, committed, members)
    return [trace for trace in traces if trace.partitions or trace.members]


def _refusal(mode: Mode, traces: Sequence[_Trace]) -> str:
    lines = [
        f"  group {reader.group} (profiler {reader.mode}) has committed offsets in {partitions}"
        f" partitions of {reader.topic}; members now: {members}"
        for reader, partitions, members in traces
    ]
    others = " and ".join(trace.reader.mode for trace in traces)
    return (
        f"{mode} does not start, because the other mode has worked on these topics:\n"
        + "\n".join(lines)
        + "\nWatermarks count in offsets of the topic that was read, so events that both modes read"
        f" would be counted twice.\nGo on with profiler {others}; or stop it, and switch with"
        f" profiler {mode} --switch-mode. {_RUNBOOK}"
    )


class _Switch:
    """Carries offsets from one mode to the other.

    The old mode's offsets go last: until then either mode refuses to start without
    --switch-mode, and a switch that was cut off can be repeated, or turned round.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        groups: Groups,
        run: Reader,
        flatten: Reader,
        profile: Reader,
    ) -> None:
        self._settings = settings
        self._groups = groups
        self._run = run
        self._flatten = flatten
        self._profile = profile

    def to(self, mode: Mode) -> None:
        """Make `mode` the one that goes on."""
        for reader in (self._run, self._flatten, self._profile):
            if members := self._groups.members(reader.group, reader.topic):
                raise GroupInUseError(
                    f"members of group {reader.group} (profiler {reader.mode}) now: {members}. Stop"
                    " them before the switch; one that was killed counts until its session has"
                    f" timed out. {_RUNBOOK}"
                )
        if mode == "run":
            self._to_one_program()
        else:
            self._to_two_programs()
        _LOG.info("mode switched", mode=mode)

    def _to_two_programs(self) -> None:
        # Before the look at what `run` has: while that is there, nobody else writes this topic.
        ends = self._groups.ends(self._profile.topic)
        if committed := self._committed(self._run):
            self._require_clean_stop(self._run, committed)
            self._hand_over({self._profile: ends, self._flatten: committed})
            self._retire(self._run)

    def _to_one_program(self) -> None:
        self._require_drained()
        committed = self._committed(self._flatten) or self._committed(self._run)
        if not committed:
            raise ConfigError(
                f"group {self._flatten.group} (profiler flatten) has committed nothing on"
                f" {self._flatten.topic}, so it is not known where run should begin. {_RUNBOOK}"
            )
        self._require_clean_stop(self._flatten, committed)
        self._hand_over({self._run: committed})
        # In this order: what `profile` has committed stays the proof that it had finished.
        self._retire(self._flatten)
        self._retire(self._profile)

    def _require_drained(self) -> None:
        if not self._groups.lag(self._profile.group, self._profile.topic):
            return
        if left := committed_records(
            self._settings, self._profile.topic, self._committed(self._profile)
        ):
            raise ConfigError(
                f"group {self._profile.group} (profiler profile) has not read {left} records of"
                f" {self._profile.topic}: start profiler profile again, and stop it when its lag"
                f" is 0. {_RUNBOOK}"
            )

    def _require_clean_stop(self, reader: Reader, committed: Mapping[int, int]) -> None:
        """Refuse where outputs were written of records that count as not read."""
        topic = self._profile.topic
        sources = map(source_of, last_headers(self._settings, topic, count=_TAIL_RECORDS))
        ahead = {
            source
            for source in sources
            if source is not None
            and source[0] == reader.topic
            and source[2] >= committed.get(source[1], 0)
        }
        if ahead:
            raise ConfigError(
                f"the last profiler {reader.mode} did not stop cleanly: {topic} has records of"
                f" {len(ahead)} offsets of {reader.topic} that group {reader.group} has not"
                f" committed. Start profiler {reader.mode} again, and stop it with SIGTERM when"
                f" its lag is 0. {_RUNBOOK}"
            )

    def _committed(self, reader: Reader) -> dict[int, int]:
        return self._groups.committed(reader.group, reader.topic)

    def _hand_over(self, wanted: Mapping[Reader, dict[int, int]]) -> None:
        missing = {}
        for reader, offsets in wanted.items():
            found = self._committed(reader)
            if not found:
                missing[reader] = offsets
            elif found != offsets:
                raise ConfigError(
                    f"group {reader.group} (profiler {reader.mode}) has offsets of its own on"
                    f" {reader.topic}: both modes have worked here. Decide which mode is right,"
                    f" and delete the groups of the other mode. {_RUNBOOK}"
                )
        for reader, offsets in missing.items():
            self._groups.commit(reader.group, reader.topic, offsets)
            _LOG.info("offsets set", group=reader.group, topic=reader.topic, offsets=offsets)

    def _retire(self, reader: Reader) -> None:
        if found := self._committed(reader):
            self._groups.forget(reader.group, reader.topic, found)
            _LOG.info("offsets removed", group=reader.group, topic=reader.topic, offsets=found)
