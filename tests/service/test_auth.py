"""Who may ask: bearer tokens, sessions of browsers, and nobody else."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from tests.integration.programs import Program
from tests.service.running import BEARER, TOKEN, Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.visitors import Visitors

GUARDED = (
    "/v1/visitors/ada",
    "/v1/stats",
    "/v1/openapi.json",
    "/v1/live",
    "/v1/live/visitors/ada",
    "/nope",
    "/assets",
)


@pytest.fixture(scope="module")
def open_service(visitors: Visitors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service without a token."""
    settings = {"redis__url": visitors.url, "rules": visitors.rules_path}
    with Service(tmp_path_factory.mktemp("open"), settings, token="") as running:
        yield running


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer \xff\xfe",
    ],
)
@pytest.mark.parametrize("target", GUARDED)
def test_without_the_token_nothing_is_told(service: Service, target: str, header: str) -> None:
    answer = service.ask("GET", target, {"Authorization": header} if header else {})
    assert (answer.status, answer.code) == (401, "no_token")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_scheme_may_be_written_in_any_case(service: Service) -> None:
    assert service.ask("GET", "/v1/stats", {"authorization": f"bEARER {TOKEN}"}).status == 200


@pytest.mark.parametrize("target", ["/healthz", "/readyz"])
def test_probes_need_no_token(service: Service, target: str) -> None:
    answer = service.ask("GET", target, {})
    assert (answer.status, answer.document) == (200, {"status": "well"})


def session_of(service: Service) -> str:
    answer = service.send_json("/login", {"token": TOKEN}, {})
    assert answer.status == 204
    return answer.headers["set-cookie"]


def test_a_browser_shows_the_token_once_and_reads_from_then_on(
    visitors: Visitors, service: Service
) -> None:
    visitors.see("ada")
    cookie = session_of(service)
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {*cookie.split("; ")}
    assert TOKEN not in cookie
    session = {"Cookie": cookie.partition(";")[0]}
    assert service.ask("GET", "/v1/visitors/ada", session).status == 200
    assert service.ask("HEAD", "/v1/visitors/ada", session).status == 200


def test_a_session_changes_nothing(visitors: Visitors, service: Service) -> None:
    """Whatever another site has a browser send."""
    visitors.see("ada")
    session = {"Cookie": session_of(service).partition(";")[0]}
    assert service.ask("DELETE", "/v1/visitors/ada", session).code == "no_token"
    asked = {"visitors": ["ada"]}
    assert service.send_json("/v1/visitors:batch", asked, session).code == "no_token"
    assert service.read("ada").status == 200


def test_a_session_that_was_touched_is_none(service: Service) -> None:
    name, _, session = session_of(service).partition(";")[0].partition("=")
    until, _, signature = session.partition(".")
    for forged in (
        f"{int(until) + 1}.{signature}",
        f"{until}.{signature[:-1]}",
        f"{until}.",
        until,
        "",
        f"x.{signature}",
        "\xe9.\xe9",
    ):
        answer = service.ask("GET", "/v1/stats", {"Cookie": f"{name}={forged}"})
        assert answer.code == "no_token", forged


def test_a_wrong_token_begins_no_session(service: Service) -> None:
    answer = service.send_json("/login", {"token": "x" * 64}, {})
    assert (answer.status, answer.code) == (401, "wrong_token")
    assert "set-cookie" not in answer.headers


def test_logging_out_takes_the_cookie_away(service: Service) -> None:
    answer = service.send_json("/logout", {}, {})
    assert answer.status == 204
    assert "Max-Age=0" in answer.headers["set-cookie"]


def test_without_a_configured_token_everybody_here_reads_and_nobody_removes(
    visitors: Visitors, open_service: Service
) -> None:
    visitors.see("ada")
    assert open_service.ask("GET", "/v1/visitors/ada", {}).status == 200
    for headers in ({}, BEARER):
        answer = open_service.ask("DELETE", "/v1/visitors/ada", headers)
        assert (answer.status, answer.code) == (403, "no_token_configured")
        assert "PROFILER_SERVE__TOKEN" in answer.document["detail"]
    assert open_service.send_json("/login", {"token": ""}, {}).code == "no_token_configured"
    assert open_service.ask("GET", "/v1/visitors/ada", {}).status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil", "", "[::2]"])
@pytest.mark.field(
    kind="addresses",
    meets="a page of another site, whose name leads to this machine",
    happens="status 421; it reads nothing",
)
def test_without_a_token_another_name_for_this_machine_is_not_answered(
    open_service: Service, host: str
) -> None:
    """A page of another site could read by a name of its own that leads here."""
    answer = open_service.ask("GET", "/v1/stats", {"Host": host})
    assert (answer.status, answer.code) == (421, "wrong_host")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:80", "LOCALHOST:9"])
def test_without_a_token_the_names_of_this_machine_are(open_service: Service, host: str) -> None:
    assert open_service.ask("GET", "/healthz", {"Host": host}).status == 200


@pytest.mark.field(
    kind="addresses",
    meets="profiler serve at 0.0.0.0 without a token",
    happens="exit code 78, and the variable that is to be set",
)
def test_without_a_token_no_other_machine_is_let_in(tmp_path: Path) -> None:
    with Program(["serve", "--host", "0.0.0.0"], {}, tmp_path) as program:  # noqa: S104 - refused
        assert program.wait() == 78
        assert "PROFILER_SERVE__TOKEN" in program.output


def test_the_token_may_come_from_a_file(visitors: Visitors, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text(f"{TOKEN}\n")
    secret.chmod(stat.S_IRUSR)
    settings = {
        "redis__url": visitors.url,
        "rules": visitors.rules_path,
        "serve__token_file": str(secret),
    }
    with Service(tmp_path, settings, token="") as service:
        assert service.ask("GET", "/v1/stats", {}).code == "no_token"
        assert service.ask("GET", "/v1/stats").status == 200
        assert TOKEN not in service.output


@pytest.mark.parametrize("token", ["short", "x" * 31, "with a space " * 4, "ü" * 40])
def test_a_weak_token_is_refused_without_showing_it(tmp_path: Path, token: str) -> None:
    with Program(["serve"], {"PROFILER_SERVE__TOKEN": token}, tmp_path) as program:
        assert program.wait() == 78
        assert "serve.token" in program.output
        assert token not in program.output
