"""How much may be asked, how fast, and how slowly."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.service.running import BEARER, TOKEN, Service, until_closed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import MakeStore
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
def test_a_head_that_does_not_end_costs_the_connection(impatient: Service, beginning: str) -> None:
    assert sent(impatient, beginning) == b""


def test_a_body_that_does_not_end_is_too_slow(impatient: Service) -> None:
    answer = sent(impatient, f"{HEAD}{JSON}Content-Length: 100\r\n\r\n{{")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"too_slow"' in answer


def test_a_body_that_comes_drop_by_drop_is_too_slow(impatient: Service) -> None:
    over = threading.Event()
    with impatient.connect() as line:
        line.sendall(f"{HEAD}{JSON}Content-Length: 1000\r\n\r\n".encode())

        def drip() -> None:
            while not over.wait(0.1):
                try:
                    line.sendall(b" ")
                except OSError:
                    return

        with ThreadPoolExecutor(1) as pool:
            pool.submit(drip)
            answer = until_closed(line)
            over.set()
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_what_drips_behind_an_answer_costs_the_connection(impatient: Service) -> None:
    """A body that nobody reads, of a request that is answered."""
    over = threading.Event()
    with impatient.connect() as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")

        def drip() -> None:
            while not over.wait(0.1):
                try:
                    line.sendall(b" ")
                except OSError:
                    return

        with ThreadPoolExecutor(1) as pool:
            pool.submit(drip)
            answer = until_closed(line)
            over.set()
    assert answer.startswith(b"HTTP/1.1 200 ")


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


def test_a_client_that_asks_too_often_is_told_to_wait(visitors: Visitors, tmp_path: Path) -> None:
    settings = {
        "redis__url": visitors.url,
        "rules": visitors.rules_path,
        "serve__requests_per_s": "5",
    }
    with Service(tmp_path, settings) as service:
        answers = [service.ask("GET", "/healthz", {}) for _ in range(50)]
        statuses = [each.status for each in answers]
        assert statuses[:5] == [200] * 5
        refused = next(each for each in answers if each.status == 429)
        assert (refused.code, refused.headers["retry-after"]) == ("too_many_requests", "1")
        service.wait_for(lambda: service.ask("GET", "/healthz", {}).status == 200)


def test_who_is_believed_names_the_client(visitors: Visitors, tmp_path: Path) -> None:
    settings = {
        "redis__url": visitors.url,
        "rules": visitors.rules_path,
        "serve__requests_per_s": "3",
        "serve__trusted_proxies": "127.0.0.0/8",
    }
    with Service(tmp_path, settings) as service:
        for number in range(20):
            named = {"X-Forwarded-For": f"192.0.2.{number}"}
            assert service.ask("GET", "/healthz", named).status == 200
        same = [
            service.ask("GET", "/healthz", {"X-Forwarded-For": "192.0.2.99"}) for _ in range(20)
        ]
        assert 429 in {each.status for each in same}


def test_nobody_is_believed_by_default(visitors: Visitors, tmp_path: Path) -> None:
    settings = {
        "redis__url": visitors.url,
        "rules": visitors.rules_path,
        "serve__requests_per_s": "3",
    }
    with Service(tmp_path, settings) as service:
        named = [{"X-Forwarded-For": f"192.0.2.{number}"} for number in range(20)]
        assert 429 in {service.ask("GET", "/healthz", each).status for each in named}


def test_more_than_fits_at_once_is_told_to_come_again(
    private_store: MakeStore, tmp_path: Path
) -> None:
    store = private_store()
    settings = {"redis__url": store.url, "serve__max_concurrent": "2", "serve__timeout_s": "3"}
    with Service(tmp_path, settings) as service:
        assert service.read("ada").status == 404
        os.kill(store.pid, signal.SIGSTOP)
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda _: service.read("ada"), range(6)))
        codes = sorted(each.code for each in answers)
        assert codes == ["busy"] * 4 + ["timeout"] * 2
        assert {each.status for each in answers} == {503}
        assert {each.headers["retry-after"] for each in answers} == {"1"}
        assert service.ask("GET", "/healthz").status == 200
        os.kill(store.pid, signal.SIGCONT)
        service.wait_for(lambda: service.read("ada").status == 404)


def test_strangers_who_log_in_slowly_keep_no_caller_waiting(
    visitors: Visitors, tmp_path: Path
) -> None:
    settings = {
        "redis__url": visitors.url,
        "rules": visitors.rules_path,
        "serve__max_concurrent": "1",
    }
    head = f"POST /login HTTP/1.1\r\nHost: localhost\r\n{JSON}Content-Length: 9\r\n\r\n"
    with Service(tmp_path, settings) as service, service.connect() as line:
        line.sendall(head.encode())
        service.wait_for(lambda: service.send_json("/login", {"token": TOKEN}, {}).status == 503)
        assert service.ask("GET", "/v1/stats").status == 200


def test_a_redis_that_is_away_is_waited_for(private_store: MakeStore, tmp_path: Path) -> None:
    store = private_store()
    with Service(tmp_path, {"redis__url": store.url}) as service:
        assert service.ask("GET", "/readyz").status == 200
        store.stop()
        for method in ("GET", "DELETE"):
            answer = service.ask(method, "/v1/visitors/ada", BEARER)
            assert (answer.status, answer.code) == (503, "redis_unavailable")
        service.wait_for(lambda: service.ask("GET", "/readyz").status == 503)
        assert service.ask("GET", "/healthz").status == 200
        store.start()
        service.wait_for(lambda: service.read("ada").status == 404)
        service.wait_for(lambda: service.ask("GET", "/readyz").status == 200)


def test_it_starts_while_redis_is_away(tmp_path: Path) -> None:
    with Service(tmp_path, {"redis__url": "redis://127.0.0.1:1/0"}) as service:
        assert service.ask("GET", "/healthz").status == 200
        assert service.ask("GET", "/readyz").code == "redis_unavailable"
        assert service.read("ada").code == "redis_unavailable"
