"""Rules with many fields: Lua has 200 locals in a function, and fewer registers in a call."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from profiler.rules.model import Rules, parse_rules
from tests.lua.damage import STATE, assert_answered_or_refused
from tests.lua.raw import Argument, Script
from tests.oracles.article import PAGE, VISIT, VISITOR
from tests.oracles.events import EVENT_ID, EVENT_TIME, SENT
from tests.oracles.shape import TIME, Field, Shape
from tools.vectors.answers import FoldOracle
from tools.vectors.calls import START, Event
from tools.vectors.mixed import Draw

if TYPE_CHECKING:
    import redis

IDENTITY = f"""
name = "many"
order = "event_time"
[identity]
visitor = "{VISITOR}"
visit = "{VISIT}"
event_id = "{EVENT_ID}"
created = "{EVENT_TIME}"
sent = "{SENT}"
[visit]
bounce = "visit_0"
"""
#: In turn: a first one of the visit, that `bounce` names, is a count.
KINDS = [
    *(("count", ""), ("first", PAGE), ("last", PAGE), ("first", TIME), ("last", TIME)),
    *(("sum", "x"), ("min", "x"), ("max", "x")),
]


def many(count: int) -> tuple[Rules, Shape]:
    """So many fields, of visitor and visit in turn, as rules and as the oracle has them."""
    fields, blocks = [], [IDENTITY]
    for number in range(count):
        scope = "visitor" if number % 2 else "visit"
        operation, value = KINDS[number // 2 % len(KINDS)]
        decimals = number % 5 if value == "x" else None
        name = f"{scope}_{number}"
        fields.append(Field(name, operation, value, decimals=decimals))
        blocks.append(
            f'[[fields]]\nname = "{name}"\nscope = "{scope}"\noperation = "{operation}"\n'
        )
        if value:
            blocks.append(f'value = "{"event_time" if value == TIME else value}"\n')
        if decimals is not None:
            blocks.append(f"decimals = {decimals}\n")
    shape = Shape(tuple(fields), bounce="visit_0", inputs=(PAGE, "x"))
    return parse_rules("".join(blocks), "many.toml"), shape


def events(count: int) -> list[Event]:
    """Visits in turn, some forgotten and come back, with pages and numbers."""
    draw = Draw("many rules")
    return [
        Event(
            received=str(START + n),
            created=str(START + n - draw((0, 0, 5, 50))),
            event_id=f"e{draw(range(count))}",
            visit_id=draw(("A", "B", "C", *"DEFGHIJK", "")),
            page=draw(("home", "prices", "blog", "é", "")),
            more=(draw(("", "1", "-2", "0.5", "1.25", "much")),),
        )
        for n in range(count)
    ]


def words_of(event: Event) -> list[Argument]:
    """These rules take no type."""
    six, page = event.arguments()[:6], event.page
    return [*six, page, *event.more]


@pytest.fixture(params=[20, 60, 100, 150, 200])
def made(
    redis_client: redis.Redis, key_prefix: str, request: pytest.FixtureRequest
) -> tuple[Script, Shape]:
    rules, shape = many(request.param)
    return Script(redis_client, f"{key_prefix}visitor", rules), shape


def test_many_rules_answer_as_the_oracle_does(made: tuple[Script, Shape]) -> None:
    script, shape = made
    # The vectors' events have a type, which the oracle then takes for an input that nobody reads.
    oracle = FoldOracle(replace(shape, inputs=("type", PAGE, "x")))
    for n, event in enumerate(events(60)):
        (answer,) = script(words_of(event))
        expected = oracle.answer("v", "", event)
        assert answer.flags == set(expected["flags"]), n
        known = {k: v for k, v in expected["profile"].items() if v is not None}
        shown = {k: v.encode() if isinstance(v, str) else v for k, v in known.items()}
        assert answer.profile == shown, n


def test_damage_to_the_state_of_many_rules_is_answered_or_refused(
    made: tuple[Script, Shape],
) -> None:
    script, _ = made
    script(*map(words_of, events(12)))
    whole = script.stored()[STATE.encode()]
    draw = Draw("damage")
    for _ in range(150):
        at, gone = draw(range(len(whole))), draw((0, 1, 2, 4))
        added = draw((b"", b"\0", b"\0\0\0\0", b"\xff", b"\x80\x81", b"x" * 9))
        script.client.hset(script.key, STATE, whole[:at] + added + whole[at + gone :])
        assert_answered_or_refused(script, inputs=("home", "1"))
