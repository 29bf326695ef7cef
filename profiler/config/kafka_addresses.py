"""The addresses of Kafka's brokers, taken apart: what can never work is refused by name.

Both client libraries are given what comes out of here, so that they read the setting alike. Left
to themselves one takes ``http://kafka:9092`` for a host, and the other takes the scheme away.
"""

import ipaddress
import re

from profiler.config.addresses import Address

#: Of an entry that names none; both client libraries have the same.
DEFAULT_PORT = 9092

_LAST_PORT = 65_535
_LONGEST_HOST = 253
_SHOWN = 80

_ENTRY = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>.*))?", re.DOTALL)
#: Underscores are not in the standard, but in names that container platforms give.
_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", re.IGNORECASE | re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)


def servers_of(text: str) -> list[Address]:
    """Take a list ``host:port,host:port`` apart; blanks around a comma do not matter.

    Raises:
        ValueError: entries that can never work; one line for each, which names it.
    """
    servers, problems = [], []
    for entry in text.split(","):
        try:
            servers.append(_server(entry.strip()))
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError("\n".join(dict.fromkeys(problems)))
    return servers


def _server(entry: str) -> Address:
    if not entry:
        raise ValueError("a comma has no host before or behind it")
    if "@" in entry:
        # What is before it may be a password, so the entry is not repeated.
        raise ValueError("an entry has an @; a login is kafka.sasl_username and sasl_password")
    shown = repr(entry if len(entry) <= _SHOWN else f"{entry[:_SHOWN]}…")
    if "://" in entry:
        raise ValueError(f"{shown}: write host:port; how to speak is kafka.security_protocol")
    if re.search(r"\s", entry):
        raise ValueError(f"{shown}: has a blank in it; write a comma between two servers")
    if re.search(r"[/?#;|]", entry):
        raise ValueError(f"{shown}: is no host:port; write several with commas between them")
    if entry.count(":") > 1 and not entry.startswith("["):
        address = entry if _is_ipv6(entry) else entry.rpartition(":")[0]
        what = "an IPv6 address needs brackets, [::1]:9092" if _is_ipv6(address) else "no host:port"
        raise ValueError(f"{shown}: {what}")
    parts = _ENTRY.fullmatch(entry)
    if parts is None:
        raise ValueError(f"{shown}: a bracket is out of place; write [::1]:9092")
    host = _host(parts["host"], shown)
    port = parts["port"]
    if port is None:
        return Address(host, DEFAULT_PORT)
    if not _PORT.fullmatch(port) or not 0 < int(port) <= _LAST_PORT:
        raise ValueError(f"{shown}: {port!r} is no port; a port is a number from 1 to {_LAST_PORT}")
    return Address(host, int(port))


def _host(text: str, shown: str) -> str:
    if text.startswith("["):
        if not _is_ipv6(text[1:-1]):
            raise ValueError(f"{shown}: between the brackets is no IPv6 address")
        return text[1:-1]
    if not text:
        raise ValueError(f"{shown}: has no host before the colon")
    if len(text) > _LONGEST_HOST or not _HOST.fullmatch(text):
        raise ValueError(
            f"{shown}: {text[:_SHOWN]!r} is no host name; it has letters, digits, hyphens and dots"
        )
    # No name ends with a number, so this was to be an address.
    if text.rpartition(".")[2].isdecimal() and not _is_ipv4(text):
        raise ValueError(f"{shown}: {text[:_SHOWN]!r} is neither an IPv4 address nor a host name")
    return text


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
