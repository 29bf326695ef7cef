"""Where we listen ourselves."""

import re
from pathlib import Path

from profiler.config.addresses import Address

#: Where nothing is said: nobody on another machine reads what was not offered.
LOOPBACK = "127.0.0.1"

_LAST_PORT = 65_535
_PLACE = re.compile(
    r"(?P<host>\[[0-9a-f:.]+\]|[^:\[\]\s/]*):(?P<port>[0-9]{1,5})", re.IGNORECASE | re.ASCII
)
_SOCKET = "unix:"


def listening_of(text: str) -> Address | Path | None:
    """Take ``host:port``, ``:port`` or ``unix:/path`` apart; None for nothing.

    Raises:
        ValueError: it is none of them.
    """
    if not text:
        return None
    if text.startswith(_SOCKET):
        return Path(text.removeprefix(_SOCKET))
    found = _PLACE.fullmatch(text)
    if found is None or not 0 < int(found["port"]) <= _LAST_PORT:
        raise ValueError(f"{text!r}: write host:port, or :port for {LOOPBACK}")
    return Address(found["host"].strip("[]") or LOOPBACK, int(found["port"]))
