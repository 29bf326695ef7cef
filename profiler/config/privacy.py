"""The settings of the table `privacy`: the secret key, and what is hashed with it."""

import re
from typing import Self

from pydantic import Field, SecretStr, model_validator

from profiler.config.connections import Section

#: As `openssl rand -hex 32` writes it; more than a block of SHA-256 would be hashed itself.
_KEY = re.compile(r"(?:[0-9a-fA-F]{2}){32,64}")


class PrivacySettings(Section):
    """What of a person reaches Redis, see privacy.md."""

    hash_key: SecretStr | None = Field(
        default=None,
        examples=["secret"],
        description="key of the keyed hash (HMAC-SHA256): 64 to 128 hex digits, e.g. of"
        " openssl rand -hex 32; the same for all workers, and never changed",
    )
    hash_visitor_id: bool = Field(
        default=False,
        description="whether Redis gets the keyed hash of a visitor's id in place of the id; get,"
        " forget and export take the id itself",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.hash_key is not None and not _KEY.fullmatch(self.hash_key.get_secret_value()):
            raise ValueError("hash_key must be 64 to 128 hex digits: openssl rand -hex 32")
        if self.hash_visitor_id and self.hash_key is None:
            raise ValueError("hash_visitor_id needs hash_key")
        return self

    @property
    def key(self) -> bytes | None:
        """The key itself, if there is one."""
        return None if self.hash_key is None else bytes.fromhex(self.hash_key.get_secret_value())
