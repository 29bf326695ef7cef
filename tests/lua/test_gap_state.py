"""Visits without ids, and what state must bear: limits, many rules, damage, other rules."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter

from profiler.rules.midnight import YEARS, Midnight, clock_of
from profiler.rules.model import load_rules, parse_rules
from profiler.rules.render import templates
from tests.lua.damage import STATE, assert_answered_or_refused
from tests.lua.raw import Answer, Argument, Script
from tests.lua.runner import T0
from tests.oracles.article import VISITOR
from tools.vectors.files import LUA
from tools.vectors.mixed import Draw

if TYPE_CHECKING:
    import redis

HEAD = f"""
name = "small"
order = "event_time"
[identity]
visitor = "{VISITOR}"
event_id = "id"
[limits]
visits = 4
[visit]
bounce = "visit_events"
gap = "30 min"
[[fields]]
name = "visit_first"
scope = "visit"
operation = "first"
value = "page"
[[fields]]
name = "visit_events"
scope = "visit"
operation = "count"
[[fields]]
name = "visit_start"
scope = "visit"
operation = "first"
value = "event_time"
"""
SUM = """
[[fields]]
name = "visit_{0}"
scope = "visit"
operation = "sum"
value = "{0}"
"""


def words(name: str, minutes: float, *more: Argument) -> list[Argument]:
    """An event's arguments; `more` are its inputs."""
    ms = T0 + round(minutes * 60_000)
    return ["", ms, ms, "", name, "", *more]


def script_of(client: redis.Redis, prefix: str, text: str) -> Script:
    return Script(client, f"{prefix}visitor", parse_rules(text, "small.toml"))


def shown(answer: Answer, *names: str) -> list[object]:
    return [answer.profile.get(name) for name in names]


@pytest.fixture
def small(redis_client: redis.Redis, key_prefix: str) -> Script:
    return script_of(redis_client, key_prefix, HEAD)


def test_a_forgotten_visit_is_known_again_by_the_event_that_opened_it(small: Script) -> None:
    """No other event can tell, so another one of it opens a visit that is counted again."""
    arrivals = [("a", 100), ("b", 300), ("c", 340), ("d", 500), ("e", 540), ("f", 320), ("g", 520)]
    answers = [small(words(name, minutes, name))[0] for name, minutes in arrivals]
    assert [answer.flags for answer in answers[4:]] == [
        {"new_visit", "truncated"},
        {"visit_merged"},
        {"visit_merged"},
    ]
    assert shown(answers[-1], "visitor_visits", "visit_number", "visit_events") == [3, 3, 3]

    (again,) = small(words("a", 100, "a"))
    assert again.flags == {"truncated"}
    assert again.profile["visit_id"] == answers[0].profile["visit_id"]
    # Its number is not known any more, nor is the page that it began with.
    numbers = ("visitor_visits", "visit_number", "visit_events", "visit_first")
    assert shown(again, *numbers) == [3, None, 1, None]
    # Joined with another one it stays one whose beginning is not known.
    (other,) = small(words("h", 135, "h"))
    assert shown(other, *numbers) == [4, 4, 1, b"h"]
    (joined,) = small(words("i", 120, "i"))
    assert joined.flags == {"visit_merged", "truncated"}
    assert shown(joined, *numbers) == [3, None, 3, None]
    (last,) = small(words("g", 520, "g"))
    assert shown(last, *numbers) == [3, 3, 3, b"d"]


def test_visits_of_no_number_that_are_joined_leave_the_other_numbers(small: Script) -> None:
    """Nobody knows which numbers these two had had."""
    arrivals = [("a", 100), ("b", 135), ("c", 300), ("d", 340), ("e", 380), ("f", 420)]
    bridges = [("g", 320), ("h", 360), ("i", 400)]
    for name, minutes in arrivals + bridges + arrivals[:2]:
        (answer,) = small(words(name, minutes, name))
    assert answer.flags == {"truncated"}
    (joined,) = small(words("j", 117, "j"))
    assert joined.flags == {"visit_merged", "truncated"}
    assert shown(joined, "visit_number", "visit_events") == [None, 3]
    (other,) = small(words("k", 421, "k"))
    assert shown(other, "visit_number", "visit_events") == [3, 8]


def test_a_bridge_behind_a_late_event_leaves_no_empty_visit(small: Script) -> None:
    """No visit is in hand then, so none is put to the others, where it would take a place."""
    arrivals = [("a", 100), ("b", 150), ("c", 300), ("d", 400), ("e", 10), ("f", 125), ("g", 500)]
    answers = [small(words(name, minutes, name))[0] for name, minutes in arrivals]
    flags = [answer.flags for answer in answers]
    assert flags[4:] == [{"late"}, {"visit_merged"}, {"new_visit"}]


