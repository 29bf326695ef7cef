"""The sidecar of stored outputs, call by call."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from profiler.profiles.keys import sidecar_of
from profiler.rules.contract import MOST_OUTPUTS, OUTPUTS_MS
from tests.lua.raw import Script
from tests.lua.sidecar_calls import KEY, call
from tests.presets import ONE_OF_EACH_ORDER


@pytest.fixture(params=ONE_OF_EACH_ORDER)
def script(redis_client: redis.Redis, key_prefix: str, request: pytest.FixtureRequest) -> Script:
    """A script whose calls have a sidecar."""
    script = Script(redis_client, f"{key_prefix}{KEY}", request.param)
    script.sidecar = sidecar_of(script.key)
    return script


def fields(script: Script) -> list[str]:
    """What the sidecar has."""
    names: Any = script.client.hkeys(script.sidecar)
    return sorted(name.decode() for name in names)


def is_replayed(answer: list[Any]) -> bool:
    """Whether an event got the current profile."""
    return b"replayed" in answer[0]


def test_the_same_call_gets_the_same_reply_although_the_profile_moved(script: Script) -> None:
    first = call(script, 1, 2)
    call(script, 9, stream="t")
    second = call(script, 3)

    assert call(script, 1, 2) == first
    assert call(script, 3) == second
    assert fields(script) == ["s:2", "s:3", "t:9"]


def test_a_call_may_mix_what_comes_again_with_what_is_new(script: Script) -> None:
    first = call(script, 1, 2) + call(script, 3)

    mixed = call(script, 1, 2, 3, 4, 5)

    assert mixed[:3] == first
    assert not any(map(is_replayed, mixed))
    assert call(script, 4) == mixed[3:4]
    assert call(script, 5) == mixed[4:]


def test_an_element_is_divided_where_a_redelivery_ends_inside(script: Script) -> None:
    first = call(script, 1, 2, 3, 4)
    call(script, 9, stream="t")

    assert call(script, 1) == first[:1]
    assert fields(script) == ["s:1", "s:4", "t:9"]
    assert call(script, 2, 3) == first[1:3]
    assert call(script, 4, 5)[:1] == first[3:]
    assert call(script, 1, 2, 3, 4) == first


def test_a_redelivery_begins_where_a_call_began(script: Script) -> None:
    """A consumer begins again at what it committed, which is where a batch ended."""
    call(script, 1, 2, 3)

    assert is_replayed(call(script, 2)[0])
    assert is_replayed(call(script, 2, 3)[1])
    # One is missing that was there the first time.
    assert is_replayed(call(script, 1, 3)[0])


def test_with_one_key_nothing_is_stored_and_nothing_restored(script: Script) -> None:
    sidecar = script.sidecar
    call(script, 1)
    script.sidecar = ""

    assert is_replayed(call(script, 1)[0])
    call(script, 2)

    assert script.client.hkeys(sidecar) == [b"s:1"]


def test_nothing_is_stored_in_no_stream(script: Script) -> None:
    call(script, 1, 2, stream="")

    assert fields(script) == []


def test_what_is_below_the_floor_goes_when_something_comes_again(script: Script) -> None:
    call(script, 1)
    call(script, 5, stream="t")
    third = call(script, 2)

    assert call(script, 2, floor=2) == third

    assert fields(script) == ["s:2", "t:5"]


def test_an_element_of_another_rendering_is_as_if_it_were_not_there(script: Script) -> None:
    rules = script.rules.model_copy(update={"name": "other"})
    other = Script(script.client, script.key, rules)
    other.sidecar = script.sidecar
    other_first = call(other, 1)

    assert is_replayed(call(script, 1)[0])
    assert call(other, 1) == other_first


def test_what_is_above_the_watermark_answers_nothing(script: Script) -> None:
    """The profile is gone, or went back, and its sidecar did not."""
    call(script, 1)
    call(script, 2)
    call(script, 3)
    script.client.delete(script.key)

    again = call(script, 1, 2)
    assert b"new_visitor" in again[0][0]
    assert call(script, 1, 2) == again
    # The element that ended at 1 was of the profile before.
    assert call(script, 1) == again[:1]
    assert call(script, 2) == again[1:]
    assert "s:3" not in fields(script)


@pytest.mark.parametrize(
    "garbage", [b"", b"x", b"\xc1", b"\xdf\xff\xff\xff\xff", b"\x93\xa1x\x01\xa11"]
)
def test_an_element_of_garbage_is_as_if_it_were_not_there(script: Script, garbage: bytes) -> None:
    call(script, 1)
    script.client.hset(script.sidecar, "s:1", garbage)

    assert is_replayed(call(script, 1)[0])
    assert not is_replayed(call(script, 1, 2)[1])


def test_a_damaged_element_never_ends_the_script(script: Script) -> None:
    call(script, 1)
    second = call(script, 2, 3)
    whole = script.client.hget(script.sidecar, "s:3")
    assert isinstance(whole, bytes)
    for at in range(len(whole)):
        for byte in (b"\0", b"\xc0", b"\xff"):
            damaged = whole[:at] + byte + whole[at + 1 :]
            script.client.hset(script.sidecar, "s:3", damaged)
            assert len(call(script, 2, 3)) == 2
        script.client.hset(script.sidecar, "s:3", whole[:at])
        assert len(call(script, 2)) == 1
        script.client.hdel(script.sidecar, "s:2")
    script.client.hset(script.sidecar, "s:3", whole)
    assert call(script, 2, 3) == second


def test_a_sidecar_that_is_no_hash_is_refused_and_the_profile_stays(script: Script) -> None:
    call(script, 1)
    before = script.stored()
    script.client.delete(script.sidecar)
    script.client.set(script.sidecar, "text")

    for offset in (1, 2):
        with pytest.raises(redis.ResponseError, match=r"^EPROFILE the second key holds no hash"):
            call(script, offset)

    assert script.stored() == before
    assert script.client.get(script.sidecar) == b"text"


def test_a_sidecar_lives_for_an_hour_after_the_latest_call(script: Script) -> None:
    call(script, 1)
    script.client.pexpire(script.sidecar, 5_000)
    call(script, 2)

    assert OUTPUTS_MS - 5_000 < int(script.client.pttl(script.sidecar)) <= OUTPUTS_MS


def test_a_read_takes_no_notice_of_a_sidecar(script: Script) -> None:
    call(script, 1)

    assert script.read() == {**script.read()}
    assert script.evalsha("nobody", "1000") != [] or script.rules.order == "arrival"


def test_more_than_two_keys_are_refused(script: Script) -> None:
    with pytest.raises(redis.ResponseError, match=r"^EBADARG KEYS: expected 1 or 2 keys, got 3"):
        script.client.evalsha(script.sha, 3, script.key, script.sidecar, "third", "v", "")


def test_who_trims_nothing_fills_no_memory(script: Script) -> None:
    """The oldest goes, and what other streams left."""
    for stream in range(20):
        call(script, 1, stream=f"left{stream}")
    most = 0
    for offset in range(4 * MOST_OUTPUTS):
        answers = call(script, offset)
        most = max(most, len(fields(script)))
        assert call(script, offset) == answers

    assert MOST_OUTPUTS < most < 1.6 * MOST_OUTPUTS
    assert not [name for name in fields(script) if name.startswith("left")]


def test_a_full_sidecar_keeps_what_is_not_committed(script: Script) -> None:
    first = call(script, 0)
    for offset in range(1, 4 * MOST_OUTPUTS):
        call(script, offset, floor=max(0, offset - 3))
    script.client.delete(script.sidecar)
    script.client.delete(script.key)
    assert call(script, 0) == first
    for offset in range(1, MOST_OUTPUTS):
        call(script, offset)

    assert call(script, 0) == first
