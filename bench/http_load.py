"""HTTP requests at an even rate over connections that stay open; open loop."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence

from profiler.config.addresses import Address

#: A server that keeps up leaves most of them idle.
_CONNECTIONS = 64


class Answered:
    """What became of the requests.

    Attributes:
        latencies_ms: ascending; from the time a request was due to the last byte of its answer, so
            that a load that falls behind is seen and not hidden.
        statuses: how many answers had which.
    """

    def __init__(self) -> None:
        self.latencies_ms: list[float] = []
        self.statuses: Counter[int] = Counter()

    def percentile(self, share: float) -> float:
        """The latency that this share of the requests did not exceed."""
        place = int(len(self.latencies_ms) * share)
        return self.latencies_ms[min(len(self.latencies_ms) - 1, place)]


def offer(at: Address, requests: Sequence[bytes], rate: int, warm_up: int) -> Answered:
    """Send requests at an even rate.

    Args:
        at: the server's address.
        requests: as they are sent, each with its head and body.
        rate: a second.
        warm_up: so many first ones do not count.
    """
    return asyncio.run(_Load(requests, rate, warm_up).run(at))


class _Load:
    """The requests, the connections, and what waits for one."""

    def __init__(self, requests: Sequence[bytes], rate: int, warm_up: int) -> None:
        self._requests = requests
        self._rate = rate
        self._warm_up = warm_up
        self._idle: deque[_Line] = deque()
        self._waiting: deque[int] = deque()
        self._left = len(requests)
        self._over = asyncio.Event()
        self._began = 0.0
        self._answered = Answered()

    async def run(self, at: Address) -> Answered:
        loop = asyncio.get_running_loop()
        for _ in range(_CONNECTIONS):
            _, line = await loop.create_connection(_Line, *at)
            self._idle.append(line)
        lines = list(self._idle)
        self._began = time.perf_counter()
        for number in range(len(self._requests)):
            await asyncio.sleep(max(0.0, self._due(number) - time.perf_counter()))
            if self._idle:
                self._send(number)
            else:
                self._waiting.append(number)
        await self._over.wait()
        for line in lines:
            line.close()
        self._answered.latencies_ms.sort()
        return self._answered

    def _due(self, number: int) -> float:
        return self._began + number / self._rate

    def _send(self, number: int) -> None:
        line = self._idle.popleft()
        line.send(self._requests[number], lambda status: self._done(line, number, status))

    def _done(self, line: "_Line", number: int, status: int) -> None:
        if number >= self._warm_up:
            late_s = time.perf_counter() - self._due(number)
            self._answered.latencies_ms.append(late_s * 1_000)
            self._answered.statuses[status] += 1
        self._idle.append(line)
        if self._waiting:
            self._send(self._waiting.popleft())
        self._left -= 1
        if not self._left:
            self._over.set()


class _Line(asyncio.Protocol):
    """One connection; one request at a time."""

    _transport: asyncio.Transport
    _done: Callable[[int], None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a stream
        self._transport = transport
        self._found = bytearray()

    def send(self, request: bytes, done: Callable[[int], None]) -> None:
        self._done = done
        self._transport.write(request)

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._found += data
        head, end, body = self._found.partition(b"\r\n\r\n")
        if not end:
            return
        _, _, length = head.lower().partition(b"\r\ncontent-length: ")
        if len(body) >= int(length.partition(b"\r\n")[0] or b"0"):
            status = int(head[9:12])
            self._found.clear()
            self._done(status)
