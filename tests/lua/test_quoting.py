"""Text of the rules inside a script that a real server compiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from profiler.rules.consistency import MAX_INPUTS
from profiler.rules.model import Rules
from profiler.rules.render import quote_lua, render
from tests.lua.raw import Script, event
from tests.unit.test_render import HOSTILE, rules_about

if TYPE_CHECKING:
    import redis

#: The client of the fixture serves every example alike: examples leave nothing behind.
SAME_SERVER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)

INJECTIONS = [
    "]] os.exit() --",
    '" .. os.exit() .. "',
    "x]]\nredis.call('FLUSHALL')\n--[[",
    "--[[= ttl_ms ]]",
    "--% include 'header.lua.j2'",
    "\\",
]


def evaluated(client: redis.Redis, literal: str) -> object:
    return client.eval(f"return {literal}", 0)


def test_every_byte_comes_back(redis_client: redis.Redis) -> None:
    """A rule's text is UTF-8, so bytes stand in pairs, and every one of them alone as well."""
    every = "".join(map(chr, range(256)))

    assert evaluated(redis_client, quote_lua(every)) == every.encode()
    for raw in range(256):
        escaped = f'"\\{raw:03d}"'
        assert evaluated(redis_client, escaped) == bytes([raw])


@pytest.mark.parametrize("text", [*HOSTILE, *INJECTIONS, "", "a" * 70_000])
def test_hostile_text_comes_back(redis_client: redis.Redis, text: str) -> None:
    assert evaluated(redis_client, quote_lua(text)) == text.encode()


@SAME_SERVER
@given(text=st.text() | st.lists(st.sampled_from([*HOSTILE, *INJECTIONS, "7"])).map("".join))
def test_any_text_comes_back(redis_client: redis.Redis, text: str) -> None:
    assert evaluated(redis_client, quote_lua(text)) == text.encode()


@pytest.mark.parametrize("text", [*HOSTILE, *INJECTIONS, "404", "\u00fc", "end", "a" * 255])
def test_a_script_of_hostile_rules_loads_and_behaves(
    redis_client: redis.Redis, key_prefix: str, text: str
) -> None:
    """The predicate compares with exactly that text, and nothing else of it is executed."""
    script = Script(redis_client, f"{key_prefix}hostile", rules_about(text))
    values = {text: text, "b" + text: "there"}
    inputs = [values[name] for name in script.rules.inputs]

    (answer,) = script([*event(ms=1)[:6], *inputs])

    assert answer.profile["visitor_first"] == text.encode()
    assert answer.profile["visit_count"] == 1
    (answer,) = script([*event(ms=2)[:6], *(value + "!" for value in inputs)])
    assert answer.profile["visit_count"] == 1


@pytest.mark.parametrize("order", ["event_time", "arrival"])
def test_the_largest_rules_load(redis_client: redis.Redis, order: str) -> None:
    """Lua allows 200 locals in a function and 60 upvalues."""
    predicates = {f"p{i}": [{"field": f"in_{i}", "present": True}] for i in range(32)}
    last = {"scope": "visitor", "operation": "last"}
    fields = [
        {"name": f"visitor_{i}", "value": f"in_{i % MAX_INPUTS}", "when": f"p{i % 32}", **last}
        for i in range(99)
    ]
    bounce = {"name": "visit_count", "scope": "visit", "operation": "count"}
    rules = Rules.model_validate(
        {
            "name": "largest",
            "order": order,
            "identity": {"visitor": "v", "visit": "s"},
            "predicates": predicates,
            "fields": [*fields, bounce],
            **({"visit": {"bounce": "visit_count"}} if order == "event_time" else {}),
        }
    )

    assert len(rules.inputs) == MAX_INPUTS
    assert redis_client.script_load(render(rules))
