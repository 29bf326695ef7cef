"""The live page over HTTP: the files that anybody may have, and the data for who may ask."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from profiler.service.api.app import Page, named
from profiler.service.api.operations import JSON
from profiler.service.api.problems import Problem
from profiler.service.api.requests import visitor_of
from profiler.service.live.state import LiveState

#: Built from `web/live`.
FILES = Path(__file__).parent / "page"

#: A browser gets a message so often while records come, and once a second while none does.
_BUSY_S, _IDLE_S = 0.25, 1.0
#: How soon the first record after a silence is seen.
_LOOK_S = 0.05
#: Streams at a time.
MOST_READERS = 32

#: No inline script or style, no other host, no frame, and no way from a text to HTML: whatever a
#: record holds, it stays text.
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
}


def live_page(state: LiveState, stopping: asyncio.Event) -> Page:
    """The routes.

    Args:
        state: the windows that are shown.
        stopping: ends the streams.
    """
    readers = asyncio.Semaphore(MOST_READERS)

    async def page(_request: Request) -> Response:
        return FileResponse(FILES / "index.html", headers=_HEADERS)

    async def live(_request: Request) -> Response:
        if readers.locked():
            detail = f"{MOST_READERS} live pages are open; close one"
            raise Problem(503, "busy", detail, {"Retry-After": "10"})
        # nginx would keep messages back until it has many.
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        messages = _messages(state, readers, stopping)
        return StreamingResponse(messages, media_type="text/event-stream", headers=headers)

    async def last_events(request: Request) -> Response:
        return Response(state.events_of(visitor_of(request)), media_type=JSON)

    return Page(
        open_routes=[
            named(Route("/", page)),
            named(Mount("/assets", StaticFiles(directory=FILES / "assets"))),
        ],
        guarded_routes=[
            named(Route("/v1/live", live)),
            named(Route("/v1/live/visitors/{id}", last_events)),
        ],
    )


async def _messages(
    state: LiveState, readers: asyncio.Semaphore, stopping: asyncio.Event
) -> AsyncIterator[bytes]:
    """Server-sent events, each made when the browser has taken the one before.

    So nothing queues up for a browser that is slow: it gets fewer messages, each of them up to
    date.
    """
    async with readers:
        after = 0
        while not stopping.is_set():
            version, sent_at = state.version, monotonic()
            message, after = state.message(after)
            yield b"data: " + message + b"\n\n"
            while not stopping.is_set():
                passed = monotonic() - sent_at
                if passed >= _IDLE_S or (passed >= _BUSY_S and state.version != version):
                    break
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stopping.wait(), _LOOK_S)
