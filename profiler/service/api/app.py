"""The app: routes made of operations, and what goes around all of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from profiler.service.api import problems
from profiler.service.api.about import about_operations
from profiler.service.api.auth import Guarded
from profiler.service.api.backend import Backend
from profiler.service.api.health import HealthChecks
from profiler.service.api.limits import Bounded, RateLimited, TokenBuckets
from profiler.service.api.login import Login
from profiler.service.api.openapi import with_description
from profiler.service.api.operations import Handler, Method, Operation, Operations
from profiler.service.api.seen import Named, Seen
from profiler.service.api.shell import Shell
from profiler.service.api.visitors import Visitors


@dataclass(frozen=True)
class Page:
    """The routes of the live page.

    Attributes:
        open_routes: for everybody: its HTML, scripts and styles, which hold no data.
        guarded_routes: for those who may ask: its data, by GET alone.
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
    slots = asyncio.Semaphore(limits.max_concurrent)
    operations = operations_of(backend)

    def bounded(app: ASGIApp) -> ASGIApp:
        return Bounded(app, slots, limits.timeout_s)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with backend.running():
            yield

    guarded = [
        *_routes((each for each in operations if not each.is_open), bounded),
        *page.guarded_routes,
    ]
    return Starlette(
        routes=[
            *_routes((each for each in operations if each.is_open), bounded),
            *page.open_routes,
            Mount(
                "",
                routes=guarded,
                middleware=[Middleware(Guarded, authenticator=backend.authenticator)],
            ),
        ],
        middleware=[
            Middleware(Seen, store=backend.store, is_logged=limits.access_log),
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


def _routes(
    operations: Iterable[Operation], bounded: Callable[[ASGIApp], ASGIApp]
) -> Iterator[BaseRoute]:
    """A route a path, which knows all of its methods."""
    by_path = sorted(operations, key=lambda each: each.path)
    for path, those in groupby(by_path, key=lambda each: each.path):
        handlers = {each.method: each.handler for each in those}
        route = Route(path, _by_method(handlers), methods=list(handlers))
        route.app = bounded(route.app)
        yield named(route)


def _by_method(handlers: Mapping[Method, Handler]) -> Handler:
    async def answer(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await handlers[cast("Method", method)](request)  # the route has no other

    return answer
