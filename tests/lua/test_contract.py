"""The contract in the script's header, by bare EVALSHA."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis

from profiler.rules.contract import MAX_EVENTS
from profiler.rules.model import PRESETS
from servers.redis import FLAVOURS
from tests.lua.raw import Argument, Script, arguments, event

if TYPE_CHECKING:
    from tests.conftest import MakeStore

#: The commands each script issues, as its header lists them.
COMMANDS = {
    "standard": ["hget", "exists", "hset", "hdel", "pexpire"],
    "article": ["hgetall", "hset", "pexpire"],
}


@pytest.fixture(params=PRESETS)
def script(redis_client: redis.Redis, key_prefix: str, request: pytest.FixtureRequest) -> Script:
    return Script(redis_client, f"{key_prefix}visitor", request.param)


@pytest.mark.parametrize(
    ("argv", "names"),
    [
        ([], "ARGV: expected 3 + 7 per event, got 0"),
        (["v", ""], "ARGV: expected 3 + 7 per event, got 2"),
        ([*arguments(event()), "one more"], "ARGV: expected 3 + 7 per event, got 11"),
        (arguments(event())[:-1], "ARGV: expected 3 + 7 per event, got 9"),
        (arguments(*[event()] * (MAX_EVENTS + 1)), "ARGV: at most 500 events a call, got 501"),
        (arguments(event(), visitor=""), "visitor_id: empty"),
        (arguments(visitor=""), "visitor_id: empty"),
        (arguments(event(), floor="-1"), "floor: "),
        (arguments(event(), floor="1" * 16), "floor: "),
        (arguments(event(), floor="1.0"), "floor: "),
        (arguments(event(""), stream="s"), "offset of event 1: "),
        (arguments(event(0), event("x"), stream="s"), "offset of event 2: "),
        (arguments(event("-1"), stream="s"), "offset of event 1: "),
        (arguments(event("0x1"), stream="s"), "offset of event 1: "),
        (arguments(event("1" * 16), stream="s"), "offset of event 1: "),
        (arguments(event(ms="x")), "record_ms of event 1: "),
        (arguments(event(), event(ms="-1")), "record_ms of event 2: "),
        (arguments(event(), event(ms="1e3")), "record_ms of event 2: "),
        (arguments(event(ms="1" * 16)), "record_ms of event 1: "),
    ],
)
def test_wrong_arguments_are_named_and_write_nothing(
    script: Script, argv: list[Argument], names: str
) -> None:
    with pytest.raises(redis.ResponseError, match=f"^EBADARG {names.replace('+', '[+]')}"):
        script.client.evalsha(script.sha, 1, script.key, *argv)

    assert not script.client.exists(script.key)


@pytest.mark.parametrize("keys", [0, 2])
def test_there_is_exactly_one_key(script: Script, keys: int) -> None:
    names = [f"{script.key}{number}" for number in range(keys)]

    with pytest.raises(redis.ResponseError, match=f"^EBADARG KEYS: expected 1 key, got {keys}"):
        script.client.evalsha(script.sha, keys, *names, *arguments(event()))

    assert not names or not script.client.exists(*names)


def test_no_events_give_no_answers_and_no_key(script: Script) -> None:
    assert script.raw() == []
    assert not script.client.exists(script.key)


def test_flags_have_one_space_between_them_and_nothing_around_them(script: Script) -> None:
    """A caller may split them at the space; `Answer.flags` would not see an empty one."""
    events = [event(event_id=name, visit=visit) for name, visit in zip("123", "ABB", strict=True)]
    first, second, third = script.raw(*events)

    assert [first[0], second[0], third[0]] == [b"new_visitor new_visit", b"new_visit", b""]


def test_a_call_may_carry_500_events(script: Script) -> None:
    events = [event(i, ms=i, event_id=f"e{i}") for i in range(MAX_EVENTS)]

    answers = script(*events, stream="s", floor="999999999999999")

    assert len(answers) == MAX_EVENTS
    assert "new_visitor" in answers[0].flags
    assert not any("new_visitor" in answer.flags for answer in answers[1:])
    assert script(event(MAX_EVENTS - 1), stream="s")[0].flags == {"replayed"}


def test_the_largest_numbers_are_taken_exactly(script: Script) -> None:
    largest = "9" * 15

    script(event(largest, ms=largest), stream="s")

    assert "replayed" in script(event(largest), stream="s")[0].flags
    (read,) = script()
    if script.rules.order == "event_time":
        assert read.profile["visit_start"] == largest.encode()


def test_every_call_with_events_sets_the_time_to_live_anew(script: Script) -> None:
    """One that changes nothing as well: a visitor who is seen again does not expire."""
    script(event(1), stream="s")
    assert script.has_full_ttl()

    for offset in (2, 1):
        script.client.pexpire(script.key, 5_000)
        script(event(offset, event_id="again"), stream="s")
        assert script.has_full_ttl()

    script.client.pexpire(script.key, 5_000)
    script.raw()
    assert not script.has_full_ttl()


def test_internal_fields_never_leave(script: Script) -> None:
    replies = script.raw(event(1), event(2, visit="B"), event(1), stream="s")

    assert any(name.startswith(b"~") for name in script.stored())
    for answer in replies:
        assert all(isinstance(part, bytes) for part in answer)
        assert not [name for name in answer[1::2] if name.startswith(b"~")]


def test_the_hash_shows_what_the_latest_answer_says(script: Script) -> None:
    *_, last = script(event(ms=1), event(ms=2, visit="B", page="away"), event(ms=3, page="again"))

    shown = {n.decode(): v for n, v in script.stored().items() if not n.startswith(b"~")}
    assert shown == {n: v for n, v in last.profile.items() if n.endswith(("_id", "_page"))}


def test_a_call_without_events_reads(script: Script) -> None:
    """It answers as the latest visit's latest event did, writes nothing, and sets no expiry."""
    assert script() == []
    *_, last = script(event(1, ms=1), event(2, ms=2, visit="B", page="away"), stream="s")
    script.client.pexpire(script.key, 5_000)
    before = script.stored()

    (answer,) = script(stream="s", floor="2")

    assert (answer.flags, answer.profile) == (set(), last.profile)
    assert script.stored() == before
    assert not script.has_full_ttl()


