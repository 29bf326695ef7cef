"""The operations on visitors: read one, read many, forget one."""

import hashlib
import re
import time
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from profiler.errors import StoredStateError
from profiler.service.api.backend import Backend
from profiler.service.api.operations import JSON, Answer, Operation, Operations, Schema
from profiler.service.api.problems import Problem
from profiler.service.api.requests import (
    BatchBody,
    ForgetQuery,
    ReadQuery,
    json_of,
    query_of,
    visitor_of,
)

_ETAG = re.compile(r'(?:W/)?"([^"]*)"')

_ID = {"id": "the visitor's id, as events have it, percent-encoded"}

_STRING, _INTEGER = {"type": "string"}, {"type": "integer"}

_STORED = {
    "type": "object",
    "required": ["visitor", "key", "profile", "rules_version", "expires_at"],
    "properties": {
        "visitor": _STRING | {"description": "the id that was asked for"},
        "key": _STRING | {"description": "the key in Redis"},
        "profile": {"$ref": "#/components/schemas/Profile"},
        "rules_version": {
            "type": ["string", "null"],
            "description": "which rules wrote it; null where the profile does not say it",
        },
        "expires_at": {
            "type": ["integer", "null"],
            "description": "ms since the epoch; null for never, or where Redis may not be asked",
        },
    },
    "additionalProperties": False,
}

_BATCH = {
    "type": "object",
    "required": ["visitors", "unknown", "unreadable"],
    "properties": {
        "visitors": {"type": "array", "items": _STORED, "description": "in the order asked for"},
        "unknown": {"type": "array", "items": _STRING, "description": "ids without a profile"},
        "unreadable": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["visitor", "detail"],
                "properties": {"visitor": _STRING, "detail": _STRING},
                "additionalProperties": False,
            },
            "description": "ids whose stored state cannot be read, and why",
        },
    },
    "additionalProperties": False,
}

_FORGOTTEN: Schema = {
    "type": "object",
    "required": ["visitor", "profiles", "until"],
    "properties": {
        "visitor": _STRING,
        "profiles": _INTEGER | {"description": "how many were removed, or would be"},
        "until": {
            "type": ["integer", "null"],
            "description": "ms since the epoch: when the mark ends; null for a dry run",
        },
    },
    "additionalProperties": False,
}


class Visitors:
    """The handlers.

    Args:
        backend: what they work with.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def operations(self) -> Operations:
        """All of them."""
        return [
            Operation(
                name="readVisitor",
                method="GET",
                path="/v1/visitors/{id}",
                summary="One visitor's profile, as the latest visit left it.",
                handler=self.read,
                path_names=_ID,
                query=ReadQuery,
                request_headers={"If-None-Match": "an ETag: answer 304 if it is still right"},
                answers={
                    200: Answer("the profile", _STORED, {"ETag": "a digest of the answer"}),
                    304: Answer("it is as the ETag says", None, {"ETag": "the same"}),
                },
                problems={404: "no profile is stored for this visitor"},
            ),
            Operation(
                name="readVisitors",
                method="POST",
                path="/v1/visitors:batch",
                summary="The profiles of up to 100 visitors.",
                handler=self.read_many,
                query=ReadQuery,
                body=BatchBody,
                answers={200: Answer("what was found, and what not", _BATCH)},
                problems={
                    408: "the request is too slow",
                    413: "the request is too large",
                    415: "the request is no JSON",
                },
            ),
            Operation(
                name="forgetVisitor",
                method="DELETE",
                path="/v1/visitors/{id}",
                summary="Forget a visitor: remove the profile, and leave a mark.",
                handler=self.forget,
                path_names=_ID,
                query=ForgetQuery,
                answers={200: Answer("it is done; also where there was no profile", _FORGOTTEN)},
                problems={403: "no token is configured, so nothing is removed"},
            ),
        ]

    async def read(self, request: Request) -> Response:
        """`GET /v1/visitors/{id}`."""
        visitor = visitor_of(request)
        now = query_of(request, ReadQuery).now or _now_ms()
        found = await self._backend.reader.look_up(visitor, now)
        if found is None:
            raise Problem(404, "unknown_visitor", "no profile is stored for this visitor")
        body = orjson.dumps(found.document(visitor))
        tag = hashlib.sha256(body).hexdigest()[:32]
        headers = {"ETag": f'"{tag}"'}
        if _has_tag(request.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=JSON)

    async def read_many(self, request: Request) -> Response:
        """`POST /v1/visitors:batch`."""
        now = query_of(request, ReadQuery).now or _now_ms()
        limits = self._backend.settings.serve
        body = await json_of(
            request, BatchBody, most=limits.max_body_bytes, within_s=limits.timeout_s
        )
        found = await self._backend.reader.look_up_all(body.visitors, now)
        answer: dict[str, list[Any]] = {"visitors": [], "unknown": [], "unreadable": []}
        for visitor, each in zip(body.visitors, found, strict=True):
            if each is None:
                answer["unknown"].append(visitor)
            elif isinstance(each, StoredStateError):
                answer["unreadable"].append({"visitor": visitor, "detail": str(each)})
            else:
                answer["visitors"].append(each.document(visitor))
        return Response(orjson.dumps(answer), media_type=JSON)

    async def forget(self, request: Request) -> Response:
        """`DELETE /v1/visitors/{id}`."""
        self._backend.authenticator.require_token()
        visitor = visitor_of(request)
        query = query_of(request, ForgetQuery)
        now_ms, keep_ms, until = _now_ms(), query.keep_ms, None
        forgetter = self._backend.forgetter
        if query.dry_run == "true":
            found = await forgetter.look(visitor)
        else:
            till = query.till(now_ms)
            found = await forgetter.forget(visitor, till=till, keep_ms=keep_ms, now_ms=now_ms)
            until = now_ms + keep_ms
        answer = {"visitor": visitor, "profiles": found, "until": until}
        return Response(orjson.dumps(answer), media_type=JSON)


def _has_tag(if_none_match: str, tag: str) -> bool:
    return if_none_match.strip() == "*" or tag in _ETAG.findall(if_none_match)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
