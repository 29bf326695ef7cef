"""Scripts against their oracles by bare arguments: what no worker sends, other callers may.

The rules are those of the conformance vectors in order of event time: the preset, one with small
limits and plain fields, and one or more for each operation. Visits by a gap have a test of their
own, test_gap_visits.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from profiler.rules.model import load_rules
from tests.lua.plain_values import as_answered
from tests.lua.raw import Argument, Script
from tests.lua.runner import IN_CI
from tests.lua.streams import SIZES, STEPS, pick, rows
from tests.oracles.article import EVENT_TYPE
from tools.vectors.answers import FoldOracle
from tools.vectors.calls import DAY, HOUR, START, Event
from tools.vectors.files import LUA
from tools.vectors.scripts import SCRIPTS

if TYPE_CHECKING:
    from random import Random

    import redis

MINUTE = 60_000

RECEIVED = [str(START + at) for at in (0, 0, 1, 2, 900, DAY, -DAY)] + ["", f"00{START}"]
CREATED = [
    *(str(START + at) for at in (0, 0, 1, 2, 3, HOUR, HOUR + 1, -DAY, -DAY - 1, -30 * DAY - 1)),
    *(str(START + at) for at in (9 * DAY, -400 * DAY, 76 * 365 * DAY, 5 * MINUTE, 5 * MINUTE + 1)),
    *(
        "",
        "",
        "?",
        "0",
        "99999999999",
        "94694399999",
        "94694400000",
        "9" * 15,
        "1" * 16,
        "-5",
        "1.5",
        "soon",
    ),
    *(f"00{START + 1}", "٣"),
]
SENT = [
    *("", "", "", "", "?", "0", "-1", "1" * 16, "9" * 15, str(START)),
    *(str(START + at) for at in (-45 * MINUTE, 1 - 45 * MINUTE, 45 * MINUTE, 45 * MINUTE - 1)),
    *(str(START + at) for at in (HOUR - 450_000, HOUR - 449_999, -HOUR - 450_000, 7, 9 * DAY)),
    *(str(START + 76 * 365 * DAY + 5), str(START - 400 * DAY)),
]
IDS = [*"abcde", "abcdef", "cdefgh", "ghijkl", "éé", "ééé", "", "", "\0"]
VISITS = [*"ABABABCDEFGHIJKL", "abcdef", "cdefgh", "ghijkl", "é", "_", ""]
PAGES = ["p", "q", "Q", "é", "é" * 9, "x" * 17, "x" * 14 + "日", "pp", "\0", "", ""]
TYPES = ["Pageview", "Pageview", "Sale", "Sale", "Click", "Page ping", "Page ping", ""]
#: Beside type and page, of the rules that take the most.
MOST_INPUTS = 9
NUMBERS = [
    *("", "", "1", "2", "-3", "0", "-0", "0.5", "-0.25", "19.99", "1.005", "0.0001", "007"),
    *("9" * 15, "-" + "9" * 15, "900719925474.0992", "90071992547409", "much", "1e3", "1.00000"),
]

#: Of so many characters no few numbers exceed 2^53.
MODEST = 8

Calls = list[tuple[str, list[Event]]]


@st.composite
def calls(draw: st.DrawFn) -> Calls:
    """One visitor's calls, each with events of one stream."""
    visits = draw(st.sampled_from([VISITS[:2], VISITS[:9], VISITS]))
    streams = draw(st.sampled_from([[""], ["s"], ["", "s", "t", "u"]]))
    sizes = iter(draw(SIZES) * 40)
    made: Calls = []
    offset, left = 0, 0
    for row in rows(draw, 40, 19):
        if left == 0:
            left = next(sizes, 20)
            made.append((pick(row, streams), []))
        left -= 1
        offset = max(0, offset + pick(row, STEPS))
        stream, events = made[-1]
        events.append(
            Event(
                offset=str(offset) if stream else "",
                received=pick(row, RECEIVED),
                created=pick(row, CREATED),
                sent=pick(row, SENT),
                event_id=pick(row, IDS),
                visit_id=pick(row, visits),
                event_type=pick(row, TYPES),
                page=pick(row, PAGES),
                more=tuple(pick(row, NUMBERS) for _ in range(MOST_INPUTS)),
            )
        )
    return made


@pytest.fixture(
    params=[name for name, script in SCRIPTS.items() if script.shape and not script.gap]
)
def named(
    redis_client: redis.Redis, key_prefix: str, request: pytest.FixtureRequest
) -> tuple[str, Script]:
    """A script of the vectors, by its name."""
    return request.param, script_of(request.param, redis_client, key_prefix)


def script_of(name: str, client: redis.Redis, key_prefix: str) -> Script:
    """A script of the vectors."""
    rules = load_rules(str(LUA / SCRIPTS[name].rules))
    return Script(client, f"{key_prefix}visitor", rules)


@settings(
    max_examples=120,
    deadline=None,
    derandomize=IN_CI,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(made=calls())
def test_every_answer_is_the_oracles(named: tuple[str, Script], made: Calls) -> None:
    name, script = named
    shape = SCRIPTS[name].shape
    assert shape is not None
    oracle = FoldOracle(shape)
    script.client.delete(script.key)
    for number, (stream, events) in enumerate(made):
        before = shape.inputs.index(EVENT_TYPE) if EVENT_TYPE in shape.inputs else 0
        end = len(shape.inputs) - 2  # beside type and page
        taken = [
            each._replace(before=each.more[:before], more=each.more[before:end]) for each in events
        ]
        answered = script(*map(words_of, taken), stream=stream)
        for event, answer in zip(taken, answered, strict=True):
            expected = oracle.answer("v", stream, event)
            assert answer.flags == set(expected["flags"]), (number, event)
            assert answer.profile == known(expected["profile"]), (number, event)
            told = [each.encode() for each in expected.get("triggers", [])]
            assert answer.triggers == told, (number, event)
    assert script.read() == known(oracle.current("v"))
    plain = {name.encode(): value.encode() for name, value in oracle.stored("v").items()}
    assert {n: v for n, v in script.stored().items() if n != b"~"} == plain


def words_of(event: Event) -> list[Argument]:
    """An event's arguments, as the harness takes them."""
    return [*event.arguments()]


def known(profile: dict[str, Any]) -> dict[str, Any]:
    """What is known, as the server answers it."""
    return {name: as_answered(value) for name, value in profile.items() if value is not None}


@settings(
    max_examples=60,
    deadline=None,
    derandomize=IN_CI,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(made=calls(), chance=st.randoms(use_true_random=False))
def test_numbers_are_the_same_in_any_order(
    redis_client: redis.Redis, key_prefix: str, made: Calls, chance: Random
) -> None:
    """Within the bounds of visits, event ids and 2^53."""
    script = script_of("numbers", redis_client, key_prefix)
    seen = []
    events = [
        event._replace(event_id=f"e{number}", visit_id=event.visit_id[:1], offset="")
        for number, event in enumerate(each for _, some in made for each in some)
        if max(map(len, event.more[:3])) < MODEST and event.visit_id in set("ABCDEFG")
    ]
    for arrivals in (events, chance.sample(events, len(events))):
        script.client.delete(script.key)
        for event in [*arrivals, *arrivals[:5]]:
            script(words_of(event._replace(more=event.more[:3])))
        seen.append(without_number(script.read()))
    assert seen[0] == seen[1]


def without_number(profile: dict[str, Any]) -> dict[str, Any]:
    """The number of a visit depends on arrival by nature."""
    return {name: value for name, value in profile.items() if name != "visit_number"}
