"""How the service is seen: the access log, metrics, statistics, and its end."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from profiler.servers.ports import LOOPBACK, free_port
from tests.integration.programs import Program
from tests.scrape import scrape, sum_of
from tests.service.running import TOKEN, Service

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.visitors import Visitors

#: What must be in no line of the log, whatever becomes of the request.
WHO = "somebody-7f3a9"


def settings_of(visitors: Visitors, **more: str) -> dict[str, str]:
    return {"redis__url": visitors.url, "rules": visitors.rules_path, **more}


@pytest.mark.field(
    kind="identity",
    meets="ids in the paths that profiler serve is asked for",
    happens="the access log has the route's template in place of the path",
)
def test_no_line_of_the_log_has_an_id_or_a_token(visitors: Visitors, tmp_path: Path) -> None:
    visitors.see(WHO)
    with Service(tmp_path, settings_of(visitors)) as service:
        assert service.read(WHO).status == 200
        assert service.read(WHO, f"?x={WHO}").status == 400
        assert service.ask("GET", f"/{WHO}").status == 404
        assert service.ask("GET", f"/v1/visitors/{WHO}", {}).status == 401
        assert service.ask("PUT", f"/v1/visitors/{WHO}").status == 405
        assert service.ask("GET", f"/v1/visitors/%ff{WHO}").status == 400
        service.send_json("/v1/visitors:batch", {"visitors": [WHO]})
        service.send_json("/login", {"token": WHO}, {})
        assert service.ask("DELETE", f"/v1/visitors/{WHO}").status == 200
        with service.connect() as line:
            line.sendall(f"GET /v1/visitors/{WHO} HTTP/9\r\n{WHO}\r\n\r\n".encode())
            line.recv(1_000)
        with service.connect() as line:
            line.sendall(f"GET /v1/visitors/{WHO} HTTP/1.1\r\n\r\n".encode())
            line.recv(1_000)
        service.end()
        assert WHO not in service.output
        assert TOKEN not in service.output
        assert LOOPBACK not in "".join(map(str, service.requests()))
        routes = [(each["route"], each["status"]) for each in service.requests()]
    assert ("/v1/visitors/{id}", 200) in routes
    assert ("(none)", 404) in routes
    assert ("(none)", 401) in routes
    assert all(
        {"method", "route", "status", "bytes", "took_ms"} <= {*each} for each in service.requests()
    )


def test_each_request_is_a_line_however_many_come(visitors: Visitors, tmp_path: Path) -> None:
    with Service(tmp_path, settings_of(visitors)) as service:
        for _ in range(50):
            service.ask("GET", "/healthz")
        service.end()
        assert len(service.requests()) == 50


def test_the_access_log_may_be_off(visitors: Visitors, tmp_path: Path) -> None:
    with Service(tmp_path, settings_of(visitors, serve__access_log="false")) as service:
        assert service.ask("GET", "/healthz").status == 200
        service.end()
        assert service.requests() == []


def test_requests_are_counted_by_route_and_status(visitors: Visitors, tmp_path: Path) -> None:
    listen = f"{LOOPBACK}:{free_port()}"
    with Service(tmp_path, settings_of(visitors, metrics__listen=listen)) as service:
        visitors.see("counted")
        for _ in range(3):
            service.read("counted")
        service.read("nobody")
        service.ask("BREW", "/pot")
        found = scrape(listen)
    assert "counted" not in str(found)
    route = "/v1/visitors/{id}"
    name = "profiler_http_requests_total"
    assert sum_of(found, name, method="GET", route=route, status="200") == 3
    assert sum_of(found, name, method="GET", route=route, status="404") == 1
    assert sum_of(found, name, method="(other)", route="(none)", status="404") == 1
    assert sum_of(found, "profiler_http_request_seconds_count", route=route) == 4


def test_statistics_say_what_is_known(visitors: Visitors, service: Service) -> None:
    visitors.see("ada")

    def known() -> bool:
        return service.ask("GET", "/v1/stats").document["redis"] is not None

    service.wait_for(known)
    found = service.ask("GET", "/v1/stats").document
    assert found["rules_version"] == visitors.rules.version
    assert found["script"] == visitors.script.sha
    assert found["redis"]["keys"] >= 1
    assert found["group"] is None  # no Kafka listens there


def test_what_is_under_way_at_the_end_is_answered(visitors: Visitors, tmp_path: Path) -> None:
    with Service(tmp_path, settings_of(visitors)) as service, service.connect() as line:
        body = b'{"visitors": ["nobody"]}'
        head = (
            "POST /v1/visitors:batch HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        line.sendall(head.encode() + body[:5])
        assert service.ask("GET", "/healthz").status == 200  # ours has been read by now
        time.sleep(0.2)
        service.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        line.sendall(body[5:])
        assert line.recv(65_536).startswith(b"HTTP/1.1 200 ")
        assert service.wait() == 0


def test_a_port_that_is_taken_is_one_line(visitors: Visitors, tmp_path: Path) -> None:
    with Service(tmp_path, settings_of(visitors)) as service:
        port = service.url.rpartition(":")[2]
        environment = {"PROFILER_SERVE__PORT": port}
        with Program(["serve"], environment, tmp_path) as second:
            assert second.wait() == 78
            assert "cannot listen" in second.output
            assert "serve.port" in second.output
