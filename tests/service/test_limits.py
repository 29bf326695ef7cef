"""How much may be asked, how fast, and how slowly."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.service.running import TOKEN, Service, until_closed

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from tests.integration.visitors import Visitors

HEAD = f"POST /v1/visitors:batch HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
JSON = "Content-Type: application/json\r\n"


@pytest.fixture(scope="module")
def impatient(visitors: Visitors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that waits for a second, and takes small requests."""
    settings = {
        "redis__url": visitors.url,
        "rules": visitors.rules_path,
        "serve__timeout_s": "1",
        "serve__max_body_bytes": "1024",
    }
    with Service(tmp_path_factory.mktemp("impatient"), settings) as running:
        yield running


def sent(service: Service, text: str) -> bytes:
    """What comes for these bytes, until the service closes the connection."""
    with service.connect() as line:
        line.sendall(text.encode("latin-1"))
        return until_closed(line)


@pytest.mark.parametrize(
    "beginning",
    ["", "GET", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n", "POST /login HTTP/1.1\r\nA: "],
    ids=["nothing", "a word", "no end", "half a header"],
)
@pytest.mark.field(
    kind="connections",
    meets="a client that sends its request to profiler serve slowly, or never ends it",
    happens="the connection is closed after serve.timeout_s",
)
def test_a_head_that_does_not_end_costs_the_connection(impatient: Service, beginning: str) -> None:
    assert sent(impatient, beginning) == b""


def test_a_body_that_does_not_end_is_too_slow(impatient: Service) -> None:
    answer = sent(impatient, f"{HEAD}{JSON}Content-Length: 100\r\n\r\n{{")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"too_slow"' in answer


def dripped(service: Service, head: str) -> bytes:
    """What comes for a head, and for a body that comes a byte every tenth of a second."""
    over = threading.Event()

    def drip(line: socket.socket) -> None:
        while not over.wait(0.1):
            try:
                line.sendall(b" ")
            except OSError:
                return

    with service.connect() as line, ThreadPoolExecutor(1) as pool:
        line.sendall(head.encode())
        pool.submit(drip, line)
        try:
            return until_closed(line)
        finally:
            over.set()


def test_a_body_that_comes_drop_by_drop_is_too_slow(impatient: Service) -> None:
    answer = dripped(impatient, f"{HEAD}{JSON}Content-Length: 1000\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_what_drips_behind_an_answer_costs_the_connection(impatient: Service) -> None:
    """A body that nobody reads, of a request that is answered."""
    head = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
    assert dripped(impatient, head).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("length", ["1025", "99999999999999999999"])
def test_a_body_that_says_it_is_too_large_is_not_read(impatient: Service, length: str) -> None:
    answer = sent(impatient, f"{HEAD}{JSON}Content-Length: {length}\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_body_in_chunks_is_read_up_to_the_limit(impatient: Service) -> None:
    chunk = "400\r\n" + "a" * 1024 + "\r\n"
    answer = sent(
        impatient, f"{HEAD}{JSON}Transfer-Encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Length: -1\r\n",
        "Content-Length: 1e3\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 0x10\r\n",
        "Content-Length: +5\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: gzip\r\n",
        "no colon\r\n",
        "A : b\r\n",
        "A: \x00\r\n",
    ],
    ids=lambda headers: headers[:24].strip(),
)
def test_a_forged_head_is_refused(impatient: Service, headers: str) -> None:
    answer = sent(impatient, f"{HEAD}{JSON}{headers}\r\n")
    assert answer[:12] in {b"HTTP/1.1 400", b"HTTP/1.1 501"}, answer[:200]
    assert impatient.ask("GET", "/healthz").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        "A" * 20_000 + ": b\r\n",
        "A: " + "b" * 20_000 + "\r\n",
        "A: b\r\n" * 10_000,
        "A: " + "b" * 1_000_000,
    ],
    ids=["a name", "a value", "many", "no end"],
)
def test_a_head_that_is_too_large_is_refused(impatient: Service, headers: str) -> None:
    answer = sent(impatient, f"{HEAD}{JSON}{headers}\r\n")
    assert not answer or answer[:12] in {b"HTTP/1.1 431", b"HTTP/1.1 400"}, answer[:200]
    assert b"bad_json" not in answer
    assert impatient.ask("GET", "/healthz").status == 200


def test_a_path_that_is_too_large_is_refused(impatient: Service) -> None:
    assert impatient.ask("GET", "/v1/visitors/" + "x" * 20_000).status in {400, 431}


def test_a_length_beside_chunks_is_no_second_request(impatient: Service) -> None:
    """What a proxy might take for another request's beginning."""
    smuggled = "GET /v1/stats HTTP/1.1\r\nHost: localhost\r\n\r\n"
    body = (
        f"Content-Length: {len(smuggled)}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
    )
    answer = sent(impatient, f"{HEAD}{JSON}{body}")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"two_lengths" in answer
    assert answer.count(b"HTTP/1.1 ") == 1