def test_what_only_other_rules_know_stays_as_the_earlier_visit_has_it(
    redis_client: redis.Redis, key_prefix: str
) -> None:
    """It cannot be joined, which the output says; what both know is joined as ever."""
    rich = script_of(redis_client, key_prefix, HEAD + SUM.format("spent"))
    plain = script_of(redis_client, key_prefix, HEAD)
    rich(words("a", 40, "a", "5"))
    rich(words("b", 0, "b", "7"))
    (joined,) = plain(words("c", 20, "c"))
    assert joined.flags == {"visit_merged", "truncated"}
    (again,) = rich(words("d", 21, "d", "1"))
    assert shown(again, "visit_events", "visit_spent", "visit_first") == [4, b"8", b"b"]


def test_a_start_that_other_rules_did_not_keep_is_the_latest_event(
    redis_client: redis.Redis, key_prefix: str
) -> None:
    """So a renamed field starts anew, as every renamed field does, and visits go on."""
    script_of(redis_client, key_prefix, HEAD)(words("a", 0, "a"), words("b", 20, "b"))
    renamed = script_of(redis_client, key_prefix, HEAD.replace("visit_start", "visit_begin"))
    (answer,) = renamed(words("c", 45, "c"))
    assert answer.flags == set()
    assert shown(answer, "visit_events", "visit_begin") == [3, T0 + 45 * 60_000]
    (other,) = renamed(words("d", 20, "d"))
    assert shown(other, "visit_events", "visit_begin") == [4, T0 + 20 * 60_000]


@pytest.mark.parametrize("count", [30, 150])
def test_many_rules_are_joined(redis_client: redis.Redis, key_prefix: str, count: int) -> None:
    """With more values than Lua has locals these stand in a table."""
    kinds = [("sum", b"6"), ("max", b"3"), ("min", b"1"), ("mean", b"2")]
    rule = '[[fields]]\nname = "visit_{0}"\nscope = "visit"\noperation = "{1}"\nvalue = "n"\n'
    text = "".join(rule.format(number, kinds[number % 4][0]) for number in range(count))
    script = script_of(redis_client, key_prefix, HEAD + text)
    for name, minutes, n in [("a", 0, 1), ("b", 50, 3), ("c", 25, 2)]:
        (answer,) = script(words(name, minutes, n, name))
    assert answer.flags == {"visit_merged"}
    told = [answer.profile[f"visit_{number}"] for number in range(count)]
    assert told == [kinds[number % 4][1] for number in range(count)]


def test_damage_is_answered_or_refused(redis_client: redis.Redis, key_prefix: str) -> None:
    rules = load_rules(str(LUA / "vectors/rules/gaps.toml"))
    script = Script(redis_client, f"{key_prefix}visitor", rules)
    inputs = ("Pageview", "home", "1", "email", "news")
    script(words("a", 0, *inputs), words("b", 50, *inputs), words("c", 200, *inputs))
    whole, draw = script.stored()[STATE.encode()], Draw("damage")
    for _ in range(300):
        at, gone = draw(range(len(whole))), draw((0, 1, 2, 4))
        added = draw((b"", b"\0", b"\0\0\0\0", b"\xff", b"\x80\x81", b"x" * 9))
        script.client.hset(script.key, STATE, whole[:at] + added + whole[at + gone :])
        assert_answered_or_refused(script, inputs=inputs)


ZONES = [
    *("Europe/Paris", "America/New_York", "America/Santiago", "Australia/Lord_Howe"),
    *("Pacific/Chatham", "Africa/Cairo", "Asia/Kolkata", "America/St_Johns", "Pacific/Apia"),
]


@pytest.mark.parametrize("name", ZONES)
def test_days_are_those_of_the_zone(redis_client: redis.Redis, name: str) -> None:
    clock = clock_of(TypeAdapter[str](Midnight).validate_python(name))
    part = templates().get_template("parts/midnight.lua.j2")
    each_day = "local days = {} for i, ms in ipairs(ARGV) do days[i] = day_of(tonumber(ms)) end"
    lua = part.render(clock=clock, first_year=YEARS[0]) + each_day + " return days"
    draw, zone = Random(name), ZoneInfo(name)
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    times = [begin + timedelta(minutes=15 * draw.randrange(10 * 365 * 96)) for _ in range(2_000)]
    times += [each + timedelta(milliseconds=-1) for each in times]
    days = redis_client.eval(lua, 0, *(round(each.timestamp() * 1000) for each in times))
    epoch = date(1970, 1, 1).toordinal()
    assert days == [each.astimezone(zone).toordinal() - epoch for each in times]
