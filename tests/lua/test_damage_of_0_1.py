"""State of version 0.1 that is damaged: refused, or taken for what it can be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from tests.lua.damage import (
    STATE,
    assert_answered_or_refused,
    assert_refused,
    mutated,
    mutations,
)
from tests.lua.raw import Script
from tests.presets import ONE_OF_EACH_ORDER
from tools.vectors.migration import RECORDED

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis


@pytest.fixture(params=ONE_OF_EACH_ORDER)
def script(redis_client: redis.Redis, key_prefix: str, request: pytest.FixtureRequest) -> Script:
    return Script(redis_client, f"{key_prefix}visitor", request.param)


def store(script: Script, change: Callable[[bytes], bytes]) -> None:
    """Store what version 0.1 had of a visitor of three streams, its packed field changed."""
    preset = script.rules.name
    (case,) = (
        case
        for case in json.loads(RECORDED.read_text("utf-8"))
        if case["preset"] == preset and case["name"].startswith("migrates-three-streams")
    )
    script.client.delete(script.key)
    for name, value in case["hash"].items():
        changed = change(bytes.fromhex(value)) if name == STATE else value
        script.client.hset(script.key, name, changed)


def test_state_of_version_0_1_cut_anywhere_is_refused(script: Script) -> None:
    store(script, bytes)
    whole = script.stored()[STATE.encode()]
    for length in range(len(whole)):
        script.client.hset(script.key, STATE, whole[:length])
        assert_refused(script, "EPROFILE ")


@settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(edits=mutations())
def test_damage_of_version_0_1_gives_a_normal_reply_or_a_refusal(
    script: Script, edits: list[tuple[float, int, bytes]]
) -> None:
    store(script, lambda packed: mutated(packed, edits))
    assert_answered_or_refused(script)
