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
from profiler.profiles.outputs import trimming
from profiler.profiles.redis.connections import connect_to
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent
from profiler.rules.model import load_rules
from servers import passwords
from servers.redis import FLAVOURS
from servers.redis_secure import USER
from tests.conftest import MakeStore
from tests.integration.documented_rights import (
    documented_arrival_rights,
    documented_rights,
    make_user,
)

#: What goes wrong without a right.
STANDARD = {
    "~visitor:*": {"apply", "get", "marks"},
    "+evalsha": {"apply", "get"},
    "+script|load": {"register", "apply", "get"},
    "+hget": {"apply", "get"},
    "+get": {"marks"},
    "+set": {"marks"},
    "+hset": {"apply"},
    "+hkeys": {"apply", "get"},
    "+hdel": {"apply"},
    "+hgetall": {"outputs"},
    "+hlen": {"outputs"},
    "+exists": {"apply", "get"},
    "+pexpire": {"apply"},
    "+pexpiretime": {"expiry"},
    "+script|exists": {"lua check"},
    "+ping": {"check"},
}
#: Differs in this alone; what a user reads without the script is read by HGET.
ARRIVAL = STANDARD | {
    "+hmget": {"apply", "get"},
    "+hexists": {"apply", "get"},
    "+hget": {"get", "expiry"},
    "+hkeys": {"outputs"},
    "+hdel": {"outputs"},
}
#: More calls than a sidecar has room for.
CALLS = 400
PRESETS = {
    "lean": (documented_rights(), STANDARD),
    "article": (documented_arrival_rights(), ARRIVAL),
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


def store_outputs(script: ProfileScript) -> None:
    """Have a full sidecar, and then the first call come again."""
    calls = [event(offset, "two", "Click") for offset in range(3, CALLS)]
    for one in (*calls, calls[0]):
        script.execute(script.calls_of([one], {one.stream: 3}))
    script.send(trimming(script.calls_of(calls[:1], {}).stored))


def mark(script: ProfileScript) -> None:
    """Write a mark, and read it."""
    script.send(script.marks.commands({"0:t:0": 3}))
    script.marks.read(["0:t:0"])


def failures(url: str, preset: str) -> set[str]:
    """Do what the commands do as the user, and say what was refused."""
    settings = RedisSettings(url=SecretStr(url), username=USER, password=SecretStr(passwords.REDIS))
    with closing(connect_to(settings)) as client:
        rules = load_rules(preset)
        script = ProfileScript(client, rules)
        # What other rules wrote is looked through for plain fields (HKEYS), which go (HDEL).
        other = ProfileScript(client, rules.model_copy(update={"plain": True}))
        visits = [(other, event(1, "one", "Pageview")), (script, event(2, "two", "Click"))]
        steps: dict[str, Callable[[], object]] = {
            "register": script.register,
            "lua check": script.is_registered,
            "apply": lambda: [rendering.apply([visit]) for rendering, visit in visits],
            "get": lambda: script.read("ada"),
            "marks": lambda: mark(script),
            "outputs": lambda: store_outputs(script),
            "check": partial(client.execute_command, "PING"),
        }
        failed = {name for name, step in steps.items() if refused(step)}
        stored = None if "get" in failed else script.look_up("ada")
        if stored is None or stored.expires_at is None:
            failed.add("expiry")
    return failed


@pytest.mark.parametrize("preset", PRESETS)
def test_the_documented_rights_are_enough(server: str, admin: redis.Redis, preset: str) -> None:
    make_user(admin, PRESETS[preset][0])
    assert failures(server, preset) == set()
    assert admin.acl_log() == []


@pytest.mark.parametrize("preset", PRESETS)
def test_each_documented_right_is_needed(server: str, admin: redis.Redis, preset: str) -> None:
    rights, needed_for = PRESETS[preset]
    found = {}
    for missing in rights:
        admin.flushall()
        admin.script_flush()
        make_user(admin, [right for right in rights if right != missing])
        found[missing] = failures(server, preset)
    # What cannot be applied has no expiry either, except where only the second visit failed.
    without_profile = {right for right, failed in found.items() if "apply" in failed} - {"+hdel"}
    for right in without_profile:
        found[right].discard("expiry")
    # What is stored with a call needs what the call needs.
    for failed in found.values():
        if "apply" in failed:
            failed.discard("outputs")
    assert found == needed_for
