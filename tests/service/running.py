"""A running `profiler serve`, and what asks it."""

from __future__ import annotations

import http.client
import json
import signal
import socket
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import quote, urlsplit

from tests.integration.programs import Program

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TOKEN = "0123456789abcdef" * 4
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PATIENCE_S = 30


class Answer(NamedTuple):
    """What came back; names of headers in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:  # noqa: ANN401 - whatever the service says
        """The body, as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Of a problem the word for programs."""
        assert self.headers["content-type"] == "application/problem+json", self
        assert self.document["status"] == self.status
        return str(self.document["code"])


class Service(Program):
    """The command `serve` on a free port.

    Args:
        directory: where it runs, and where its log is.
        settings: by the names of the environment, without the prefix.
        token: what callers must have; empty for none.
        program: what to start in place of the command.
        environment: what is to be in it besides.
    """

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, str],
        token: str = TOKEN,
        *,
        program: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        names = {f"PROFILER_{name.upper()}": text for name, text in settings.items()}
        if token:
            names["PROFILER_SERVE__TOKEN"] = token
        # A port where nobody listens: these tests have no Kafka, and the service needs none.
        names.setdefault("PROFILER_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
        arguments = ["serve", "--port", "0"]
        super().__init__(arguments, {**names, **(environment or {})}, directory, program)
        #: Its address, once it is entered.
        self.url = ""

    def __enter__(self) -> Self:
        self.wait_for_event("serving")
        self.url = str(self.events("serving")[0]["at"])
        return self

    def end(self) -> None:
        """Send SIGTERM, and expect success."""
        self.send_signal(signal.SIGTERM)
        assert self.wait() == 0, self.output[-4_000:]

    def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] = BEARER,
        body: bytes | None = None,
    ) -> Answer:
        """Send a request as it is, on a connection of its own."""
        at = urlsplit(self.url)
        assert at.hostname
        with closing(http.client.HTTPConnection(at.hostname, at.port, timeout=PATIENCE_S)) as line:
            line.request(method, target, body, dict(headers))
            found = line.getresponse()
            names = {name.lower(): text for name, text in found.getheaders()}
            return Answer(found.status, names, found.read())

    def read(self, visitor: str | bytes, query: str = "", **headers: str) -> Answer:
        """Read one visitor."""
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.ask("GET", f"/v1/visitors/{quote(visitor, safe='')}{query}", BEARER | given)

    def send_json(
        self, target: str, document: object, headers: Mapping[str, str] = BEARER
    ) -> Answer:
        """Post a JSON document."""
        kind = {"Content-Type": "application/json"}
        return self.ask("POST", target, {**kind, **headers}, json.dumps(document).encode())

    def connect(self) -> socket.socket:
        """A bare connection."""
        at = urlsplit(self.url)
        return socket.create_connection((at.hostname or "", at.port or 0), timeout=PATIENCE_S)

    def requests(self) -> list[dict[str, Any]]:
        """The access log so far."""
        return self.events("request")


def until_closed(line: socket.socket) -> bytes:
    """What comes until the other side closes the connection; fails where it does not."""
    found = bytearray()
    line.settimeout(PATIENCE_S)
    while True:
        try:
            part = line.recv(65_536)
        except ConnectionResetError:
            part = b""
        if not part:
            return bytes(found)
        found += part
