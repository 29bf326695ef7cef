"""Sentinel by its address: asked for the primary, named in place of a Redis, and refused."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from profiler.config import RedisSettings
from profiler.errors import ConfigError, StoreUnavailableError
from profiler.profiles.redis.connections import connect_to
from profiler.profiles.script import ProfileScript
from profiler.rules.model import load_rules
from servers import passwords
from servers.redis_secure import TlsStore
from servers.redis_sentinel import SERVICE, Sentinel
from tests.integration.checks import SOUND, check_redis_alone
from tests.integration.commands import Done, refused, run_command
from tests.integration.secure_runs import EXIT_CONFIG, Certificates
from tests.missing import own_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.conftest import MakeStore


@pytest.fixture
def sentinel(private_store: MakeStore) -> Iterator[Sentinel]:
    primary = private_store(options=SOUND)
    with own_server("Sentinel", lambda: Sentinel(primary.port)) as server:
        yield server


@pytest.mark.parametrize("command", ["pipe", "get ada", "lua install", "lua check"])
@pytest.mark.field(
    kind="connections",
    meets="the address of a Sentinel in place of a Redis",
    happens="one line that says so, with the URL that names the service, exit code 78",
)
def test_a_sentinel_in_place_of_a_redis_is_named(sentinel: Sentinel, command: str) -> None:
    for database in (0, 1):
        url = f"redis://127.0.0.1:{sentinel.port}/{database}"
        line = refused(*command.split(), "--redis", url)
        assert "leads to a Sentinel" in line
        assert "redis+sentinel://host:26379/service/0" in line


def test_a_sentinel_is_named_to_who_logs_in(sentinel: Sentinel) -> None:
    """Its own users are others, and it refuses ours."""
    url = f"redis://127.0.0.1:{sentinel.port}/0"
    for login in ({}, {"redis__username": "me"}):
        given = {"redis__url": url, "redis__password": passwords.WRONG, **login}
        assert "leads to a Sentinel" in refused("get", "ada", **given)


def test_a_worker_and_check_name_a_sentinel(sentinel: Sentinel) -> None:
    url = f"redis://127.0.0.1:{sentinel.port}/0"
    done = run_command(["run"], redis__url=url)
    assert done.code == EXIT_CONFIG
    assert "leads to a Sentinel" in done.errors.splitlines()[-1]
    for given in ({}, {"redis__password": passwords.WRONG}):
        checked = check_redis_alone(url, **given)
        assert checked.code == EXIT_CONFIG
        assert "leads to a Sentinel" in checked.row("configuration redis")[1]


def by(sentinel: Sentinel, *, service: str = SERVICE, scheme: str = "redis") -> str:
    return f"{scheme}+sentinel://127.0.0.1:1,127.0.0.1:{sentinel.port}/{service}/0"


@pytest.mark.field(
    kind="connections",
    meets="`redis+sentinel://…/service/0`",
    happens="the primary that the Sentinels name",
)
def test_sentinel_leads_to_the_primary(sentinel: Sentinel) -> None:
    """One of them is away: the other one is asked."""
    url = by(sentinel)
    assert run_command(["lua", "install"], redis__url=url).code == 0
    assert unknown(run_command(["get", "nobody"], redis__url=url))
    checked = check_redis_alone(url)
    assert checked.row(f"sentinel 127.0.0.1:{sentinel.port} primary")[0] == "ok"
    status, found, _ = checked.row("sentinel 127.0.0.1:1 primary")
    assert status == "warning"
    assert "refused" in found
    assert checked.row("redis role")[0] == "ok"
    assert checked.failed() == ["kafka reachable"]


def unknown(done: Done) -> bool:
    return (done.code, done.errors) == (1, "no profile is stored for 'nobody'\n")


def test_what_sentinel_does_not_know_is_named(sentinel: Sentinel) -> None:
    url = f"redis+sentinel://127.0.0.1:{sentinel.port}/other/0"
    assert "knows a primary called 'other'" in refused("get", "ada", redis__url=url)
    checked = check_redis_alone(url)
    assert checked.code == EXIT_CONFIG
    assert "called other" in checked.row(f"sentinel 127.0.0.1:{sentinel.port} primary")[1]


def test_a_redis_in_place_of_a_sentinel_is_named(private_store: MakeStore) -> None:
    url = f"redis+sentinel://127.0.0.1:{private_store().port}/{SERVICE}"
    assert "is a Redis and no Sentinel" in refused("get", "ada", redis__url=url)
    checked = check_redis_alone(url)
    assert checked.code == EXIT_CONFIG
    assert "is a Redis and no Sentinel" in checked.row("configuration redis")[1]


def test_sentinels_that_are_away_are_tried_again() -> None:
    done = run_command(["get", "ada"], redis__url=f"redis+sentinel://127.0.0.1:1/{SERVICE}")
    assert done.code == 1
    assert "no Sentinel names the primary" in done.errors
    assert "refused" in done.errors


def test_sentinels_have_a_login_and_tls_of_their_own(certificates: Certificates) -> None:
    authority = certificates.authority
    options = ["--requirepass", passwords.REDIS]
    with ExitStack() as stack:
        primary = stack.enter_context(
            own_server("redis7 with TLS", lambda: TlsStore(authority, options=options))
        )
        sentinel = stack.enter_context(
            Sentinel(primary.port, authority=authority, password=passwords.KEY)
        )
        settings = {
            "url": by(sentinel, scheme="rediss"),
            "password": passwords.REDIS,
            "sentinel_password": passwords.KEY,
            "ssl_cafile": certificates.ca,
        }
        assert wrong_with(settings) == ""
        wrong = "a Sentinel refuses us"
        assert wrong in wrong_with(settings | {"sentinel_password": passwords.WRONG})
        assert wrong in wrong_with(settings | {"sentinel_password": ""})
        assert "Redis refuses us" in wrong_with(settings | {"password": passwords.WRONG})
        assert "VERIFY_FAILED" in wrong_with(settings | {"ssl_cafile": certificates.wrong_ca})
        with pytest.raises(StoreUnavailableError, match="no Sentinel names the primary"):
            wrong_with(settings | {"sentinel_tls": False})


def wrong_with(settings: Mapping[str, object]) -> str:
    """Register the script; return the line that says what is wrong, if anything is."""
    with closing(connect_to(RedisSettings.model_validate(settings))) as client:
        try:
            ProfileScript(client, load_rules("lean")).register()
        except ConfigError as error:
            (line,) = str(error).splitlines()
            assert passwords.CORE not in line
            return line
    return ""


def test_a_user_of_the_sentinels_needs_one_right(sentinel: Sentinel) -> None:
    rights = ["-@all", "+sentinel|get-master-addr-by-name"]
    sentinel.ask("ACL", "SETUSER", "reader", "on", f">{passwords.SENTINEL}", *rights)
    login = {"sentinel_username": "reader", "sentinel_password": passwords.SENTINEL}
    assert wrong_with({"url": by(sentinel), **login}) == ""
    sentinel.ask("ACL", "SETUSER", "reader", "-@all")
    assert "a Sentinel refuses us" in wrong_with({"url": by(sentinel), **login})


def test_sentinels_without_tls_name_a_primary_that_has_it(certificates: Certificates) -> None:
    """They need not watch it themselves here: what they name is what counts."""
    with (
        own_server("redis7 with TLS", lambda: TlsStore(certificates.authority)) as primary,
        Sentinel(primary.port) as watch,
    ):
        url = by(watch, scheme="rediss")
        settings = {"url": url, "sentinel_tls": False, "ssl_cafile": certificates.ca}
        assert wrong_with(settings) == ""
