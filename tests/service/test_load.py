"""Too many requests, strangers who are slow, and a Redis that is away."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.service.running import BEARER, TOKEN, Service

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeStore
    from tests.integration.visitors import Visitors

JSON = "Content-Type: application/json\r\n"


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


@pytest.mark.field(
    kind="connections",
    meets="strangers who log in to profiler serve as slowly as they can",
    happens="callers and probes are answered all the same",
)
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
        assert service.ask("GET", "/healthz", {}).status == 200


@pytest.mark.field(
    kind="connections",
    meets="Redis away while profiler serve is asked",
    happens="status 503 with Retry-After, also of /readyz; /healthz is well; it heals by itself",
)
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
