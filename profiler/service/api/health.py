"""Whether the service should be started anew (`/healthz`), and whether it answers (`/readyz`)."""

import asyncio
import time

import orjson
from starlette.requests import Request
from starlette.responses import Response

from profiler.errors import ProfilerError
from profiler.service.api.backend import Backend
from profiler.service.api.operations import JSON, Answer, Operation, Operations
from profiler.service.api.problems import Problem
from profiler.service.api.shell import problem_of

#: Whoever asks, Redis is asked so often at most.
_ASKED_EVERY_S = 1.0

#: No visitor has it.
_NOBODY = "profiler-ready"

_WELL = {
    "type": "object",
    "required": ["status"],
    "properties": {"status": {"const": "well"}},
    "additionalProperties": False,
}


class HealthChecks:
    """The handlers; open to everybody, and they tell nothing else.

    Args:
        backend: whose reader is tried.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")
        self._trouble = Problem(503, "starting", "nothing was read yet")
        self._is_ready = False

    def operations(self) -> Operations:
        """Both of them."""
        return [
            Operation(
                name="isAlive",
                method="GET",
                path="/healthz",
                summary="Whether the process answers.",
                handler=self.alive,
                answers={200: Answer("it does", _WELL)},
                is_open=True,
            ),
            Operation(
                name="isReady",
                method="GET",
                path="/readyz",
                summary="Whether profiles can be read.",
                handler=self.ready,
                answers={200: Answer("they can", _WELL)},
                is_open=True,
            ),
        ]

    async def alive(self, _request: Request) -> Response:
        """`GET /healthz`."""
        return Response(orjson.dumps({"status": "well"}), media_type=JSON)

    async def ready(self, request: Request) -> Response:
        """`GET /readyz`: reads the profile of somebody who does not exist."""
        async with self._asking:
            if time.monotonic() - self._asked_at > _ASKED_EVERY_S:
                try:
                    await self._backend.reader.look_up(_NOBODY, "")
                except ProfilerError as error:
                    self._trouble = problem_of(error, "/readyz")
                    self._trouble.status = 503
                    self._is_ready = False
                else:
                    self._is_ready = True
                self._asked_at = time.monotonic()
        if not self._is_ready:
            raise self._trouble.with_traceback(None)  # raised again and again
        return await self.alive(request)
