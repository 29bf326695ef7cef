"""The shop's pages and its collector, as a Starlette application."""

import threading
import time
from functools import partial
from itertools import count
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from profiler.demo.shop.snowplow import Collected, PayloadError, events_of, record_of
from profiler.errors import TransportError
from profiler.kafka.protocol import Producer
from profiler.records.types import OutputRecord
from profiler.servers.ports import LOOPBACK

PAGES = Path(__file__).parent / "pages"

#: Of a request to the collector; the tracker sends 40,000 at most.
_MOST_BYTES = 65_536
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
#: What trackers and proxies send on a bad day: JSON that ends too early, with a script in it.
_BROKEN = b'{"query":[{"name":"title","value":"<script>alert(\'not me\')</script>\xff'


class Collector:
    """Writes events to the topic of the pipeline's input; any thread may call it."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer = producer
        self._topic = topic
        self._numbers = count()
        # A producer's calls come from one thread at a time.
        self._lock = threading.Lock()

    def collect(self, events: list[dict[str, str]], user_agent: str) -> None:
        """Write events; returns when they are acknowledged.

        Raises:
            PayloadError: one of them is none; nothing is written.
            TransportError: see `Producer.send`.
        """
        now = time.time_ns() // 1_000_000
        self._send(
            [
                record_of(event, received_ms=now, user_agent=user_agent, number=next(self._numbers))
                for event in events
            ]
        )

    def break_one(self) -> None:
        """Write a record that is not JSON. Raises as `Producer.send`."""
        self._send([Collected(None, _BROKEN)])

    def _send(self, collected: list[Collected]) -> None:
        now = time.time_ns() // 1_000_000
        with self._lock:
            self._producer.send(
                OutputRecord(self._topic, each.key, each.value, (), now) for each in collected
            )


def shop_app(collector: Collector, *, live_page: str) -> Starlette:
    """Build the application.

    Args:
        collector: takes what the tracker sends.
        live_page: the address of the live page, with its token; the pages link to it.
    """

    async def demo(_request: Request) -> Response:
        return JSONResponse({"live_page": live_page}, headers=_HEADERS)

    async def posted(request: Request) -> Response:
        if int(request.headers.get("content-length", _MOST_BYTES + 1)) > _MOST_BYTES:
            return PlainTextResponse("too large", 413)
        return await _collected(events_of(await request.body()), request)

    async def pixel(request: Request) -> Response:
        return await _collected([dict(request.query_params)], request)

    async def broken(_request: Request) -> Response:
        await run_in_threadpool(collector.break_one)
        return Response(status_code=204)

    async def _collected(events: list[dict[str, str]], request: Request) -> Response:
        agent = request.headers.get("user-agent", "")
        await run_in_threadpool(collector.collect, events, agent)
        return Response(status_code=204)

    return Starlette(
        routes=[
            Route("/", partial(_page, "home")),
            *(Route(f"/{name}", partial(_page, name)) for name in ("tent", "checkout")),
            Route("/demo.json", demo),
            Route("/com.snowplowanalytics.snowplow/tp2", posted, methods=["POST"]),
            Route("/i", pixel),
            Route("/broken", broken, methods=["POST"]),
            Mount("/assets", StaticFiles(directory=PAGES / "assets")),
        ],
        # Else a page elsewhere, whose name is made to resolve to loopback, could read the token.
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=[LOOPBACK, "localhost"]),
        ],
        exception_handlers={PayloadError: _refused, TransportError: _unavailable},
    )


async def _page(name: str, _request: Request) -> Response:
    return FileResponse(PAGES / f"{name}.html", headers=_HEADERS)


async def _refused(_request: Request, error: Exception) -> Response:
    return PlainTextResponse(str(error), 400)


async def _unavailable(_request: Request, error: Exception) -> Response:
    return PlainTextResponse(str(error), 503)
