"""The address of Redis, taken apart here and by nobody else: one line says what is wrong with it.

A client library would let the options of a URL win over our settings, drop what it cannot read,
and name parts of a password that was not percent-encoded. No message of this module repeats a
part of the URL that may belong to a password.
"""

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import unquote

from profiler.config.addresses import Address
from profiler.config.redis_options import option_problems

_PORT = 6379
_SENTINEL_PORT = 26379
_LAST_PORT = 65_535

#: By scheme: whether the connections have TLS.
_SCHEMES = {
    "redis": False,
    "rediss": True,
    "unix": False,
    "redis+sentinel": False,
    "rediss+sentinel": True,
}
_BEGIN = "url must begin with redis://, rediss:// or unix://, or with redis+sentinel:// or"
_BEGIN += " rediss+sentinel:// for the primary that Sentinel names"
_ENCODE = "url cannot be read; percent-encode its password, or set redis.password"
_DATABASE = "url: the database is a number, e.g. redis://host:6379/0"


class RedisUrl(NamedTuple):
    """What a URL says.

    Attributes:
        is_tls: whether connections have TLS.
        addresses: hosts and ports, as they are named; empty for a Unix socket.
        path: of the Unix socket; else empty.
        service: what the sentinels at `addresses` call the primary; empty without Sentinel.
        database: its number.
        username: empty where none is named.
        password: empty where there is none.
    """

    is_tls: bool
    addresses: tuple[Address, ...]
    path: str
    service: str
    database: int
    username: str
    password: str


def password_in(url: str) -> bool:
    """Whether a Redis URL holds a password, be it badly encoded."""
    return bool(re.search(r"://[^:@]*:.*@|[?&]password=", url, re.IGNORECASE | re.DOTALL))


def parse_redis_url(url: str) -> RedisUrl:
    """Take a URL apart; `docs/configuration.md` describes its forms.

    Raises:
        ValueError: it cannot be read, or says what cannot be; one line per problem, with nothing
            secret in it.
    """
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        raise ValueError("url holds a space or a line end; take it off, or percent-encode it")
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in _SCHEMES:
        raise ValueError(_BEGIN)
    authority, tail = _split(rest, r"[/?#]")
    login, at, places = authority.rpartition("@")
    is_socket = scheme == "unix"
    # A password that holds one of /?#@ has cut the URL short: then an @ stands where none may.
    if "@" in login or (not (is_socket and not authority) and "@" in tail):
        raise ValueError(_ENCODE)
    if "#" in tail:
        raise ValueError("url holds a #; percent-encode it as %23")
    username, _, password = login.partition(":")
    path, query = _split(tail, r"\?")
    options = _options(query.removeprefix("?"))
    if is_socket:
        if places or (authority and not at):
            raise ValueError(f"{_ENCODE}; a Unix socket's URL is unix:///path/of/the.sock")
        if len(path) < len("/x"):
            raise ValueError("url names no path: unix:///path/of/the.sock")
        return RedisUrl(
            is_tls=False,
            addresses=(),
            path=_decoded(path),
            service="",
            database=_database("", options),
            username=_decoded(username),
            password=_decoded(password),
        )
    is_sentinel = scheme.endswith("+sentinel")
    service, number = "", path.removeprefix("/")
    if is_sentinel:
        service, _, number = number.partition("/")
        if not service:
            raise ValueError(
                "url names no service: redis+sentinel://host:26379/service/0, where service is"
                " what the sentinels call the primary"
            )
    return RedisUrl(
        is_tls=_SCHEMES[scheme],
        addresses=_addresses(places, _SENTINEL_PORT if is_sentinel else _PORT),
        path="",
        service=_decoded(service),
        database=_database(number, options),
        username=_decoded(username),
        password=_decoded(password),
    )


def _split(text: str, pattern: str) -> tuple[str, str]:
    """Cut before the first match."""
    found = re.search(pattern, text)
    return (text[: found.start()], text[found.start() :]) if found else (text, "")


def _decoded(text: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise ValueError(f"{_ENCODE} (a % is %25)")
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        # Its text holds the bytes.
        raise ValueError(f"{_ENCODE} (as UTF-8)") from None


def _options(query: str) -> dict[str, str]:
    """The options that are known; of all of them that is the database."""
    pairs = [part.partition("=")[::2] for part in query.split("&") if part]
    names = [name.lower() for name, _ in pairs]
    if problems := [*option_problems(names)]:
        raise ValueError("\n".join(problems))
    if len(names) > 1:
        raise ValueError("url names the database twice")
    return dict(zip(names, (value for _, value in pairs), strict=True))


def _database(in_path: str, options: dict[str, str]) -> int:
    if in_path and options:
        raise ValueError("url names the database twice")
    text = options.get("db", in_path or "0")
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError(_DATABASE)
    return int(text)


def _addresses(places: str, port: int) -> tuple[Address, ...]:
    if not places:
        raise ValueError("url names no host")
    found = places.split(",")
    if not all(found):
        raise ValueError("url has a comma with no host before or behind it")
    return tuple(_address(place, port) for place in found)


def _address(place: str, port: int) -> Address:
    in_brackets = re.fullmatch(r"\[([^\[\]]*)\](?::(.*))?", place)
    host, number = in_brackets.groups() if in_brackets else _host_and_port(place)
    if number is not None:
        # What stands there may be a password whose host was forgotten.
        if not re.fullmatch(r"[0-9]{1,5}", number) or not 0 < int(number) <= _LAST_PORT:
            raise ValueError(f"url: a port is a number from 1 to {_LAST_PORT:,}")
        port = int(number)
    if in_brackets:
        try:
            return Address(str(ipaddress.IPv6Address(_decoded(host))), port)
        except ValueError:
            raise ValueError("url: what stands in brackets is no IPv6 address") from None
    if not host:
        raise ValueError("url names no host")
    if not re.fullmatch(r"[A-Za-z0-9._-]+", host):
        raise ValueError(
            "url: a host's name has letters, digits, hyphens and dots; an IPv6 address stands in"
            " brackets; several hosts share one login, database and options"
        )
    return Address(host, port)


def _host_and_port(place: str) -> tuple[str, str | None]:
    host, colon, number = place.rpartition(":")
    return (host, number) if colon else (place, None)
