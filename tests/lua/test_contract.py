"""The contract in the script's header, by bare EVALSHA."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis

from profiler.rules.contract import MAX_EVENTS, contract_of
from profiler.rules.model import load_rules
from servers.redis import FLAVOURS
from tests.lua.raw import Argument, Script, arguments, event
from tests.presets import ONE_OF_EACH_ORDER

if TYPE_CHECKING:
    from tests.conftest import MakeStore

#: The commands each script issues, as its header lists them.
COMMANDS = {
    "lean": ["hget", "exists", "hset", "pexpire", "hkeys", "hdel"],
    "article": ["hmget", "hexists", "exists", "hset", "pexpire"],
}


@pytest.fixture(params=ONE_OF_EACH_ORDER)
def script(redis_client: redis.Redis, key_prefix: str, request: pytest.FixtureRequest) -> Script:
    return Script(redis_client, f"{key_prefix}visitor", request.param)


@pytest.mark.parametrize(
    ("argv", "names"),
    [
        ([], "ARGV: "),
        (["v"], "ARGV: "),
        (["v", "", ""], "ARGV: "),
        ([*arguments(event()), "one more"], "ARGV: "),
        (arguments(event())[:-1], "ARGV: "),
        (arguments(event(), count=2), "ARGV: "),
        (arguments(event(), event(), count=1), "ARGV: "),
        (arguments(), "ARGV: "),
        (arguments(event(), count=""), "events: "),
        (arguments(event(), count="x"), "events: "),
        (arguments(event(), count="1.5"), "events: "),
        (arguments(event(), count="-1"), "events: "),
        (arguments(*[event()] * (MAX_EVENTS + 1)), "events: "),
        (arguments(event(), visitor=""), "visitor_id: empty"),
        (arguments(event(), floor="-1"), "floor: "),
        (arguments(event(), floor="1" * 16), "floor: "),
        (arguments(event(), floor="0.5"), "floor: "),
        (arguments(event(""), stream="s"), "offset of event 1: "),
        (arguments(event(0), event("x"), stream="s"), "offset of event 2: "),
        (arguments(event("-1"), stream="s"), "offset of event 1: "),
        (arguments(event("1x"), stream="s"), "offset of event 1: "),
        (arguments(event("1" * 16), stream="s"), "offset of event 1: "),
        (arguments(event(received="x")), "received of event 1: "),
        (arguments(event(), event(received="-1")), "received of event 2: "),
        (arguments(event(), event(received="1e15")), "received of event 2: "),
        (arguments(event(received="1" * 16)), "received of event 1: "),
        (["", ""], "visitor_id: empty"),
        (["v", "now"], "now: "),
        (["v", "-1"], "now: "),
        (["v", "1" * 16], "now: "),
    ],
)
def test_wrong_arguments_are_named_and_write_nothing(
    script: Script, argv: list[Argument], names: str
) -> None:
    with pytest.raises(redis.ResponseError, match=f"^EBADARG {names}"):
        script.evalsha(*argv)

    assert not script.client.exists(script.key)


@pytest.mark.parametrize("keys", [0, 3])
def test_there_are_one_or_two_keys(script: Script, keys: int) -> None:
    """The second one is for stored outputs."""
    names = [f"{script.key}{number}" for number in range(keys)]

    for argv in (arguments(event()), ["v", ""]):
        with pytest.raises(
            redis.ResponseError, match=f"^EBADARG KEYS: expected 1 or 2 keys, got {keys}"
        ):
            script.client.evalsha(script.sha, keys, *names, *argv)

    assert not names or not script.client.exists(*names)


@pytest.mark.parametrize("keys", [0, 1])
def test_the_script_says_the_names_of_its_fields(script: Script, keys: int) -> None:
    names = script.client.evalsha(script.sha, keys, *[script.key][:keys], "fields")

    assert [name.decode() for name in names] == script.names
    assert not script.client.exists(script.key)


def test_an_answer_has_a_value_of_its_type_for_every_field(script: Script) -> None:
    """Nil where it is not known, so the array always has its full length."""
    types = {"string": bytes, "integer": int, "boolean": int, "decimal": bytes}
    fields = contract_of(script.rules).fields

    full, without = script.raw(event(), event(visit="", kind="Ping"))

    assert len(full) == len(without) == 1 + len(fields)
    assert [type(value) for value in full[1:]] == [types[field.type] for field in fields]
    for field, value in zip(fields, without[1:], strict=True):
        is_kept = script.rules.order == "arrival" and field.name.startswith("visit_")
        assert (value is None) == (field.scope == "visit" and not is_kept)


def test_each_flag_stands_behind_one_space(script: Script) -> None:
    """So a caller may look for " late" in them; `Answer.flags` would not see an empty one."""
    events = [event(event_id=name, visit=visit) for name, visit in zip("123", "ABB", strict=True)]
    first, second, third = script.raw(*events)

    assert [first[0], second[0], third[0]] == [b" new_visitor new_visit", b" new_visit", b""]


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
    if script.rules.order == "event_time":
        assert script.read()["visit_start"] == int(largest)


def test_internal_fields_never_leave(script: Script) -> None:
    replies = script.raw(event(1), event(2, visit="B"), event(1), stream="s")

    assert any(name.startswith(b"~") for name in script.stored())
    for answer in replies:
        assert not [part for part in answer if isinstance(part, bytes) and part.startswith(b"~")]
    assert not [name for name in script.read() if name.startswith("~")]


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
    assert script.read(value)["visitor_last_page"] == value


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
@pytest.mark.parametrize("preset", ONE_OF_EACH_ORDER)
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
        """New, known, replayed, and state with plain fields of other rules."""
        plain = load_rules(preset).model_copy(update={"plain": True, "name": "other"})
        Script(user, "visitor", plain)(event(0), stream="s")
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
