"""Reads web addresses as browsers do, from any text: nothing here raises.

Only so much is read as the derived inputs need. The time is linear in the text, and the text is
bounded.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote_plus

#: Of a longer address so many characters are read.
MAX_CHARS = 8_192

#: So many parameters of a query are read, and no more.
MAX_PARAMETERS = 256

_MAX_HOST, _MAX_LABEL = 253, 63

#: A scheme that has hosts, or none. Android's apps have names in the place of hosts.
_BEGINNING = re.compile(r"(?:(?:https?|android-app|ios-app):)?[/\\]{2}", re.IGNORECASE)
_END_OF_HOST = re.compile(r"[/\\?#]")
_IGNORED = str.maketrans("", "", "\t\r\n")
_NAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_IP_6 = re.compile(r"\[[0-9a-f:.]{2,45}\]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
#: What else stands for a dot between labels.
_DOTS = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})


class Address(NamedTuple):
    """What of an address is used; what is not there is empty.

    Attributes:
        host: in lower case and ASCII, without user, port and last dot.
        path: as it is written.
        query: likewise, without the question mark.
    """

    host: str
    path: str
    query: str


NOWHERE = Address("", "", "")


def read_address(text: str) -> Address:
    """Take an address apart: a whole one, one that begins with ``//``, or a path with its query.

    Anything else is nowhere: another scheme, no address at all.
    """
    text = text[:MAX_CHARS].strip().translate(_IGNORED)
    begins = _BEGINNING.match(text)
    if begins is None:
        return _rest("", text) if text[:1] in {"/", "?"} else NOWHERE
    ends = _END_OF_HOST.search(text, begins.end())
    end = ends.start() if ends else len(text)
    return _rest(host_of(text[begins.end() : end]), text[end:])


def _rest(host: str, text: str) -> Address:
    path, _, query = text.partition("#")[0].partition("?")
    return Address(host, path or "/", query)


def host_of(authority: str) -> str:
    """The host of what stands before an address's path; empty where that is none."""
    host = authority.rpartition("@")[2].lower()
    if host.startswith("["):
        host = host[: host.find("]") + 1]
        return host if _IP_6.fullmatch(host) else ""
    host = host.partition(":")[0]
    if not host.isascii():
        host = _in_ascii(host)
    host = host.removesuffix(".")
    return host if len(host) <= _MAX_HOST and _NAME.fullmatch(host) else ""


def _in_ascii(host: str) -> str:
    """An international name as browsers send it (``xn--``); empty where that cannot be."""
    if len(host) > _MAX_HOST:
        return ""
    labels = unicodedata.normalize("NFKC", host.translate(_DOTS)).lower().split(".")
    # One character may stand for many, so the labels are measured now.
    if any(len(label) > _MAX_LABEL or _SURROGATE.search(label) for label in labels):
        return ""
    return ".".join(
        label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels
    )


def parameters(query: str, wanted: Mapping[str, str]) -> dict[str, str]:
    """Values of a query's parameters, decoded; of a repeated one the first.

    Args:
        query: from `read_address`.
        wanted: their names, by the same in lower case. The query may have a name in any case; a
            name that is written as it is wanted goes before names in another case.
    """
    found: dict[str, str] = {}
    similar: dict[str, str] = {}
    if not query:
        return found
    for part in query.split("&", MAX_PARAMETERS)[:MAX_PARAMETERS]:
        written, _, value = part.partition("=")
        written = unquote_plus(written) if "%" in written else written
        name = wanted.get(written.lower())
        if name is not None:
            values = found if written == name else similar
            if name not in values:
                values[name] = unquote_plus(value).strip()
    return similar | found
