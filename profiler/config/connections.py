"""The settings of the connections to Kafka and Redis."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from profiler.config.addresses import Address
from profiler.config.kafka_addresses import DEFAULT_PORT, servers_of
from profiler.config.redis_url import RedisUrl, parse_redis_url


class Section(BaseModel):
    """A table of the settings file: what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Checked = TypeVar("Checked", bound=Section)


def _unless(section: Checked, problems: list[str]) -> Checked:
    if problems:
        raise ValueError("\n".join(problems))
    return section


class TlsSection(Section):
    """TLS of one server's connections: TLS 1.2 at least, certificates and host names verified."""

    ssl_cafile: Path | None = Field(
        default=None,
        examples=["/etc/profiler/ca.pem"],
        description="PEM file of the CAs to trust; where not set, the system's",
    )
    ssl_certfile: Path | None = Field(
        default=None,
        examples=["/etc/profiler/client.pem"],
        description="PEM file of the client's certificate, for servers that demand one",
    )
    ssl_keyfile: Path | None = Field(
        default=None,
        examples=["/etc/profiler/client.key"],
        description="PEM file of the client's key, where ssl_certfile does not hold it too",
    )
    ssl_key_password: SecretStr | None = Field(
        default=None, examples=["secret"], description="password of an encrypted client key"
    )

    def tls_problems(self, *, encrypted: bool, remedy: str) -> Iterator[str]:
        """Say which TLS settings contradict each other, or would have no effect."""
        given = [name for name in TlsSection.model_fields if getattr(self, name) is not None]
        if given and not encrypted:
            yield f"{', '.join(given)}: no effect without TLS; {remedy}"
        if self.ssl_certfile is None:
            for name in given:
                if name in ("ssl_keyfile", "ssl_key_password"):
                    yield f"{name} needs ssl_certfile"


class KafkaSettings(TlsSection):
    """How to reach Kafka, and its timeouts."""

    client: Literal["auto", "kafka-python", "librdkafka"] = Field(
        default="auto",
        description="client library; auto: librdkafka where that extra is installed",
    )
    bootstrap_servers: str = Field(
        default="localhost:9092",
        min_length=1,
        description=f"host:port, several with commas; where the port is left out, {DEFAULT_PORT};"
        " an IPv6 address in brackets",
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT",
        description="SSL encrypts, SASL logs in; SASL_PLAINTEXT sends the login unencrypted",
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None,
        examples=["SCRAM-SHA-512"],
        description="how to log in; needed where security_protocol begins with SASL",
    )
    sasl_username: str | None = Field(
        default=None, examples=["profiler"], description="user name for SASL"
    )
    sasl_password: SecretStr | None = Field(
        default=None, examples=["secret"], description="password for SASL"
    )
    session_timeout_ms: int = Field(
        default=45_000, ge=1, description="ms without a heartbeat until the group gives a worker up"
    )
    heartbeat_interval_ms: int = Field(
        default=3_000,
        ge=1,
        description="ms between heartbeats; a third of the session timeout at most",
    )
    max_poll_interval_ms: int = Field(
        default=60_000, ge=1, description="ms between polls until a worker counts as stuck"
    )
    assignor: Literal["range", "cooperative-sticky"] = Field(
        default="range",
        description="how partitions are shared out, the same for all of a group;"
        " cooperative-sticky, of librdkafka only, moves few at a rebalance",
    )
    group_instance_id: str | None = Field(
        default=None,
        min_length=1,
        examples=["profiler-0"],
        description="static membership: a name unique in the group, with which a worker that"
        " restarts within session_timeout_ms gets its partitions back without a rebalance",
    )
    auto_offset_reset: Literal["earliest", "latest"] = Field(
        default="earliest", description="where to begin without a committed offset"
    )
    compression: Literal["gzip", "lz4", "snappy", "zstd"] | None = Field(
        default=None,
        examples=["gzip"],
        description="of produced batches; all but gzip need lz4, python-snappy or zstandard",
    )
    max_request_bytes: int = Field(
        default=1_048_576,
        ge=1,
        description="most bytes of a produced record; not above the broker's message.max.bytes",
    )
    delivery_timeout_ms: int = Field(
        default=10_000, ge=1_000, description="ms until a record without acknowledgement has failed"
    )
    transaction_timeout_ms: int = Field(
        default=15_000,
        ge=1_000,
        description="ms until the broker aborts a transaction that a dead worker left open, and"
        " readers go on",
    )
    client_id: str = Field(
        default="visitor-profiler",
        description="what the broker calls the worker in its logs and quotas",
    )

    @field_validator("bootstrap_servers")
    @classmethod
    def _can_work(cls, text: str) -> str:
        servers_of(text)
        return text

    @property
    def servers(self) -> list[Address]:
        """`bootstrap_servers`, taken apart."""
        return servers_of(self.bootstrap_servers)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        protocol = self.security_protocol
        problems = [
            *self.tls_problems(
                encrypted=protocol.endswith("SSL"),
                remedy="set security_protocol to SSL or SASL_SSL",
            )
        ]
        login = {
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_username": self.sasl_username,
            "sasl_password": self.sasl_password,
        }
        missing = [name for name, value in login.items() if value is None]
        if protocol.startswith("SASL"):
            problems += [f"security_protocol {protocol} needs {name}" for name in missing]
        elif len(missing) < len(login):
            problems.append(
                f"{', '.join(name for name in login if name not in missing)}: no effect without"
                " SASL; set security_protocol to SASL_SSL"
            )
        return _unless(self, problems)


