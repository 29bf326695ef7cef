"""What a dashboard asks for: rates, lag, how many visitors; sampled, so that no request waits."""

import logging
import time
from collections.abc import Callable, Mapping
from threading import Event
from typing import NamedTuple

import structlog
from pydantic import BaseModel, ConfigDict, Field

from profiler import __version__
from profiler.config.settings import Mode, Settings
from profiler.errors import ProfilerError
from profiler.kafka.admin.groups import Groups, lags_of, open_groups
from profiler.ops.mode_switch import Reader
from profiler.ops.replay.plan import working
from profiler.profiles.script import ProfileScript
from profiler.rules.model import Rules

_LOG = structlog.get_logger("profiler.serve")

EVERY_S = 5.0
#: After an attempt to reach Kafka that failed; a service without Kafka is a good service.
_AGAIN_S = 60.0


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GroupStats(_Document):
    """How the workers get on."""

    mode: Mode = Field(description="the command that works")
    group: str = Field(description="its consumer group")
    topic: str = Field(description="what it reads")
    partitions: int = Field(description="of the topic")
    lag: int = Field(description="records that are not committed; offsets stand for them")
    records_per_s: float | None = Field(description="committed; null at the first sample")
    input_per_s: float | None = Field(description="written to the topic, likewise")
    sampled_at: int = Field(description="ms since the epoch")


class StoreStats(_Document):
    """How full Redis is."""

    keys: int = Field(description="of all primaries, of every kind: the visitors, and a few more")
    sampled_at: int = Field(description="ms since the epoch")


class StatsDocument(_Document):
    """What is known now; a part that no server tells is null."""

    version: str = Field(description="of the profiler")
    rules_version: str = Field(description="of the rules that profiles are read with")
    script: str = Field(description="the SHA-1 of the script")
    engine: str = Field(description="the inner loop of this installation")
    group: GroupStats | None
    redis: StoreStats | None


class _Sums(NamedTuple):
    """Offsets of all partitions, and when they were so, in seconds."""

    committed: int
    written: int
    at: float


class Stats:
    """Samples in threads, and tells what was sampled last.

    Args:
        settings: servers, topics and groups.
        rules: those in use.
        script: asks Redis; a client that nobody else uses, since the calls come from a thread.
        engine: the name of the inner loop that is installed.
    """

    def __init__(
        self, settings: Settings, rules: Rules, script: ProfileScript, *, engine: str
    ) -> None:
        self._settings = settings
        self._script = script
        self._rules_version = rules.version
        self._engine = engine
        self.group: GroupStats | None = None
        self.store: StoreStats | None = None
        self._before: _Sums | None = None
        #: What samples, by the name of its thread.
        self.samplers: Mapping[str, Callable[[Event], None]] = {
            "stats-kafka": self._sample_group,
            "stats-redis": self._sample_store,
        }

    def document(self) -> StatsDocument:
        """What is known now."""
        return StatsDocument(
            version=__version__,
            rules_version=self._rules_version,
            script=self._script.sha,
            engine=self._engine,
            group=self.group,
            redis=self.store,
        )

    def _sample_store(self, over: Event) -> None:
        while not over.is_set():
            try:
                self.store = StoreStats(keys=self._script.count_keys(), sampled_at=_now_ms())
            except ProfilerError as error:
                _LOG.debug("redis does not tell how many keys it has", error=str(error))
                self.store = None
            over.wait(EVERY_S)

    def _sample_group(self, over: Event) -> None:
        # The client tells each attempt at each broker; one line of ours says what it means.
        logging.getLogger("kafka").setLevel(logging.CRITICAL)
        while not over.is_set():
            try:
                with open_groups(self._settings.kafka) as groups:
                    while not over.is_set():
                        self._look(groups)
                        over.wait(EVERY_S)
            except ProfilerError as error:
                _LOG.info("no rates and no lag: kafka does not answer", error=str(error))
                self.group = None
                over.wait(_AGAIN_S)

    def _look(self, groups: Groups) -> None:
        if found := working(self._settings, groups):
            self.group = self._of_group(*found, groups)
        else:
            self.group = None
            self._before = None

    def _of_group(self, reader: Reader, committed: Mapping[int, int], groups: Groups) -> GroupStats:
        starts, ends = groups.starts(reader.topic), groups.ends(reader.topic)
        before, now = self._before, _Sums(sum(committed.values()), sum(ends.values()), time.time())
        self._before = now
        return GroupStats(
            mode=reader.mode,
            group=reader.group,
            topic=reader.topic,
            partitions=len(ends),
            lag=sum(lags_of(committed, starts, ends).values()),
            records_per_s=before and _rate(now.committed - before.committed, now.at - before.at),
            input_per_s=before and _rate(now.written - before.written, now.at - before.at),
            sampled_at=int(now.at * 1_000),
        )


def _rate(grown: int, seconds: float) -> float | None:
    """A second; a topic that was made anew begins at zero."""
    return round(max(0, grown) / seconds, 1) if seconds > 0 else None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
