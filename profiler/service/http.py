"""The pages /metrics, /healthz and /readyz, by HTTP; on a port, or on a Unix socket in a fleet."""

import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Protocol

import structlog
from prometheus_client import CONTENT_TYPE_LATEST

from profiler.config.addresses import Address
from profiler.errors import ConfigError

_LOG = structlog.get_logger("profiler.metrics")

#: For a whole request; who sends it slowly is left.
_REQUEST_S = 5.0


class Pages(Protocol):
    """What is shown; each call answers at once, or within a few seconds."""

    def metrics(self) -> bytes:
        """The metrics, in Prometheus' text format."""
        ...

    def not_alive(self) -> str:
        """Why the process should be started anew; empty while all is well."""
        ...

    def not_ready(self) -> str:
        """Why no work is done; empty while all is well."""
        ...


@contextmanager
def served(listen: Address | Path, pages: Pages) -> Iterator[str]:
    """Serve pages, in threads of their own, until the block ends.

    Args:
        listen: an address, or the path of a Unix socket that is not there yet.
        pages: what is shown.

    Yields:
        Where to find them.

    Raises:
        ConfigError: nobody can listen there.
    """
    handler = partial(_Handler, pages)
    try:
        server = _Port(listen, handler) if isinstance(listen, Address) else _Socket(listen, handler)
    except OSError as error:
        remedy = "; set metrics.listen (--metrics) to another address"
        raise ConfigError(
            f"metrics: cannot listen at {listen}: {error.strerror or error}{remedy}"
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    where = f"http://{listen}" if isinstance(listen, Address) else f"unix:{listen}"
    _LOG.info("metrics", at=where)
    try:
        yield where
    finally:
        server.shutdown()
        server.server_close()
        if isinstance(listen, Path):
            listen.unlink(missing_ok=True)


class _Quiet(socketserver.ThreadingMixIn):
    """Who hangs up before the answer is no news, and no reason to wait at the end."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002 - the library's
        """Tell it to the log, not to stderr."""
        _LOG.debug("a request failed", exc_info=True)


class _Port(_Quiet, socketserver.ThreadingTCPServer):
    """Without the look-up of our own name that `http.server` does, which may take seconds."""

    allow_reuse_address = True

    def __init__(self, listen: Address, handler: Any) -> None:  # noqa: ANN401 - a partial of one
        found = socket.getaddrinfo(*listen, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family = found[0][0]
        super().__init__(found[0][4], handler)  # type: ignore[arg-type] # the stub knows kernels without IP


class _Socket(_Quiet, socketserver.ThreadingUnixStreamServer):
    def __init__(self, listen: Path, handler: Any) -> None:  # noqa: ANN401 - a partial of one
        super().__init__(str(listen), handler)


class _Handler(BaseHTTPRequestHandler):
    timeout = _REQUEST_S
    #: Says nothing of Python.
    server_version, sys_version = "visitor-profiler", ""

    def __init__(self, pages: Pages, *arguments: Any) -> None:  # noqa: ANN401 - socketserver's
        self._pages = pages
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Answer; the name is the library's."""
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, self._pages.metrics())
        elif path == "/healthz":
            self._tell(self._pages.not_alive())
        elif path == "/readyz":
            self._tell(self._pages.not_ready())
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002, ANN401 - the library's
        """Say nothing: a probe comes every few seconds."""

    def _tell(self, reason: str) -> None:
        status = HTTPStatus.SERVICE_UNAVAILABLE if reason else HTTPStatus.OK
        body = {"status": "unwell", "reason": reason} if reason else {"status": "well"}
        self._answer(status, "application/json", json.dumps(body).encode() + b"\n")

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
