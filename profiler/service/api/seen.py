"""How the service is seen: a line of the log and metrics for each request, without any id."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from profiler.service import metrics
from profiler.service.api.access_log import AccessLog
from profiler.service.store import Store

#: Of a request that no route took.
NO_ROUTE = "(none)"

_SAFE_METHODS = frozenset(["GET", "HEAD"])
_METHODS = frozenset(["GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"])

#: Where the route is named, once it is known; what stands in the path may be an id.
TEMPLATE = "profiler.template"


class Seen:
    """Calls an app, and tells of each request what became of it.

    Args:
        app: what is called.
        store: takes the metrics.
        log: takes a line for each request; None for none.
    """

    def __init__(self, app: ASGIApp, store: Store, log: AccessLog | None) -> None:
        self._app = app
        self._store = store
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call, and tell."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, size, began = 0, 0, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                size += len(message.get("body", b""))
            await send(message)

        # The router may copy the scope, so what it finds out goes into an object.
        route = scope[TEMPLATE] = [NO_ROUTE]
        try:
            await self._app(scope, receive, watched)
        finally:
            took = time.perf_counter() - began
            method = scope["method"] if scope["method"] in _METHODS else "(other)"
            self._count(method, route[0], status, took)
            if self._log is not None:
                self._log.add(
                    at_once=method not in _SAFE_METHODS,
                    method=method,
                    route=route[0],
                    status=status,
                    bytes=size,
                    took_ms=round(took * 1_000, 2),
                )

    def _count(self, method: str, route: str, status: int, took_s: float) -> None:
        with self._store.together():
            self._store.add(metrics.HTTP_REQUESTS, 1, method, route, str(status))
            self._store.observe(metrics.HTTP_SECONDS, [took_s], route)


class Named:
    """Calls an app, and names the route for `Seen`.

    Args:
        app: what is called.
        template: the route's path, with the names of its parts in place of them.
    """

    def __init__(self, app: ASGIApp, template: str) -> None:
        self._app = app
        self._template = template

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Name it, and call."""
        if TEMPLATE in scope:
            scope[TEMPLATE][0] = self._template
        await self._app(scope, receive, send)