def test_a_visitor_without_a_visit_is_read(script: Script) -> None:
    (last,) = script(event(visit=""))
    (answer,) = script()
    assert answer.profile == last.profile
    assert "visit_id" not in answer.profile


@pytest.mark.parametrize(
    "value",
    [
        b"\0",
        b"a\0b",
        b"\xff\xfe\xc3",
        b"\xed\xa0\x80",
        "\u00fc\U0001f600".encode(),
        b"nil",
        b"1e5",
        b"0x10",
        b"%s%d%n",
        b"\r\n$-1\r\n",
    ],
)
def test_any_bytes_are_a_value(script: Script, value: bytes) -> None:
    written = event(event_id=value, visit=value, page=value)
    (answer,) = script(written, visitor=value, stream="")

    assert answer.profile["visitor_id"] == answer.profile["visit_id"] == value
    assert answer.profile["visit_first_page"] == value
    assert script.stored()[b"visitor_last_page"] == value


def test_an_empty_page_or_type_is_no_page_view(script: Script) -> None:
    answers = script(event(page=""), event(kind="", page="x"), event(kind="pageview", page="y"))

    for answer in answers:
        assert not {"visitor_first_page", "visit_first_page"} & answer.profile.keys()


def test_a_value_of_64_kib_is_cut_at_the_rules_limit(script: Script) -> None:
    large = "\u00fc" * 32 * 1024
    limit = script.rules.limits.value_bytes

    (answer,) = script(event(page=large))

    kept = answer.profile["visitor_first_page"].decode()
    assert len(kept.encode()) == limit
    assert large.startswith(kept)
    assert "truncated" in answer.flags


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("preset", PRESETS)
def test_a_user_with_only_the_documented_commands_can_do_it_all(
    private_store: MakeStore, flavour: str, preset: str
) -> None:
    """And needs each of them: without one, the same calls are refused."""
    server = private_store(flavour)
    admin = redis.Redis.from_url(server.url)
    allowed = ["+evalsha", "+script|load", *(f"+{name}" for name in COMMANDS[preset])]
    admin.acl_setuser("caller", enabled=True, nopass=True, keys=["visitor"], commands=allowed)
    user = redis.Redis.from_url(
        server.url,
        username="caller",
        password="any",  # noqa: S106 - nopass
        driver_info=None,  # else the client library greets by itself
    )

    def everything() -> None:
        """New, known, replayed, and a latest visit that has no page yet."""
        script = Script(user, "visitor", preset)
        script(event(1), event(2, visit="B"), event(2), stream="s")
        script(event(3, ms=9_000, visit="C", kind="Ping"), stream="s")

    everything()
    assert admin.acl_log() == []
    for name in COMMANDS[preset]:
        admin.flushall()
        admin.acl_setuser("caller", enabled=True, commands=[f"-{name}"])
        with pytest.raises(redis.ResponseError):
            everything()
        admin.acl_setuser("caller", enabled=True, commands=[f"+{name}"])
    user.close()
    admin.close()
