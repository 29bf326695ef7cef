"""Who may ask: callers with the bearer token, and browsers that have shown it once.

A program sends the token with each request. A browser sends it once (`POST /login`) and gets a
cookie: an `EventSource` cannot send a token, and a script of the page cannot read the cookie. The
cookie opens GET and HEAD alone, so no other site can have a browser change something, whatever the
browser makes of SameSite.
"""

import hashlib
import hmac
import time
from collections.abc import Callable

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from profiler.service.api.problems import Problem

COOKIE = "profiler_session"

#: A working day; then the page asks for the token again.
SESSION_S = 12 * 3_600

_SAFE_METHODS = frozenset(["GET", "HEAD"])


class Authenticator:
    """Knows the token, and the sessions that it began.

    A session is a time and a signature by the token: any process with the token knows it, and
    another token ends all of them.

    Args:
        token: None where none is configured: then everybody may read.
        clock: seconds since the epoch.
    """

    def __init__(self, token: SecretStr | None, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        secret = b"" if token is None else token.get_secret_value().encode()
        #: Digests are compared, so that neither time nor length tells anything.
        self._digest = hashlib.sha256(secret).digest()
        self._key = hmac.digest(secret, b"profiler session", "sha256")
        self.has_token = token is not None

    def is_token(self, text: str) -> bool:
        """Whether this is the token."""
        digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
        return self.has_token and hmac.compare_digest(digest, self._digest)

    def session(self) -> str:
        """A new session, as the cookie has it."""
        until = str(int(self._clock()) + SESSION_S)
        return f"{until}.{self._signature(until)}"

    def is_session(self, text: str) -> bool:
        """Whether this is a session that is not over."""
        until, _, signature = text.partition(".")
        is_ours = hmac.compare_digest(self._signature(until).encode(), signature.encode())
        return self.has_token and is_ours and int(until) > self._clock()

    def check(self, connection: HTTPConnection) -> None:
        """Let a request pass, or not.

        Raises:
            Problem: it has no token and no session, or the wrong ones.
        """
        if not self.has_token:
            return
        scheme, _, given = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_token(given.strip()):
            return
        cookie = cookie_parser(connection.headers.get("cookie", "")).get(COOKIE, "")
        if connection.scope["method"] in _SAFE_METHODS and self.is_session(cookie):
            return
        raise Problem(
            401,
            "no_token",
            "send the header: Authorization: Bearer <token>; a browser logs in at /login",
            {"WWW-Authenticate": 'Bearer realm="profiler"'},
        )

    def require_token(self) -> None:
        """Let nothing be changed where nobody can be told from anybody.

        Raises:
            Problem: no token is configured.
        """
        if not self.has_token:
            raise Problem(
                403,
                "no_token_configured",
                "without a token nothing is removed; set PROFILER_SERVE__TOKEN or"
                " PROFILER_SERVE__TOKEN_FILE, and start again",
            )

    def _signature(self, until: str) -> str:
        return hmac.digest(self._key, until.encode("utf-8", "replace"), "sha256").hex()


class Guarded:
    """Calls an app for callers who may ask.

    Args:
        app: what is guarded.
        authenticator: says who may.
    """

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self._app = app
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, and pass on."""
        self._authenticator.check(HTTPConnection(scope))
        await self._app(scope, receive, send)


def open_session(response: Response, authenticator: Authenticator, *, is_tls: bool) -> None:
    """Have a browser keep a session."""
    response.set_cookie(
        COOKIE,
        authenticator.session(),
        max_age=SESSION_S,
        secure=is_tls,
        httponly=True,
        samesite="strict",
    )


def close_session(response: Response, *, is_tls: bool) -> None:
    """Have a browser forget its session."""
    response.delete_cookie(COOKIE, secure=is_tls, httponly=True, samesite="strict")


def is_local_host(headers: Headers) -> bool:
    """Whether a request names this machine as we are reached by it: no other site's name for it."""
    host = headers.get("host", "").lower()
    name, _, port = host.rpartition(":")
    return (name if port.isdigit() else host) in {"localhost", "127.0.0.1", "[::1]"}
