"""Where a server is, as every kind of setting says it."""

from typing import NamedTuple


class Address(NamedTuple):
    """Where a server listens.

    Attributes:
        host: a name or an address; an IPv6 address without its brackets.
        port: 1 to 65535.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
