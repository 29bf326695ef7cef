"""A hash takes the place of another one in one step, or nothing happens."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
import redis

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT = (files("profiler") / "_lua" / "swap.lua").read_text("utf-8")
TTL_MS = 100_000
BEFORE = {"~": "a\x00b", "page": "Home"}
AFTER = {"~": "c"}


@pytest.fixture
def key(redis_client: redis.Redis, key_prefix: str) -> str:
    name = f"{key_prefix}{{v}}"
    for field, value in BEFORE.items():
        redis_client.hset(name, field, value)
    return name


def swap(
    client: redis.Redis, key: str, before: Mapping[str, str], after: Mapping[str, str]
) -> object:
    words = [word for fields in (before, after) for pair in fields.items() for word in pair]
    return client.eval(TEXT, 1, key, TTL_MS, len(before), *words)


def stored(client: redis.Redis, key: str) -> object:
    return client.hgetall(key)


def test_what_was_read_is_replaced_and_its_end_stays(redis_client: redis.Redis, key: str) -> None:
    redis_client.pexpire(key, 50_000)
    assert swap(redis_client, key, BEFORE, AFTER) == 1
    assert stored(redis_client, key) == {b"~": b"c"}
    assert 40_000 < redis_client.pttl(key) <= 50_000


def test_what_has_no_end_gets_one(redis_client: redis.Redis, key: str) -> None:
    assert swap(redis_client, key, BEFORE, AFTER) == 1
    assert 50_000 < redis_client.pttl(key) <= TTL_MS
    redis_client.delete(key)
    assert swap(redis_client, key, {}, AFTER) == 1
    assert 50_000 < redis_client.pttl(key) <= TTL_MS


@pytest.mark.parametrize(
    "before",
    [{}, {"~": "a"}, BEFORE | {"~": "b"}, BEFORE | {"more": ""}, {"~": "a\x00b", "other": "Home"}],
)
def test_what_has_changed_stays(
    redis_client: redis.Redis, key: str, before: Mapping[str, str]
) -> None:
    assert swap(redis_client, key, before, AFTER) == 0
    assert stored(redis_client, key) == {b"~": b"a\x00b", b"page": b"Home"}
    assert redis_client.pttl(key) == -1


def test_what_is_gone_does_not_come_back(redis_client: redis.Redis, key: str) -> None:
    redis_client.delete(key)
    assert swap(redis_client, key, BEFORE, AFTER) == 0
    assert not redis_client.exists(key)


@pytest.mark.parametrize(
    "words", [[], ["x", 0, "~", "c"], [1, "x"], [1, 0], [1, 0, "~"], [1, 1, "~", "a\x00b"]]
)
def test_wrong_arguments_change_nothing(
    redis_client: redis.Redis, key: str, words: list[str | int]
) -> None:
    with pytest.raises(redis.ResponseError, match="EBADARG"):
        redis_client.eval(TEXT, 1, key, *words)
    assert redis_client.hget(key, "page") == b"Home"


def test_another_programs_key_stays(redis_client: redis.Redis, key: str) -> None:
    redis_client.set(key, "no hash")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        swap(redis_client, key, {}, AFTER)
    assert redis_client.get(key) == b"no hash"
