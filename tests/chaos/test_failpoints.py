"""Failpoints and the proxy do what a row asks of them."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from profiler.errors import TransportError
from profiler.servers.ports import LOOPBACK
from tests.chaos.failpoints import Failpoint, Failpoints, parsed
from tests.chaos.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Adapter:
    """Counts what it does."""

    def __init__(self) -> None:
        self.sent = 0

    def send(self, count: int) -> int:
        """Send so many."""
        self.sent += count
        return self.sent


def test_what_is_written_is_read_again() -> None:
    failpoints = [Failpoint("a.b.before", 3, "kill"), Failpoint("a.c.after", 1, "sleep", 2.5)]
    assert parsed(",".join(map(str, failpoints))) == failpoints
    assert parsed("") == []
    with pytest.raises(ValueError, match="no failpoint"):
        parsed("a.b.before:1:explode")


@pytest.mark.parametrize(("side", "sent"), [("before", 1), ("after", 2)])
def test_a_point_acts_at_its_turn_and_on_its_side(side: str, sent: int, tmp_path: Path) -> None:
    adapter, trace = Adapter(), tmp_path / "trace"
    points = Failpoints([Failpoint(f"producer.send.{side}", 2, "raise")], trace)
    guarded = points.around(adapter, "producer", ["send"])
    assert guarded.send(1) == 1
    with pytest.raises(TransportError, match="failpoint"):
        guarded.send(1)
    assert adapter.sent == guarded.sent == sent
    assert guarded.send(1) == sent + 1
    assert trace.read_text().split() == ["producer.send.before", "producer.send.after"]


@contextmanager
def echo() -> Iterator[int]:
    """A server that sends back what it gets, by its port."""
    with socket.create_server((LOOPBACK, 0)) as listener:

        def serve(connection: socket.socket) -> None:
            with connection, suppress(ConnectionResetError):
                while data := connection.recv(100):
                    connection.sendall(data)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def through(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection((LOOPBACK, proxy.port), timeout=0.5) as connection:
        yield connection


def test_the_proxy_delays_and_keeps_the_order() -> None:
    with echo() as port, Proxy(port) as proxy, through(proxy) as connection:
        connection.sendall(b"at once")
        assert connection.recv(100) == b"at once"
        proxy.requests.delay_s = proxy.replies.delay_s = 0.1
        began = time.monotonic()
        connection.sendall(b"later")
        assert connection.recv(100) == b"later"
        assert time.monotonic() - began >= 0.2


def test_what_is_swallowed_never_comes_and_its_connection_is_reset_at_the_end() -> None:
    with echo() as port, Proxy(port) as proxy, through(proxy) as hit, through(proxy) as idle:
        idle.sendall(b"a")
        assert idle.recv(100) == b"a"
        proxy.swallow(proxy.replies)
        hit.sendall(b"b")
        with pytest.raises(TimeoutError):
            hit.recv(100)
        proxy.heal()
        with pytest.raises(ConnectionResetError):
            hit.recv(100)
        idle.sendall(b"c")
        assert idle.recv(100) == b"c"


def test_the_proxy_cuts_after_so_many_bytes_and_leads_elsewhere() -> None:
    with echo() as port, Proxy(port) as proxy:
        proxy.requests.cut_after = 10
        with through(proxy) as connection:
            connection.sendall(b"12345")
            assert connection.recv(100) == b"12345"
            connection.sendall(b"678901")
            with pytest.raises(ConnectionResetError):
                connection.recv(100)
        proxy.heal()
        proxy.refuses = True
        # The reset may come before `connect` returns.
        with pytest.raises(ConnectionResetError), through(proxy) as connection:
            connection.recv(100)
