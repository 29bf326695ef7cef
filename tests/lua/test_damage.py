"""Stored state that is not ours, damaged, too large or newer; and a server without memory."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
import redis
from hypothesis import HealthCheck, example, given, settings

from profiler.rules.model import load_rules
from servers.redis import FLAVOURS
from tests.lua.damage import (
    STATE,
    assert_answered_or_refused,
    assert_refused,
    mutated,
    mutations,
)
from tests.lua.raw import Script, event
from tests.presets import ONE_OF_EACH_ORDER

if TYPE_CHECKING:
    from tests.conftest import MakeStore

#: Packs a Lua value as the script's state.
PACK = "redis.call('HSET', KEYS[1], '~', cmsgpack.pack(%s))"


@pytest.fixture(params=ONE_OF_EACH_ORDER)
def script(redis_client: redis.Redis, key_prefix: str, request: pytest.FixtureRequest) -> Script:
    return Script(redis_client, f"{key_prefix}visitor", request.param)


def test_a_key_that_holds_no_hash_is_refused(script: Script) -> None:
    script.client.set(script.key, "text")
    assert_refused(script, "EPROFILE the key holds no hash")

    script.client.delete(script.key)
    script.client.rpush(script.key, "element")
    assert_refused(script, "EPROFILE the key holds no hash")


def test_a_hash_of_another_program_is_refused(redis_client: redis.Redis, key_prefix: str) -> None:
    script = Script(redis_client, f"{key_prefix}visitor")
    redis_client.hset(script.key, "visitor_id", "v")

    assert_refused(script, "EPROFILE the hash has no state: another program wrote it")


def test_the_article_s_own_hash_is_taken_over(redis_client: redis.Redis, key_prefix: str) -> None:
    """Its program writes no state; `article` goes on from its fields."""
    script = Script(redis_client, f"{key_prefix}visitor", "article")
    redis_client.hset(script.key, mapping={"visitor_id": "v", "visitor_first_page": "first"})

    (answer,) = script(event(page="second"))

    assert answer.profile["visitor_first_page"] == b"first"
    assert answer.profile["visitor_last_page"] == b"second"


def test_state_of_the_other_order_is_refused(redis_client: redis.Redis, key_prefix: str) -> None:
    scripts = {
        preset: Script(redis_client, f"{key_prefix}visitor", preset) for preset in ONE_OF_EACH_ORDER
    }

    for mine, other in [("lean", "article"), ("article", "lean")]:
        redis_client.delete(scripts[mine].key)
        scripts[mine](event(1), stream="s")
        assert_refused(scripts[other], "EPROFILE the profile was written by rules of another order")


@pytest.mark.parametrize("layout", [3, 4, 31])
@pytest.mark.parametrize("rest", [b"", b"e", b"a\x97\x2c\x7c\xc3", bytes(300)])
def test_a_newer_layout_is_refused_whatever_follows(
    script: Script, layout: int, rest: bytes
) -> None:
    script.client.hset(script.key, STATE, bytes([layout]) + rest)
    assert_refused(script, "ELAYOUT stored state has layout ")


@pytest.mark.parametrize(
    "state",
    ["{}", "true", "'text'", "{'1'}", "{'event_time', 1}", "{[2] = 1}", "{x = 1}", "nil"],
)
def test_state_without_a_layout_is_refused(script: Script, state: str) -> None:
    script.client.eval(PACK % state, 1, script.key)

    assert_refused(script, "EPROFILE ")


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\xc1",
        b"\xff" * 9,
        b"\xdd\xff\xff\xff\xff",
        b"\x91" * 100_000,
        b"\xdb\x00\xff\xff\xff",
    ],
)
def test_bytes_that_are_no_state_are_refused(script: Script, packed: bytes) -> None:
    script.client.hset(script.key, STATE, packed)

    assert_refused(script, "EPROFILE ")


def test_state_cut_anywhere_is_refused(script: Script) -> None:
    script(event(1), event(2, visit="B"), stream="s")
    whole = script.stored()[STATE.encode()]

    for length in range(len(whole)):
        script.client.hset(script.key, STATE, whole[:length])
        assert_refused(script, "EPROFILE ")


@pytest.mark.parametrize("byte", [b"\0", b"\xff", b"\x80"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_wrong_bytes_anywhere_give_an_answer_or_a_refusal(
    script: Script, byte: bytes, count: int
) -> None:
    """Lengths, above all: one of 0 must not keep the script in one place."""
    script(*(event(i, ms=i, visit=f"V{i}") for i in range(10)), event(20, visit=""), stream="s")
    script(event(1), stream="t")
    whole = script.stored()[STATE.encode()]
    for at in range(len(whole) - count):
        damaged = whole[:at] + byte * count + whole[at + count :]
        script.client.hset(script.key, STATE, damaged)
        assert_answered_or_refused(script)


def test_state_with_more_behind_it_is_refused(script: Script) -> None:
    script(event(1), event(2, visit="B"), stream="s")
    whole = script.stored()[STATE.encode()]

    for more in (b"\0", b"e", whole):
        script.client.hset(script.key, STATE, whole + more)
        assert_refused(script, "EPROFILE ")


@settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@example(edits=[(0.0, 1, b"\xcb")])
@given(edits=mutations())
def test_damage_gives_a_normal_reply_or_a_refusal(
    script: Script, edits: list[tuple[float, int, bytes]]
) -> None:
    """Never another error: that one would stop the worker instead of costing one visitor."""
    client = script.client
    client.delete(script.key)
    script(*[event(i, ms=i, visit="ABC"[i % 3]) for i in range(6)], event(6, visit=""), stream="s")
    script(*(event(ms=50 + i, visit=f"V{i}") for i in range(9)))
    script(event(1), stream="t")
    client.hset(script.key, STATE, mutated(script.stored()[STATE.encode()], edits))
    assert_answered_or_refused(script)


def test_stored_state_over_its_cap_is_refused(script: Script) -> None:
    limit = script.rules.limits.profile_bytes
    script(event(1), stream="s")
    script.client.hset(script.key, STATE, b"x" * (limit + 1))

    assert_refused(script, "EPROFILE stored (state|hash) exceeds ")


def grow(script: Script) -> str:
    """Feed one visitor until an event is refused; returns the refusal."""
    for n in range(100):
        try:
            script(event(n, ms=n, visit=f"{n}" * 50, page=f"{n}" * 500), stream=f"{n:0100}")
        except redis.ResponseError as error:
            return str(error)
    return "never"


@pytest.mark.parametrize("preset", ONE_OF_EACH_ORDER)
def test_a_profile_may_grow_to_its_cap_only(
    redis_client: redis.Redis, key_prefix: str, preset: str
) -> None:
    """What could not be read again is never written, so the visitor stays readable."""
    rules = load_rules(preset)
    limits = rules.limits.model_copy(update={"profile_bytes": 8_192, "value_bytes": 1_000})
    small = rules.model_copy(update={"limits": limits})
    script = Script(redis_client, f"{key_prefix}visitor", small)

    assert grow(script) == "EPROFILE profile would exceed 8192 bytes"

    assert script(event(0), stream=f"{0:0100}")[0].flags >= {"replayed"}


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("preset", ONE_OF_EACH_ORDER)
def test_a_server_without_memory_refuses_the_whole_call(
    private_store: MakeStore, flavour: str, preset: str
) -> None:
    """The first write is the HSET, which is refused; what comes after it is never reached."""
    client = redis.Redis.from_url(private_store(flavour).url)
    script = Script(client, "visitor", preset)
    script(event(1), stream="s")
    client.pexpire("visitor", 1_000_000)
    before = script.stored()
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", "1")

    # Another visit without a page: fields would be set and, with `standard`, removed.
    with pytest.raises(redis.exceptions.OutOfMemoryError):
        script(event(2, ms=9_000, visit="B", kind="Ping"), stream="s")

    client.config_set("maxmemory", "0")
    assert script.stored() == before
    assert not script.has_full_ttl()
    assert "replayed" not in script(event(2), stream="s")[0].flags
    client.close()


def test_random_bytes_are_refused(script: Script) -> None:
    source = random.Random(7)
    for _ in range(300):
        script.client.hset(script.key, STATE, source.randbytes(source.randrange(1, 60)))
        with pytest.raises(redis.ResponseError, match=r"^(EPROFILE|ELAYOUT) "):
            script(event(1), stream="s")