class RedisSettings(TlsSection):
    """How to reach Redis."""

    url: SecretStr = Field(
        default=SecretStr("redis://localhost:6379/0"),
        description="redis://, rediss:// (TLS), unix:// or redis+sentinel:// URL; it may hold user"
        " name and password, and of a cluster several hosts: redis://a:6379,b:6379",
    )
    username: str | None = Field(
        default=None, examples=["profiler"], description="ACL user, where the URL names none"
    )
    password: SecretStr | None = Field(
        default=None, examples=["secret"], description="password, where the URL holds none"
    )
    sentinel_username: str | None = Field(
        default=None,
        examples=["profiler"],
        description="ACL user of the sentinels; the URL names user and password of Redis",
    )
    sentinel_password: SecretStr | None = Field(
        default=None, examples=["secret"], description="password of the sentinels, if they want one"
    )
    sentinel_tls: bool | None = Field(
        default=None,
        examples=[True],
        description="whether the sentinels have TLS, with the CAs and certificate of Redis; where"
        " not set, as Redis itself: rediss+sentinel:// has it",
    )
    socket_timeout_s: float = Field(default=5.0, gt=0, description="s to wait for one answer")
    repair_window: int = Field(
        default=10_000,
        ge=1,
        description="records of a partition that are applied once more, where a server of a"
        " cluster cannot say how far it has come: it may be new to a slot",
    )

    @property
    def address(self) -> RedisUrl:
        """The URL, taken apart."""
        return parse_redis_url(self.url.get_secret_value())

    @property
    def sentinels_have_tls(self) -> bool:
        """Whether the sentinels are reached by TLS; without Sentinel it means nothing."""
        return self.address.is_tls if self.sentinel_tls is None else self.sentinel_tls

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        try:
            address = self.address
        except ValueError as error:
            return _unless(self, str(error).splitlines())
        has_tls = address.is_tls or bool(address.service and self.sentinels_have_tls)
        problems = [*self.tls_problems(encrypted=has_tls, remedy="let url begin with rediss://")]
        if self.username is not None and address.username:
            problems.append("username is set, and url names one too")
        if self.password is not None and address.password:
            problems.append("password is set, and url holds one too")
        names = ("sentinel_username", "sentinel_password", "sentinel_tls")
        given = [name for name in names if getattr(self, name) is not None]
        if given and not address.service:
            problems.append(
                f"{', '.join(given)}: no effect without Sentinel; let url begin with"
                " redis+sentinel://"
            )
        if self.sentinel_username is not None and self.sentinel_password is None:
            problems.append("sentinel_username needs sentinel_password")
        return _unless(self, problems)
