"""Every setting: name, type, default, bounds and meaning. Loading is `profiler.config`'s job."""

import socket
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from profiler.config.addresses import Address
from profiler.config.connections import KafkaSettings, RedisSettings, Section
from profiler.config.listening import LOOPBACK, listening_of
from profiler.config.privacy import PrivacySettings
from profiler.config.serving import ServeSettings

__all__ = [
    "ENV_PREFIX",
    "MAX_STREAMS",
    "OUTPUT_RESERVE_BYTES",
    "BatchSettings",
    "DeadLetterSettings",
    "EngineChoice",
    "GroupSettings",
    "KafkaSettings",
    "LimitSettings",
    "MetricsSettings",
    "Mode",
    "PrivacySettings",
    "RedisSettings",
    "ServeSettings",
    "Settings",
    "TopicSettings",
]

ENV_PREFIX = "profiler_"

#: The commands that work on the stream.
Mode = Literal["run", "flatten", "profile"]

#: What the setting `engine` may be.
EngineChoice = Literal["auto", "native", "python"]

#: As many watermarks as Redis's Lua can pack at once: each takes 4 of 8,000 places.
MAX_STREAMS = 2_000

#: Kept free for the profile: `article` keeps ids, and four pages of 8,192 bytes. JSON may write
#: each byte as six. `standard` keeps half as many pages.
_PROFILE_BYTES = 204_800

#: What an output may have on top of the flattened record: the profile, and at least
#: 24 KiB of key and headers.
OUTPUT_RESERVE_BYTES = _PROFILE_BYTES + 24_576


class TopicSettings(Section):
    """Names of the topics."""

    processed: str = Field(default="tracking_processed", description="topic of the events; input")
    flattened: str = Field(
        default="tracking_flattened", description="topic of the flattened records; output"
    )
    persisted: str = Field(
        default="tracking_persisted", description="topic of the records with profiles; output"
    )
    triggers: str = Field(
        default="tracking_triggers",
        description="topic of the records of triggers; output, where the rules have triggers",
    )
    rejected: str = Field(
        default="tracking_rejected", description="topic of the dead letters; output"
    )
    rejected_replays: str = Field(
        default="tracking_rejected_replays",
        description="topic in which profiler rejected replay records what it has replayed",
    )

    def of(self, mode: str, *, triggers: bool = False) -> list[str]:
        """Return the topics that `profiler <mode>` reads and writes.

        `triggers` says whether the rules have any.
        """
        unused = {"flatten": {self.persisted, self.triggers}, "profile": {self.processed}}
        topics = self.all(triggers=triggers)
        return [topic for topic in topics if topic not in unused.get(mode, ())]

    def all(self, *, triggers: bool = False) -> list[str]:
        """Return every topic, in the order of the pipeline; `triggers` as above."""
        own = [self.triggers] * triggers
        return [self.processed, self.flattened, self.persisted, *own, self.rejected]


class GroupSettings(Section):
    """Names of the consumer groups, one per mode."""

    run: str = Field(default="visitor_profiler", description="group of profiler run")
    flatten: str = Field(default="python_flattener", description="group of profiler flatten")
    profile: str = Field(default="python_profiler", description="group of profiler profile")


class BatchSettings(Section):
    """How much is read at a time."""

    max_records: int = Field(default=500, ge=1, description="most records per batch")
    poll_timeout_ms: int = Field(default=500, ge=0, description="ms to wait for the first record")


class LimitSettings(Section):
    """What a record may be at most, beyond which it is a dead letter; and how many partitions."""

    max_record_bytes: int = Field(default=786_432, ge=1, description="most bytes of an input value")
    max_depth: int = Field(default=64, ge=1, le=254, description="most levels of nesting")
    max_fields: int = Field(default=2_000, ge=1, description="most fields of a flattened record")
    max_id_bytes: int = Field(
        default=512, ge=1, description="most UTF-8 bytes of a visitor or visit id"
    )
    streams: int = Field(
        default=1_024,
        ge=1,
        le=MAX_STREAMS,
        description="most partitions of the input; the rules' own limit must be no smaller",
    )


