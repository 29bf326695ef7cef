"""The app: routes made of operations, and what goes around all of them."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import groupby

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route, request_response
from starlette.types import Receive, Scope, Send

from profiler.config.settings import ServeSettings
from profiler.service.api import problems
from profiler.service.api.about import about_operations
from profiler.service.api.access_log import AccessLog
from profiler.service.api.auth import Guarded
from profiler.service.api.backend import Backend
from profiler.service.api.health import HealthChecks
from profiler.service.api.limits import Bounded, RateLimited, TokenBuckets
from profiler.service.api.login import Login
from profiler.service.api.openapi import with_description
from profiler.service.api.operations import Handler, Operation, Operations
from profiler.service.api.seen import Named, Seen
from profiler.service.api.shell import Shell
from profiler.service.api.visitors import Visitors


@dataclass(frozen=True)
class Page:
    """The routes of the live page.

    Attributes:
        open_routes: for everybody: its HTML, scripts and styles, which hold no data.
        guarded_routes: for callers who may ask: its data, by GET alone.
    """

    open_routes: Sequence[BaseRoute] = ()
    guarded_routes: Sequence[BaseRoute] = ()


def create_app(backend: Backend, page: Page | None = None) -> Starlette:
    """The whole service.

    What is not open needs the token, also a path that does not exist. An answer that has no
    headers of its own gets safe ones (`SAFE_HEADERS`); a page sets its own policy for content.

    Args:
        backend: what the handlers work with.
        page: further routes; `named` ones, so that the log and the metrics name them.
    """
    page = page or Page()
    limits = backend.settings.serve
    operations = operations_of(backend)
    log = AccessLog() if limits.access_log else None

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with backend.running():
            yield
        if log is not None:
            log.flush()

    open_routes = [
        *_routes((each for each in operations if each.is_open), limits),
        *page.open_routes,
    ]
    guarded_routes = [
        *_routes((each for each in operations if not each.is_open), limits),
        *page.guarded_routes,
    ]
    return Starlette(
        routes=[
            *open_routes,
            Mount(
                "",
                routes=guarded_routes,
                middleware=[Middleware(Guarded, authenticator=backend.authenticator)],
            ),
        ],
        middleware=[
            Middleware(Seen, store=backend.store, log=log),
            Middleware(Shell, is_open=not backend.authenticator.has_token),
            Middleware(RateLimited, buckets=TokenBuckets(limits.requests_per_s)),
        ],
        exception_handlers={
            problems.Problem: problems.told,
            HTTPException: problems.told_of_route,
        },
        lifespan=lifespan,
    )


def operations_of(backend: Backend) -> Operations:
    """What the API offers."""
    operations = [
        *HealthChecks(backend).operations(),
        *Login(backend.authenticator, backend.settings.serve).operations(),
        *Visitors(backend).operations(),
        *about_operations(backend),
    ]
    return with_description(operations, backend.rules)


def named(route: Route | Mount) -> Route | Mount:
    """A route that the log and the metrics know by its path's template."""
    route.app = Named(route.app, route.path)
    return route


def _routes(operations: Iterable[Operation], limits: ServeSettings) -> Iterator[BaseRoute]:
    """A route a path, which knows all of its methods, and has slots of its own.

    So strangers who log in slowly keep neither a caller waiting nor a probe.
    """
    by_path = sorted(operations, key=lambda each: each.path)
    for path, those in groupby(by_path, key=lambda each: each.path):
        here = list(those)
        # A body has its own time to arrive.
        timeout_s = limits.timeout_s * (1 + any(each.body for each in here))
        slots = asyncio.Semaphore(limits.max_concurrent)
        bounded = Bounded(_ByMethod({each.method: each.handler for each in here}), slots, timeout_s)
        yield Route(path, Named(bounded, path))


class _ByMethod:
    """Calls the handler of a request's method."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._apps = {method: request_response(handler) for method, handler in handlers.items()}
        if "GET" in self._apps:
            self._apps["HEAD"] = self._apps["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in self._apps:
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(self._apps))})
        await self._apps[scope["method"]](scope, receive, send)
