"""Errors as RFC 9457 has them: ``application/problem+json``."""

from collections.abc import Mapping
from http import HTTPStatus

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"

#: What the body of a problem is, for the API's description.
SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"const": "about:blank"},
        "title": {"type": "string", "description": "the status in words"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "one word for programs"},
        "detail": {"type": "string", "description": "what is wrong, and what to do"},
    },
    "additionalProperties": False,
}


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """The request cannot be answered as it was meant.

    Args:
        status: HTTP's.
        code: one word for programs, which stays as it is.
        detail: a sentence for people: what is wrong, and what to do.
        headers: further ones of the answer.
    """

    def __init__(
        self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The answer."""
        body = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        return Response(orjson.dumps(body), self.status, self.headers, MEDIA_TYPE)


async def told(_request: Request, error: Exception) -> Response:
    """The answer to a request that ended in a `Problem`; a handler of Starlette's."""
    assert isinstance(error, Problem)  # noqa: S101 - registered for it
    return error.response()


async def told_of_route(_request: Request, error: Exception) -> Response:
    """The same where the router found nothing to call."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    status = HTTPStatus(error.status_code)
    code = status.name.lower()
    return Problem(status, code, status.description or status.phrase, error.headers).response()
