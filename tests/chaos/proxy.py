"""A TCP proxy in this process that delays, swallows, cuts and moves what goes through it."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeVar

from profiler.servers.ports import LOOPBACK, free_port

if TYPE_CHECKING:
    from collections.abc import Coroutine

Result = TypeVar("Result")

_READ_BYTES = 1 << 16
_PATIENCE_S = 10.0
#: SO_LINGER: on, for no time.
_AT_ONCE = struct.pack("ii", 1, 0)


@dataclass
class Direction:
    """What is done with the bytes of one direction.

    Attributes:
        delay_s: they arrive so much later, in order.
        swallows: they never arrive; a connection that lost some is cut when this ends.
        cut_after: each connection is cut when so many bytes have come; None: it is not.
    """

    delay_s: float = 0.0
    swallows: bool = False
    cut_after: int | None = None


@dataclass(eq=False)
class _Connection:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    has_hole: bool = False

    def cut(self) -> None:
        for writer in (self.client, self.server):
            _reset(writer)
        for task in self.tasks:
            task.cancel()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a RST: the other side gets an error, and no end of the stream."""
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    writer.transport.abort()


class Proxy:
    """Stands before a server on loopback, for as long as its `with` block runs.

    Args:
        target: the port that new connections lead to; may be changed at any time.
        port: its own; 0 for any free one.

    Attributes:
        requests: what goes to the server.
        replies: what comes from it.
        refuses: whether new connections are cut at once.
    """

    def __init__(self, target: int, *, port: int = 0) -> None:
        self.target = target
        self.port = port or free_port()
        self.requests, self.replies = Direction(), Direction()
        self.refuses = False
        self._open: set[_Connection] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._accepted, LOOPBACK, self.port))
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_S)
        self._loop.close()

    def cut(self) -> None:
        """Reset all connections."""
        self._do(self._cut(only_with_holes=False))

    def swallow(self, *directions: Direction) -> None:
        """Let what goes in these directions vanish from now on."""
        for direction in directions:
            direction.swallows = True

    def heal(self) -> None:
        """Let everything through again; what has lost bytes is reset."""
        self.refuses = False
        for direction in (self.requests, self.replies):
            direction.delay_s, direction.swallows, direction.cut_after = 0.0, False, None
        self._do(self._cut(only_with_holes=True))

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._cut(only_with_holes=False)
        # Their tasks end before the loop does.
        await asyncio.gather(*self._serving)

    async def _cut(self, *, only_with_holes: bool) -> None:
        for connection in list(self._open):
            if connection.has_hole or not only_with_holes:
                connection.cut()

    async def _accepted(
        self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._serve(from_client, to_client)
        finally:
            self._serving.discard(task)

    async def _serve(
        self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        if self.refuses:
            _reset(to_client)
            return
        try:
            from_server, to_server = await asyncio.open_connection(LOOPBACK, self.target)
        except OSError:
            _reset(to_client)
            return
        connection = _Connection(to_client, to_server)
        self._open.add(connection)
        ways = ((from_client, to_server, self.requests), (from_server, to_client, self.replies))
        connection.tasks = [asyncio.ensure_future(self._carry(connection, *way)) for way in ways]
        await asyncio.wait(connection.tasks, return_when=asyncio.FIRST_COMPLETED)
        connection.cut()
        self._open.discard(connection)
        await asyncio.gather(*connection.tasks, return_exceptions=True)

    async def _carry(
        self,
        connection: _Connection,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        direction: Direction,
    ) -> None:
        """One direction; a second task writes, so that a delay holds nothing up behind it."""
        due: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def write() -> None:
            while True:
                at, data = await due.get()
                if (wait_s := at - self._loop.time()) > 0:
                    await asyncio.sleep(wait_s)
                sink.write(data)
                await sink.drain()
                due.task_done()

        writing = asyncio.ensure_future(write())
        connection.tasks.append(writing)
        count, has_hole = 0, False
        with suppress(OSError):
            while data := await source.read(_READ_BYTES):
                count += len(data)
                if direction.swallows or has_hole:
                    # Behind a hole the rest would make no sense to the other side.
                    has_hole = connection.has_hole = True
                    continue
                if direction.cut_after is not None and count > direction.cut_after:
                    break
                due.put_nowait((self._loop.time() + direction.delay_s, data))
            else:
                await due.join()  # the sender has closed: the rest still arrives

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)
