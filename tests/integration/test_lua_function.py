"""`profiler lua install --as function`, and who may do what with it."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import redis
from pydantic import SecretStr

from profiler.config import RedisSettings
from profiler.errors import ConfigError
from profiler.profiles.function import ProfileFunction
from profiler.profiles.keys import key_of
from profiler.profiles.redis.connections import connect, connect_to
from profiler.rules.model import load_rules
from servers import passwords
from servers.redis import FLAVOURS
from tests.integration.commands import run_command
from tests.integration.documented_rights import OPERATIONS
from tests.lua.raw import Script, arguments, event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.redis_cluster import RedisCluster
    from tests.conftest import MakeStore

INSTALL = ["lua", "install", "--rules", "lean", "--as", "function"]
CHECK = ["lua", "check", "--rules", "lean", "--as", "function"]
EVENT = event(event_id="event-1", page="Home")


def see(
    client: redis.Redis | redis.RedisCluster, name: str, *events: list[Any], visitor: str = "ada"
) -> Any:  # noqa: ANN401 - raw
    """One call by FCALL."""
    argv = arguments(*events, visitor=visitor)
    return client.fcall(name, 1, key_of("visitor:{<id>}", visitor), *argv)


def rights_of(user: str) -> list[str]:
    """What `docs/operations.md` gives a user: keys and commands."""
    found = re.search(
        rf"ACL SETUSER {user} on >secret (.*?)(?=ACL|```)", OPERATIONS.read_text("utf-8"), re.DOTALL
    )
    assert found is not None
    return [right for right in found[1].split() if right[0] in "~+"]


@pytest.fixture(params=FLAVOURS)
def url(request: pytest.FixtureRequest, private_store: MakeStore) -> str:
    return private_store(request.param).url


@pytest.fixture
def admin(url: str) -> Iterator[redis.Redis]:
    with closing(redis.Redis.from_url(url)) as client:
        yield client


def test_install_prints_the_name_that_fcall_takes(url: str, admin: redis.Redis) -> None:
    missing = run_command(CHECK, redis__url=url)
    assert missing.code == 1
    assert "profiler lua install --as function" in missing.errors

    first, again = (run_command(INSTALL, redis__url=url) for _ in range(2))

    assert (first.code, again) == (0, first)
    name = first.output.strip()
    assert re.fullmatch("visitor_profile_[0-9a-f]{12}", name)
    assert run_command(CHECK, redis__url=url).output.startswith(f"{name} is loaded, rules ")
    admin.script_flush()
    admin.flushall()
    assert see(admin, name, EVENT)[0][0] == b" new_visitor new_visit"


def test_show_prints_what_function_load_takes(admin: redis.Redis) -> None:
    library = run_command(["lua", "show", "--as", "function", "--rules", "article"]).output
    name = admin.function_load(library).decode()  # type: ignore[union-attr]
    assert see(admin, name, EVENT)[0][1:3] == [b"ada", b"A"]


def test_versions_stand_side_by_side(url: str, admin: redis.Redis) -> None:
    names = {
        run_command([*INSTALL, "--rules", rules], redis__url=url).output.strip()
        for rules in ("lean", "article")
    }
    listed: list[Any] = admin.function_list("visitor_profile_*")
    assert {library[1].decode() for library in listed} == names
    assert len(names) == 2


def test_every_primary_of_a_cluster_has_it(redis_cluster: RedisCluster) -> None:
    installed = run_command(INSTALL, redis__url=redis_cluster.url)
    name = installed.output.strip()
    try:
        assert run_command(CHECK, redis__url=redis_cluster.url).code == 0
        with closing(redis.RedisCluster.from_url(redis_cluster.url)) as cluster:
            for visitor in map("function-{}".format, range(20)):
                flags, *_ = see(cluster, name, EVENT, visitor=visitor)[0]
                assert flags == b" new_visitor new_visit"
                cluster.delete(key_of("visitor:{<id>}", visitor))
        redis_cluster.primaries[1].ask("FUNCTION", "DELETE", name)
        assert run_command(CHECK, redis__url=redis_cluster.url).code == 1
    finally:
        for primary in redis_cluster.primaries:
            primary.ask("FUNCTION", "FLUSH")


def make_user(admin: redis.Redis, user: str, rights: list[str]) -> None:
    words = ["reset", "on", f">{passwords.REDIS}", "resetkeys", "resetchannels", "-@all", *rights]
    admin.execute_command("ACL", "SETUSER", user, *words)  # type: ignore[no-untyped-call]


def test_the_installer_needs_each_documented_right(url: str, admin: redis.Redis) -> None:
    settings = RedisSettings(
        url=SecretStr(url), username="installer", password=SecretStr(passwords.REDIS)
    )

    def refusals() -> set[str]:
        refused = set()
        with closing(connect_to(settings)) as client:
            function = ProfileFunction(client, load_rules("lean"))
            for name in ("register", "is_registered"):
                try:
                    getattr(function, name)()
                except ConfigError:
                    refused.add(name)
        return refused

    rights = rights_of("installer")
    make_user(admin, "installer", rights)
    assert refusals() == set()
    assert admin.acl_log() == []
    refused = {}
    for missing in rights:
        make_user(admin, "installer", [right for right in rights if right != missing])
        refused[missing] = refusals()
    assert refused == {"+function|load": {"register"}, "+function|list": {"is_registered"}}


def test_the_caller_needs_each_documented_right(url: str, admin: redis.Redis) -> None:
    name = installed_on(url)
    rights = rights_of("caller")
    plain = load_rules("lean").model_copy(update={"plain": True})

    def is_refused() -> bool:
        admin.flushall()
        # State of other rules is looked through for plain fields (HKEYS), which go (HDEL).
        Script(admin, key_of("visitor:{<id>}", "eve"), plain)(EVENT, visitor="eve")
        with closing(
            redis.Redis.from_url(url, username="caller", password=passwords.REDIS, driver_info=None)
        ) as client:
            try:
                see(client, name, EVENT)
                see(client, name, EVENT, visitor="eve")
            except redis.ResponseError:
                return True
        return False

    make_user(admin, "caller", rights)
    assert not is_refused()
    assert admin.acl_log() == []
    for missing in rights:
        make_user(admin, "caller", [right for right in rights if right != missing])
        assert is_refused(), missing


def test_only_a_script_reads_where_memory_is_out(url: str, admin: redis.Redis) -> None:
    name = installed_on(url)
    script = Script(admin, key_of("visitor:{<id>}", "ada"))
    see(admin, name, EVENT)
    admin.config_set("maxmemory", 1)
    assert script.read("ada")["visit_first_page"] == b"Home"
    with pytest.raises(redis.OutOfMemoryError):
        see(admin, name)


def installed_on(url: str) -> str:
    """Register the function of `lean`; its name."""
    with closing(connect(url)) as client:
        function = ProfileFunction(client, load_rules("lean"))
        function.register()
    return function.name
