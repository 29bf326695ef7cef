"""Every setting: name, type, default, bounds and meaning. Loading is `profiler.config`'s job."""

import re
import socket
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

ENV_PREFIX = "profiler_"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KafkaSettings(_Section):
    """How to reach Kafka, and its timeouts."""

    bootstrap_servers: str = Field(
        default="localhost:9092", min_length=1, description="host:port, several with commas"
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="encryption and authentication of the connections"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None, description="how to log in, where security_protocol begins with SASL"
    )
    sasl_username: str | None = Field(default=None, description="user name for SASL")
    sasl_password: SecretStr | None = Field(default=None, description="password for SASL (secret)")
    ssl_cafile: Path | None = Field(default=None, description="PEM file of CAs; else the system's")
    session_timeout_ms: int = Field(
        default=45_000, ge=1, description="ms without a heartbeat until the group gives up a member"
    )
    heartbeat_interval_ms: int = Field(
        default=3_000,
        ge=1,
        description="ms between heartbeats; a third of the session timeout at most",
    )
    max_poll_interval_ms: int = Field(
        default=300_000, ge=1, description="ms between polls until a worker counts as stuck"
    )
    auto_offset_reset: Literal["earliest", "latest"] = Field(
        default="earliest", description="where to begin without a committed offset"
    )
    compression: Literal["gzip", "lz4", "snappy", "zstd"] | None = Field(
        default=None, description="of produced batches; all but gzip need a package of that name"
    )
    max_request_bytes: int = Field(
        default=1_048_576,
        ge=1,
        description="bytes of the largest produced record, as the broker has it",
    )
    delivery_timeout_ms: int = Field(
        default=30_000, ge=1_000, description="ms until a record without acknowledgement has failed"
    )
    client_id: str = Field(default="visitor-profiler", description="name in the broker's logs")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.heartbeat_interval_ms * 3 > self.session_timeout_ms:
            raise ValueError("heartbeat_interval_ms must be at most a third of session_timeout_ms")
        login = (self.sasl_mechanism, self.sasl_username, self.sasl_password)
        if self.security_protocol.startswith("SASL") and None in login:
            raise ValueError(
                f"security_protocol {self.security_protocol} needs sasl_mechanism,"
                " sasl_username and sasl_password"
            )
        return self


class RedisSettings(_Section):
    """How to reach Redis."""

    url: SecretStr = Field(
        default=SecretStr("redis://localhost:6379/0"),
        description="redis://, rediss:// (TLS) or unix:// URL (secret)",
    )
    socket_timeout_s: float = Field(default=5, gt=0, description="s to wait for one answer")

    @model_validator(mode="after")
    def _scheme(self) -> Self:
        if not re.match(r"(rediss?|unix)://", self.url.get_secret_value()):
            raise ValueError("url must begin with redis://, rediss:// or unix://")
        return self


class TopicSettings(_Section):
    """Names of the topics."""

    processed: str = Field(default="tracking_processed", description="input")
    flattened: str = Field(default="tracking_flattened", description="flattened records")
    persisted: str = Field(default="tracking_persisted", description="records with profiles")
    rejected: str = Field(default="tracking_rejected", description="dead letters")

    def of(self, mode: str) -> list[str]:
        """Return the topics that `profiler <mode>` reads and writes."""
        unused = {"flatten": self.persisted, "profile": self.processed}
        return [topic for topic in self.all() if topic != unused.get(mode)]

    def all(self) -> list[str]:
        """Return every topic, in the order of the pipeline."""
        return [self.processed, self.flattened, self.persisted, self.rejected]


class GroupSettings(_Section):
    """Names of the consumer groups, one per mode."""

    run: str = Field(default="visitor_profiler", description="group of `profiler run`")
    flatten: str = Field(default="python_flattener", description="group of `profiler flatten`")
    profile: str = Field(default="python_profiler", description="group of `profiler profile`")


class BatchSettings(_Section):
    """How much is read at a time."""

    max_records: int = Field(default=500, ge=1, description="records per batch")
    poll_timeout_ms: int = Field(default=500, ge=0, description="ms to wait for the first record")


class LimitSettings(_Section):
    """What a record may be at most; beyond, it is a dead letter."""

    max_record_bytes: int = Field(default=786_432, ge=1, description="bytes of an input value")
    max_depth: int = Field(default=64, ge=1, description="levels of nesting")
    max_fields: int = Field(default=2_000, ge=1, description="fields of a flattened record")
    max_id_bytes: int = Field(default=512, ge=1, description="UTF-8 bytes of a visitor or visit id")


class DeadLetterSettings(_Section):
    """How many dead letters are an alarm; at a limit the worker stops and commits nothing more."""

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


class Settings(BaseSettings):
    """Everything that can be set. Built directly, it reads neither environment nor files."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    rules: str = Field(default="standard", description="name of a preset, or path of a rules file")
    delivery: Literal["at-least-once"] = Field(
        default="at-least-once", description="what a crash may do to the output"
    )
    anonymous: Literal["pass", "reject"] = Field(
        default="pass", description="fate of an event without a visitor id"
    )
    tombstones: Literal["pass", "drop"] = Field(default="pass", description="fate of a null value")
    stream_epoch: str = Field(
        default="0", description="to be changed when the input topic was created anew"
    )
    worker_id: str = Field(
        default_factory=lambda: f"{socket.gethostname()}-0",
        min_length=1,
        description="unique among the workers; default: host name and 0",
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
