"""Asks a worker for one of its pages, as its fleet and the command `health` do."""

import http.client
import json
import socket
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from profiler.config.addresses import Address

#: A worker answers at once, or it hangs.
_ANSWER_S = 2.0
#: Where every interface is listened at, this machine's own is one.
_EVERY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing listens here


class Answer(NamedTuple):
    """What a worker said; the reason is empty where it answered well."""

    reason: str
    body: bytes


def ask(place: Address | Path, path: str) -> Answer:
    """Get a page of one worker; blocks for two seconds at most.

    Args:
        place: where it listens: an address, or a Unix socket.
        path: of the page.
    """
    if isinstance(place, Address):
        host = _EVERY.get(place.host, place.host)
        connection = http.client.HTTPConnection(host, place.port, timeout=_ANSWER_S)
    else:
        connection = _Connection(place)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        return Answer(f"no answer ({error})", b"")
    finally:
        connection.close()
    if response.status == HTTPStatus.OK:
        return Answer("", body)
    return Answer(_reason_in(body), b"")


def _reason_in(body: bytes) -> str:
    try:
        return str(json.loads(body)["reason"])
    except (ValueError, TypeError, KeyError):
        return "it is no worker that answers"


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, place: Path) -> None:
        super().__init__("worker", timeout=_ANSWER_S)
        self._place = place

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_ANSWER_S)
        self.sock.connect(str(self._place))
