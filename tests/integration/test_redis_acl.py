"""The rights that the documentation grants are enough, and each is needed."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

import pytest
import redis
from pydantic import SecretStr
from redis.exceptions import NoPermissionError

from profiler.config import RedisSettings
from profiler.errors import ConfigError
from profiler.profiles.redis.connections import connect_to
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent
from profiler.rules.model import load_rules
from servers import passwords
from servers.redis import FLAVOURS
from servers.redis_secure import USER
from tests.conftest import MakeStore
from tests.integration.documented_rights import documented_rights, make_user

#: What goes wrong without a right.
NEEDED_FOR = {
    "~visitor:*": {"apply", "get"},
    "+evalsha": {"apply", "get"},
    "+script|load": {"register", "apply", "get"},
    "+hget": {"apply", "get"},
    "+hset": {"apply"},
    "+hkeys": {"apply", "get"},
    "+hdel": {"apply"},
    "+exists": {"apply", "get"},
    "+pexpire": {"apply"},
    "+pexpiretime": {"expiry"},
    "+script|exists": {"lua check"},
    "+ping": {"check"},
}


@pytest.fixture(params=FLAVOURS)
def server(request: pytest.FixtureRequest, private_store: MakeStore) -> str:
    return private_store(request.param).url


@pytest.fixture
def admin(server: str) -> Iterator[redis.Redis]:
    with closing(redis.Redis.from_url(server, decode_responses=True)) as client:
        yield client


def event(offset: int, visit: str, kind: str) -> FlatEvent:
    fields = {
        "query-other_domain_userid": "ada",
        "query-other_domain_sessionid": visit,
        "query-other_eventtype": kind,
        "query-other_page_title": "Home",
    }
    return FlatEvent("0:t:0", offset, 1_700_000_000_000 + offset, fields)


def refused(step: Callable[[], object]) -> bool:
    try:
        step()
    except (ConfigError, NoPermissionError) as error:
        return passwords.CORE not in str(error)
    return False


def failures(url: str) -> set[str]:
    """Do what the commands do as the user, and say what was refused."""
    settings = RedisSettings(url=SecretStr(url), username=USER, password=SecretStr(passwords.REDIS))
    with closing(connect_to(settings)) as client:
        rules = load_rules("standard")
        script = ProfileScript(client, rules)
        # What other rules wrote is looked through for plain fields (HKEYS), which go (HDEL).
        other = ProfileScript(client, rules.model_copy(update={"plain": True}))
        visits = [(other, event(1, "one", "Pageview")), (script, event(2, "two", "Click"))]
        steps: dict[str, Callable[[], object]] = {
            "register": script.register,
            "lua check": script.is_registered,
            "apply": lambda: [rendering.apply([visit]) for rendering, visit in visits],
            "get": lambda: script.read("ada"),
            "check": partial(client.execute_command, "PING"),
        }
        failed = {name for name, step in steps.items() if refused(step)}
        stored = None if "get" in failed else script.look_up("ada")
        if stored is None or stored.expires_at is None:
            failed.add("expiry")
    return failed


def test_the_documented_rights_are_enough(server: str, admin: redis.Redis) -> None:
    make_user(admin, documented_rights())
    assert failures(server) == set()
    assert admin.acl_log() == []


def test_each_documented_right_is_needed(server: str, admin: redis.Redis) -> None:
    rights = documented_rights()
    found = {}
    for missing in rights:
        admin.flushall()
        admin.script_flush()
        make_user(admin, [right for right in rights if right != missing])
        found[missing] = failures(server)
    # What cannot be applied has no expiry either, except where only the second visit failed.
    without_profile = {right for right, failed in found.items() if "apply" in failed} - {"+hdel"}
    for right in without_profile:
        found[right].discard("expiry")
    assert found == NEEDED_FOR
