"""What every answer has and every request passes: headers, the raw path, the host, faults."""

from collections.abc import Mapping

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from profiler.errors import ProfilerError, StoredStateError, StoreUnavailableError
from profiler.service.api.auth import is_local_host
from profiler.service.api.problems import Problem
from profiler.service.api.seen import TEMPLATE

_LOG = structlog.get_logger("profiler.serve")

#: Of a request's path, query and headers together.
MAX_HEAD_BYTES = 16_384

#: For what has no headers of its own: nothing is kept, framed, guessed or loaded from elsewhere.
SAFE_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none';"
    " form-action 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Shell:
    """Calls the app, and makes every answer safe; a fault becomes a problem.

    Routes are found by the path as it was sent, so that an id may have a slash (``%2F``).

    Args:
        app: what is called.
        is_open: whether everybody may read. Then only this machine's names are answered to: else
            a page of another site, whose name leads here, could read.
    """

    def __init__(self, app: ASGIApp, *, is_open: bool) -> None:
        self._app = app
        self._is_open = is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def safe(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                headers = MutableHeaders(scope=message)
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            if self._is_open and not is_local_host(Headers(scope=scope)):
                detail = "without a token only localhost, 127.0.0.1 and [::1] are answered to"
                raise Problem(421, "wrong_host", detail)  # noqa: TRY301 - told as all others are
            _check_head(scope)
            scope["path"] = scope["raw_path"].decode("latin-1")
            await self._app(scope, receive, safe)
        except Exception as error:
            problem = problem_of(error, scope[TEMPLATE][0])
            if has_begun:
                raise
            await problem.response()(scope, receive, safe)


def _check_head(scope: Scope) -> None:
    """Refuse a head that is too large, or whose body two readers would read differently.

    Raises:
        Problem: it is one.
    """
    close = {"Connection": "close"}
    size = len(scope["raw_path"]) + len(scope["query_string"])
    size += sum(len(name) + len(text) for name, text in scope["headers"])
    if size > MAX_HEAD_BYTES:
        detail = f"path, query and headers have at most {MAX_HEAD_BYTES} bytes together"
        raise Problem(431, "head_too_large", detail, close)
    names = {name for name, _ in scope["headers"]}
    if {b"content-length", b"transfer-encoding"} <= names:
        detail = "a request has Content-Length or Transfer-Encoding, not both"
        raise Problem(400, "two_lengths", detail, close)


def problem_of(error: Exception, route: str) -> Problem:
    """What a caller is told of an error; what an operator must know goes to the log."""
    match error:
        case Problem():
            return error
        case StoreUnavailableError():
            _LOG.warning("redis cannot answer", kind=error.kind, error=str(error))
            detail = "Redis cannot answer now; ask again"
            return Problem(503, "redis_unavailable", detail, {"Retry-After": "1"})
        case StoredStateError():
            return Problem(500, "unreadable_profile", str(error))
        case ProfilerError():
            _LOG.error("a request failed", route=route, error=str(error))
        case _:
            _LOG.error("a request failed", route=route, exc_info=error)
    return Problem(500, "failed", "the service failed; its log says why")
