"""The pages, as a client of HTTP meets them."""

import http.client
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from profiler.config.addresses import Address
from profiler.errors import ConfigError
from profiler.servers.ports import LOOPBACK, free_port
from profiler.service.asking import Answer, ask
from profiler.service.http import served

WRONG = "the loop has\nnot turned"


class Fixed:
    """Pages that do not change."""

    def metrics(self) -> bytes:
        """See `Pages.metrics`."""
        return b"profiler_info 1.0\n"

    def not_alive(self) -> str:
        """See `Pages.not_alive`."""
        return ""

    def not_ready(self) -> str:
        """See `Pages.not_ready`."""
        return WRONG


@pytest.fixture
def listen() -> Iterator[Address]:
    address = Address(LOOPBACK, free_port())
    with served(address, Fixed()) as where:
        assert where == f"http://{address}"
        yield address


def get(listen: Address, path: str, method: str = "GET") -> tuple[int, str, bytes]:
    with closing(http.client.HTTPConnection(*listen, timeout=5)) as connection:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"], response.read()


def test_pages(listen: Address) -> None:
    status, kind, body = get(listen, "/metrics?x=1")
    assert (status, body) == (200, b"profiler_info 1.0\n")
    assert kind.startswith("text/plain; version=")
    assert get(listen, "/healthz") == (200, "application/json", b'{"status": "well"}\n')
    expected = b'{"status": "unwell", "reason": "the loop has\\nnot turned"}\n'
    assert get(listen, "/readyz") == (503, "application/json", expected)
    assert get(listen, "/readyz", "HEAD") == (503, "application/json", b"")
    assert get(listen, "/")[0] == 404
    assert get(listen, "/metrics", "POST")[0] == 501


def test_a_client_that_says_nothing_holds_nobody_up(listen: Address) -> None:
    with socket.create_connection(listen):
        assert get(listen, "/healthz")[0] == 200


def test_the_port_is_free_again_at_once() -> None:
    address = Address(LOOPBACK, free_port())
    for _ in range(2):
        with served(address, Fixed()):
            assert get(address, "/healthz")[0] == 200
    with pytest.raises(ConnectionRefusedError):
        get(address, "/healthz")


def test_who_cannot_listen_says_where() -> None:
    with (
        pytest.raises(ConfigError, match=r"cannot listen at 192\.0\.2\.1:80: .*--metrics"),
        served(Address("192.0.2.1", 80), Fixed()),
    ):
        pass


def test_a_unix_socket_is_there_for_as_long_as_the_block() -> None:
    with tempfile.TemporaryDirectory(prefix="m", dir="/tmp") as directory:  # its name is short
        place = Path(directory) / "0"
        with served(place, Fixed()):
            assert ask(place, "/metrics") == Answer("", b"profiler_info 1.0\n")
            assert ask(place, "/readyz") == Answer(WRONG, b"")
        assert not place.exists()
        assert ask(place, "/healthz").reason.startswith("no answer (")
