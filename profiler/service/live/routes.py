"""The live page over HTTP: the files that anybody may have, and the data for who has the token."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from profiler.service.live.state import LiveState

PAGE = Path(__file__).parent / "page"

#: A browser gets a message so often while records come, and once a second while none does.
_BUSY_S, _IDLE_TURNS = 0.25, 4
#: Streams at a time.
_MOST_READERS = 32

#: No inline script or style, no other host, no frame: whatever a record holds, it stays text.
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def page_routes() -> list[BaseRoute]:
    """The page itself: it holds nothing of anybody, so it needs no token."""

    async def page(_request: Request) -> Response:
        return FileResponse(PAGE / "index.html", headers=PAGE_HEADERS)

    return [Route("/", page), Mount("/assets", StaticFiles(directory=PAGE / "assets"))]


def live_routes(state: LiveState) -> list[BaseRoute]:
    """The data; whoever mounts them asks for the token.

    Args:
        state: the windows.
    """
    readers = asyncio.Semaphore(_MOST_READERS)

    async def live(_request: Request) -> Response:
        if readers.locked():
            message = f"{_MOST_READERS} live pages are open already; close one, or try again"
            return JSONResponse({"error": message}, 503, headers={"Retry-After": "10"})
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(
            _messages(state, readers), media_type="text/event-stream", headers=headers
        )

    async def last_events(request: Request) -> Response:
        body = state.events_of(request.path_params["visitor_id"])
        return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})

    return [
        Route("/v1/live", live),
        Route("/v1/live/visitors/{visitor_id:path}", last_events),
    ]


async def _messages(state: LiveState, readers: asyncio.Semaphore) -> AsyncIterator[bytes]:
    """Server-sent events, each made when the browser has taken the one before.

    So nothing queues up for a browser that is slow: it gets fewer messages, each of them up to
    date.
    """
    async with readers:
        after, version = 0, -1
        while True:
            version = state.version
            message, after = state.message(after)
            yield b"data: " + message + b"\n\n"
            for _ in range(_IDLE_TURNS):
                await asyncio.sleep(_BUSY_S)
                if state.version != version:
                    break