class DeadLetterSettings(Section):
    """Their size, and how many are an alarm: at a limit the worker stops and commits no more."""

    max_bytes: int = Field(
        default=8_388_608,
        ge=131_072,
        description="most bytes of a dead letter; of a larger record only a reference is kept",
    )
    max_consecutive: int = Field(
        default=1_000, ge=0, description="dead letters without a good record between; 0: no limit"
    )
    max_ratio: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="share of dead letters among the last window_records; 1: no limit",
    )
    window_records: int = Field(
        default=10_000, ge=100, le=1_000_000, description="records over which max_ratio is taken"
    )


class MetricsSettings(Section):
    """How a worker is seen: `/metrics`, `/healthz` and `/readyz`, see monitoring.md."""

    listen: str = Field(
        default="",
        examples=["0.0.0.0:9090"],
        description="host:port to serve them at; where the host is left out,"
        f" {LOOPBACK}, and 0.0.0.0 is every interface; empty: not at all",
    )

    @field_validator("listen")
    @classmethod
    def _is_a_place(cls, text: str) -> str:
        listening_of(text)
        return text

    @property
    def address(self) -> Address | Path | None:
        """Where to listen; None for nowhere."""
        return listening_of(self.listen)


class Settings(BaseSettings):
    """Everything that can be set. Built directly, it reads neither environment nor files."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    rules: str = Field(default="standard", description="name of a preset, or path of a rules file")
    delivery: Literal["exactly-once", "at-least-once"] = Field(
        default="exactly-once",
        description="what a crash may do to the output: nothing that a reader with"
        " isolation.level=read_committed sees; or write some of it twice. It is never lost",
    )
    engine: EngineChoice = Field(
        default="auto",
        description="what works on the records: compiled code (visitor-profiler-native), or Python;"
        " both do the same. auto: the compiled code where it is installed",
    )
    anonymous: Literal["pass", "reject"] = Field(
        default="pass",
        description="an event without a visitor id: passed on without a profile, or a dead letter",
    )
    tombstones: Literal["pass", "drop"] = Field(
        default="pass", description="a record with a null value: passed on as it is, or dropped"
    )
    stream_epoch: str = Field(
        default="",
        description="any text that names the streams in place of the topic's id; best left empty",
    )
    worker_id: str = Field(
        default_factory=lambda: f"{socket.gethostname()}-0",
        min_length=1,
        examples=["profiler-0"],
        description="name of this worker, unique among all; by default the host's name and -0",
    )
    kafka: KafkaSettings = Field(default_factory=KafkaSettings, description="Kafka")
    redis: RedisSettings = Field(default_factory=RedisSettings, description="Redis")
    topics: TopicSettings = Field(default_factory=TopicSettings, description="topics")
    groups: GroupSettings = Field(default_factory=GroupSettings, description="consumer groups")
    batch: BatchSettings = Field(default_factory=BatchSettings, description="batches")
    limits: LimitSettings = Field(default_factory=LimitSettings, description="limits")
    dead_letters: DeadLetterSettings = Field(
        default_factory=DeadLetterSettings, description="dead-letter limits"
    )
    metrics: MetricsSettings = Field(default_factory=MetricsSettings, description="metrics")
    privacy: PrivacySettings = Field(default_factory=PrivacySettings, description="privacy")
    serve: ServeSettings = Field(default_factory=ServeSettings, description="profiler serve")

    @property
    def output_bytes(self) -> int:
        """The size of the largest record that leaves with a profile: input limit and reserve."""
        return self.limits.max_record_bytes + OUTPUT_RESERVE_BYTES

    @property
    def largest_output_bytes(self) -> int:
        """The size of the largest record that a producer with these settings takes."""
        return max(self.kafka.max_request_bytes, self.output_bytes)

    @property
    def room_bytes(self) -> int:
        """What key, headers and flattened value of an output may have together."""
        return self.largest_output_bytes - _PROFILE_BYTES

    @property
    def most_added_bytes(self) -> int:
        """Half of what key, headers and flattened value leave: such a profile surely fits."""
        return (self.largest_output_bytes - self.room_bytes) // 2

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leave the merging to `profiler.config`, which then knows where a value is from."""
        return (init_settings,)
