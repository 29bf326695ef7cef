"""The stream to a browser, over a real connection: what is slow gets less, and it has an end."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import uvicorn
from starlette.applications import Starlette

from profiler.config.settings import TopicSettings
from profiler.records.types import Record
from profiler.rules.model import load_rules
from profiler.servers.processes import wait_until
from profiler.service.api import problems
from profiler.service.live import routes
from profiler.service.live.routes import live_page
from profiler.service.live.state import LiveState

TOPICS = TopicSettings()
PATIENCE_S = 30


class Counting(LiveState):
    """Counts the messages that are made."""

    made = 0

    def message(self, after: int) -> tuple[bytes, int]:
        """See `LiveState.message`."""
        self.made += 1
        return super().message(after)


class Service:
    """The page's routes on a port."""

    def __init__(self, state: LiveState) -> None:
        self._stopping = asyncio.Event()
        page = live_page(state, self._stopping)
        routes_ = [*page.open_routes, *page.guarded_routes]
        app = Starlette(routes=routes_, exception_handlers={problems.Problem: problems.told})
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        async def serve() -> None:
            self.loop = asyncio.get_running_loop()
            await self._server.serve([self._listening])

        asyncio.run(serve())

    def connect(self, path: str = "/v1/live", *, buffer: int = 0) -> socket.socket:
        """Ask for a stream; `buffer` is how much of it the kernel takes for us, in bytes."""
        line = socket.socket()
        if buffer:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        line.settimeout(PATIENCE_S)
        line.connect(self._listening.getsockname())
        line.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        return line

    def stop(self) -> None:
        """What `profiler serve` does when it is asked to end."""
        self.loop.call_soon_threadsafe(self._stopping.set)

    def close(self) -> None:
        """End, whatever is under way."""
        self.stop()
        self._server.should_exit = True
        self._thread.join()
        self._listening.close()


@pytest.fixture
def state() -> Counting:
    return Counting(load_rules("standard"), TOPICS, lag=lambda: None, is_guarded=False)


@pytest.fixture
def service(state: LiveState) -> Iterator[Service]:
    service = Service(state)
    try:
        yield service
    finally:
        service.close()


def event(number: int) -> Record:
    value = orjson.dumps({"profile_visitor_id": f"v{number}", "filler": "x" * 50})
    return Record(TOPICS.persisted, 0, number, 0, None, value, ())


def messages(line: socket.socket) -> Iterator[dict[str, Any]]:
    with line, line.makefile("rb") as lines:
        for each in lines:
            if each.startswith(b"data: "):
                yield orjson.loads(each[6:])


def test_a_record_after_a_silence_comes_at_once(state: Counting, service: Service) -> None:
    stream = messages(service.connect())
    assert next(stream)["events"] == []
    state.add([event(1)])
    assert next(message["events"] for message in stream if message["events"])[0]["visitor"] == "v1"


def test_nothing_queues_up_for_who_is_slow(
    state: Counting, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "_BUSY_S", 0)
    monkeypatch.setattr(routes, "_IDLE_S", 0)
    line = service.connect(buffer=4_096)
    made = -1

    def is_still() -> bool:
        nonlocal made
        before, made = made, state.made
        time.sleep(0.5)
        return made == before

    # Once the kernel's buffers are full, no message is made any more.
    assert wait_until(is_still, timeout=PATIENCE_S)
    state.add(map(event, range(200)))
    stopped = state.made
    time.sleep(0.5)
    assert state.made == stopped
    # Whoever reads on gets what was made, and then the latest of all that came.
    stream = messages(line)
    newest = next(message["events"] for message in stream if message["events"])
    assert newest[0]["visitor"] == "v199"
    assert len(newest) == 40
    line.close()


def test_streams_end_with_the_service(service: Service) -> None:
    stream = messages(service.connect())
    next(stream)
    service.stop()
    assert list(stream) == []


def test_so_many_pages_are_open_at_most(service: Service) -> None:
    streams = [messages(service.connect()) for _ in range(routes.MOST_READERS)]
    for stream in streams:
        next(stream)
    with service.connect() as refused:
        assert refused.recv(64).split()[1] == b"503"
