"""How much one client, and all of them, may ask; and how slowly."""

import asyncio
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from profiler.service.api.problems import Problem

#: Clients that are remembered; who was not seen for longest is forgotten first.
_MOST_CLIENTS = 10_000
_IPV6_NETWORK = 64


class TokenBuckets:
    """Most requests a second of each client; one that was silent may ask a second's at once.

    Args:
        per_s: so many; 0 for no limit.
        clock: seconds, monotonic.
    """

    def __init__(self, per_s: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._clock = clock
        #: By client, what is left of its second, and when that was so.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> bool:
        """Count a request; whether it is within the limit."""
        if not self._per_s:
            return True
        now = self._clock()
        left, at = self._left.pop(client, (float(self._per_s), now))
        left = min(float(self._per_s), left + (now - at) * self._per_s)
        is_within = left >= 1
        self._left[client] = (left - is_within, now)
        if len(self._left) > _MOST_CLIENTS:
            self._left.popitem(last=False)
        return is_within


class RateLimited:
    """Calls an app, unless a client asks too often.

    Args:
        app: what is called.
        buckets: count the requests.
    """

    def __init__(self, app: ASGIApp, buckets: TokenBuckets) -> None:
        self._app = app
        self._buckets = buckets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count, and pass on."""
        if scope["type"] == "http" and not self._buckets.take(client_of(scope)):
            detail = "too many requests of this address; ask again in a second"
            problem = Problem(429, "too_many_requests", detail, {"Retry-After": "1"})
            await problem.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)


def client_of(scope: Scope) -> str:
    """Whom a request is counted for: an address, of IPv6 the network that one customer has."""
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 4 or address.ipv4_mapped:  # noqa: PLR2004 - IPv4
        return host
    return str(ipaddress.ip_network((address, _IPV6_NETWORK), strict=False))


class Bounded:
    """Calls an app for so many requests at a time, and for so long.

    Args:
        app: what is called.
        slots: how many more may be called now.
        timeout_s: for each call, from its head to its last byte.
    """

    def __init__(self, app: ASGIApp, slots: asyncio.Semaphore, timeout_s: float) -> None:
        self._app = app
        self._slots = slots
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or say why not.

        Raises:
            Problem: too much is under way, or it took too long.
        """
        if self._slots.locked():
            detail = "too many requests are under way; ask again"
            raise Problem(503, "busy", detail, {"Retry-After": "1"})
        async with self._slots:
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._app(scope, receive, send)
            except TimeoutError as error:
                detail = f"no answer within {self._timeout_s:g} s; ask again"
                raise Problem(503, "timeout", detail, {"Retry-After": "1"}) from error


async def body_of(request: Request, *, most: int, within_s: float) -> bytes:
    """A request's body.

    Args:
        request: with a body that nobody has read.
        most: bytes that it may have.
        within_s: how long it may be on its way.

    Raises:
        Problem: it has more, or is too slow.
    """
    close = {"Connection": "close"}
    too_large = Problem(413, "too_large", f"a request has at most {most} bytes", close)
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > most:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(within_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise too_large
    except TimeoutError as error:
        detail = f"the request did not arrive within {within_s:g} s"
        raise Problem(408, "too_slow", detail, close) from error
    except ClientDisconnect as error:
        raise Problem(400, "cut_off", "the request ended before its end", close) from error
    return bytes(body)
