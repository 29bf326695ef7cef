"""A browser's way in: the token once, and a cookie from then on."""

from starlette.requests import Request
from starlette.responses import Response

from profiler.config.serving import ServeSettings
from profiler.service.api.auth import Authenticator, close_session, open_session
from profiler.service.api.operations import Answer, Operation, Operations
from profiler.service.api.problems import Problem
from profiler.service.api.requests import LoginBody, json_of

#: Of a body with a token.
_MOST_BYTES = 4_096


class Login:
    """The handlers; open to everybody.

    Args:
        authenticator: knows the token.
        settings: how long a body may be on its way.
    """

    def __init__(self, authenticator: Authenticator, settings: ServeSettings) -> None:
        self._authenticator = authenticator
        self._settings = settings

    def operations(self) -> Operations:
        """Both of them."""
        too_much = {
            408: "the request is too slow",
            413: "the request is too large",
            415: "the request is no JSON",
        }
        return [
            Operation(
                name="logIn",
                method="POST",
                path="/login",
                summary="For browsers: show the token once, and get a cookie that reads.",
                handler=self.log_in,
                body=LoginBody,
                answers={204: Answer("it is the token", None, {"Set-Cookie": "the session"})},
                problems={401: "it is not the token", 403: "no token is configured"} | too_much,
                is_open=True,
            ),
            Operation(
                name="logOut",
                method="POST",
                path="/logout",
                summary="For browsers: forget the cookie.",
                handler=self.log_out,
                answers={204: Answer("it is forgotten", None, {"Set-Cookie": "an empty one"})},
                is_open=True,
            ),
        ]

    async def log_in(self, request: Request) -> Response:
        """`POST /login`."""
        self._authenticator.require_token()
        within_s = self._settings.timeout_s
        body = await json_of(request, LoginBody, most=_MOST_BYTES, within_s=within_s)
        if not self._authenticator.is_token(body.token):
            raise Problem(401, "wrong_token", "this is not the token")
        response = Response(status_code=204)
        open_session(response, self._authenticator, is_tls=request.url.scheme == "https")
        return response

    async def log_out(self, request: Request) -> Response:
        """`POST /logout`."""
        response = Response(status_code=204)
        close_session(response, is_tls=request.url.scheme == "https")
        return response
