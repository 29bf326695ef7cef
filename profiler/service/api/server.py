"""The server: uvicorn on a port, with patience that ends."""

import asyncio
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from profiler.config.addresses import Address
from profiler.config.settings import ServeSettings
from profiler.config.tls import serving_context
from profiler.errors import ConfigError
from profiler.service.api.shell import MAX_HEAD_BYTES

#: A connection without a request is closed.
_IDLE_S = 5
#: Beyond so many connections requests are refused.
_MOST_CONNECTIONS = 1_024
#: What is under way at the end has so long; an orchestrator's SIGKILL comes after 10 s.
_FINISH_S = 8

#: Under which name a request's scope has the `Arrival` of its connection.
_ARRIVAL = "arrival"


class Arrival:
    """Ends a connection on which a request's head, or what follows an answer, arrives too slowly.

    uvicorn closes connections that are idle, and waits for ever for the rest of a request.

    Args:
        timeout_s: for a head, from its first byte; for the first one from the connection on.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._end: asyncio.TimerHandle | None = None
        self._is_answering = False
        self.abort: Callable[[], None] = lambda: None

    def begin(self) -> None:
        """Something arrives."""
        if self._end is None and not self._is_answering:
            loop = asyncio.get_running_loop()
            self._end = loop.call_later(self._timeout_s, self.abort)

    def here(self) -> None:
        """The head is here: the app has its own patience."""
        self._is_answering = True
        self.cancel()

    def over(self) -> None:
        """The request is answered."""
        self._is_answering = False

    def cancel(self) -> None:
        """Wait for nothing."""
        if self._end is not None:
            self._end.cancel()
            self._end = None


class _Timed:
    """Calls the app, and tells the connection when a request's head is here."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrival = scope.get("state", {}).pop(_ARRIVAL, None)
        if arrival is None:
            await self._app(scope, receive, send)
            return
        arrival.here()
        try:
            await self._app(scope, receive, send)
        finally:
            arrival.over()


def _protocol_with(timeout_s: float) -> type[asyncio.Protocol]:
    """Uvicorn's protocol, with an `Arrival` a connection."""

    class Timed(H11Protocol):
        def __init__(
            self,
            config: uvicorn.Config,
            server_state: ServerState,
            app_state: dict[str, Any],
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            self._arrival = Arrival(timeout_s)
            super().__init__(config, server_state, {**app_state, _ARRIVAL: self._arrival}, _loop)

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._arrival.abort = transport.abort
            self._arrival.begin()

        def data_received(self, data: bytes) -> None:
            self._arrival.begin()
            super().data_received(data)

        def connection_lost(self, exc: Exception | None) -> None:
            self._arrival.cancel()
            super().connection_lost(exc)

    return Timed


class _Server(uvicorn.Server):
    """Tells when it is asked to end, while requests are still under way."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._stopping()


def listen(settings: ServeSettings) -> socket.socket:
    """Take the port.

    Raises:
        ConfigError: nobody can listen there, everybody could read, or the certificate cannot be
            used.
    """
    if settings.ssl_certfile is not None:
        serving_context(settings)  # only to refuse wrong files before anything else
    if settings.token is None and not settings.is_local:
        raise ConfigError(
            f"serve.host is {settings.host}, and without a token everybody who reaches it could"
            " read profiles; set PROFILER_SERVE__TOKEN or PROFILER_SERVE__TOKEN_FILE"
        )
    host, port = settings.host.strip("[]"), settings.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return socket.create_server(found[0][4][:2], family=found[0][0])
    except OSError as error:
        raise ConfigError(
            f"serve: cannot listen at {Address(host, port)}: {error.strerror or error};"
            " set serve.host and serve.port (--host, --port)"
        ) from error


def address_of(listening: socket.socket, settings: ServeSettings) -> str:
    """Where a browser finds the service."""
    host, port = listening.getsockname()[:2]
    return f"{'https' if settings.ssl_certfile else 'http'}://{Address(host, port)}"


def run(
    app: Starlette,
    settings: ServeSettings,
    listening: socket.socket,
    stopping: Callable[[], None],
) -> None:
    """Serve until SIGTERM or SIGINT; what is under way then is finished, for some seconds.

    Args:
        app: from `create_app`.
        settings: how long to wait, and TLS.
        listening: from `listen`; closed at the end.
        stopping: called when the end is asked for.

    Raises:
        ConfigError: the certificate cannot be used.
    """
    tls: dict[str, Any] = {}
    if settings.ssl_certfile is not None:
        context = serving_context(settings)
        tls = {"ssl_context_factory": lambda _config, _default: context}
    config = uvicorn.Config(
        _Timed(app),
        http=_protocol_with(settings.timeout_s),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=_FINISH_S,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        **tls,
    )
    # uvicorn raises the signal again when it is done; the process ends with 0 then.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: None)
    _Server(config, stopping).run([listening])
