"""The settings of the table `serve`: where the service listens, who may ask, and how much."""

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from profiler.config.connections import Section
from profiler.config.listening import LOOPBACK

#: What RFC 6750 lets a bearer token be; as long as nobody tries them all.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{32,512}=*")


class ServeSettings(Section):
    """`profiler serve`, see service.md."""

    host: str = Field(
        default=LOOPBACK,
        min_length=1,
        examples=["::1"],
        description="address to listen at; another one than this machine's own needs a token",
    )
    port: int = Field(
        default=8321, ge=0, le=65_535, description="port to listen at; 0 takes any that is free"
    )
    token: SecretStr | None = Field(
        default=None,
        examples=["secret"],
        description="bearer token that callers must have: 32 characters or more, e.g. of"
        " openssl rand -hex 32; without one nothing can be removed",
    )
    read_from: Literal["primary", "replica"] = Field(
        default="primary",
        description="where profiles are read; a replica is a little behind, and spares the primary."
        " Where there is no replica, and for visitors that it does not know, the primary is asked",
    )
    requests_per_s: int = Field(
        default=2_000,
        ge=0,
        description="most requests a second of one client's address, in any rhythm; 0: no limit",
    )
    max_concurrent: int = Field(
        default=64,
        ge=1,
        le=1_024,
        description="most requests to a path under way at once; one more is answered with 503",
    )
    max_body_bytes: int = Field(default=131_072, ge=1_024, description="most bytes of a request")
    timeout_s: float = Field(
        default=10.0, gt=0, description="s for a request to arrive, and again to be answered"
    )
    trusted_proxies: str = Field(
        default="",
        examples=["10.0.0.0/8"],
        description="addresses or networks, by commas, of proxies whose X-Forwarded-For and"
        " X-Forwarded-Proto are believed",
    )
    live_page: bool = Field(
        default=True,
        description="whether the output topics are read, for the page at /; see live-page.md",
    )
    access_log: bool = Field(
        default=True, description="whether each request is a line of the log; no line has an id"
    )
    ssl_certfile: Path | None = Field(
        default=None,
        examples=["/etc/profiler/server.pem"],
        description="PEM file of the service's certificate; with it the service speaks TLS only",
    )
    ssl_keyfile: Path | None = Field(
        default=None,
        examples=["/etc/profiler/server.key"],
        description="PEM file of its key, where ssl_certfile does not hold it too",
    )
    ssl_key_password: SecretStr | None = Field(
        default=None, examples=["secret"], description="password of an encrypted key"
    )

    @field_validator("token")
    @classmethod
    def _is_a_token(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and not _TOKEN.fullmatch(token.get_secret_value()):
            raise ValueError("write 32 or more letters and digits: openssl rand -hex 32")
        return token

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        for network in filter(None, map(str.strip, text.split(","))):
            ipaddress.ip_network(network, strict=False)
        return text

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if problems := [*self._tls_problems()]:
            raise ValueError("\n".join(problems))
        return self

    def _tls_problems(self) -> Iterator[str]:
        for name in ("ssl_keyfile", "ssl_key_password"):
            if self.ssl_certfile is None and getattr(self, name) is not None:
                yield f"{name} needs ssl_certfile"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the service."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
