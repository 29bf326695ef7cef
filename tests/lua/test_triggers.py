"""Triggers: each fires once, whatever comes again or late, and is retracted by what undoes it.

Over 250 lines: rules, and what each kind of event does to their triggers.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.profiles.reply import Applied
from profiler.records.types import FlatEvent
from profiler.rules.model import parse_rules
from tests.lua.runner import T0, Runner, examples

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from servers.redis import Store

DOCS = Path(__file__).parents[2] / "docs"

RULES = """
name = "triggers"
order = "event_time"
[identity]
visitor = "u-id"
visit = "u-visit"
event_id = "u-event"
created = "u-time"
[limits]
visits = 2
[visit]
bounce = "visit_events"
[[fields]]
name = "visit_events"
scope = "visit"
operation = "count"
[[fields]]
name = "visit_first_page"
scope = "visit"
operation = "first"
value = "p-page"
[[fields]]
name = "visit_pages"
scope = "visit"
operation = "unique_list"
value = "p-page"
[[fields]]
name = "visitor_pages"
scope = "visitor"
operation = "counts"
value = "p-page"
[[fields]]
name = "visitor_spent"
scope = "visitor"
operation = "sum"
value = "p-total"
decimals = 2
[[fields]]
name = "visitor_last_page"
scope = "visitor"
operation = "last"
value = "p-page"
"""

SPENDER = """
[[triggers]]
name = "spender"
scope = "visitor"
when = [{ field = "visitor_spent", ">" = 10.5 }]
"""
LANDED = """
[[triggers]]
name = "landed"
scope = "visit"
when = [{ field = "visit_first_page", equals = "home" }]
"""


Make = Callable[..., "Triggers"]


class Triggers:
    """A script with triggers, and what it tells."""

    def __init__(self, url: str, triggers: str, prefix: str = "", text: str = RULES) -> None:
        self.runner = Runner(url, parse_rules(text + triggers, "triggers.toml"), prefix)

    def told(self, events: Sequence[FlatEvent], sizes: Sequence[int] = (1,)) -> list[Any]:
        """What each event tells: lists of (trigger, state)."""
        return [[(t.name, t.state) for t in each] for each in self.turned(events, sizes)]

    def turned(self, events: Sequence[FlatEvent], sizes: Sequence[int] = (1,)) -> list[Any]:
        """The same whole."""
        outcomes = self.runner.outcomes(events, sizes)
        assert all(isinstance(each, Applied) for each in outcomes), outcomes
        return [each.triggers for each in outcomes if isinstance(each, Applied)]

    def records(self, events: Sequence[FlatEvent], sizes: Sequence[int] = (1,)) -> list[Any]:
        """The records that leave, one behind the other."""
        return [json.loads(each.encoded) for of in self.turned(events, sizes) for each in of]


@pytest.fixture
def make(store: Store) -> Iterator[Make]:
    """Make scripts, whose visitors are forgotten in the end."""
    made: list[Runner] = []

    def made_of(triggers: str, prefix: str = "") -> Triggers:
        each = Triggers(store.url, triggers, prefix)
        made.append(each.runner)
        return each

    yield made_of
    for runner in made:
        runner.close()


def event(number: int, visit: str = "A", at: int | None = None, **fields: object) -> FlatEvent:
    """Event e<number> of a visit, which happens at `at` s and arrives at `number` s."""
    ids = {"u-id": "ada", "u-visit": visit, "u-event": f"e{number}"}
    time = T0 + 1_000 * (number if at is None else at)
    named = {f"p-{name}": value for name, value in fields.items()}
    return FlatEvent("s", number, T0 + 1_000 * number, ids | {"u-time": time} | named)


def id_of(trigger: str, event_id: str, visit: str | None = None, visitor: str = "ada") -> str:
    """As docs/contract.md has it."""
    six = int.from_bytes(hashlib.sha1(event_id.encode()).digest()[:6], "big")  # noqa: S324 - no secret
    of_visit = "" if visit is None else f" {len(visit)}:{visit}"
    text = f"{len(visitor)}:{visitor}{of_visit} {len(trigger)}:{trigger} {six}"
    return hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 - likewise


def test_it_fires_once_and_says_by_what_it_fired(make: Make) -> None:
    shop = make(SPENDER)
    events = [event(1, total=10.5), event(2, total="0.01"), event(3, "B", total=5)]
    assert shop.records(events) == [
        {
            "id": id_of("spender", "e2"),
            "trigger": "spender",
            "scope": "visitor",
            "state": "fired",
            "time": T0 + 2_000,
            "visitor_id": "ada",
            "visit_id": "A",
            "rules_version": shop.runner.rules.version,
            "profile_visitor_spent": 10.51,
        }
    ]


def test_the_pages_show_an_id_as_it_is_made() -> None:
    for page in ("contract", "data-model"):
        text = (DOCS / f"{page}.md").read_text("utf-8")
        assert set(re.findall(r"\b[0-9a-f]{40}\b", text)) == {id_of("big_spender", "event-1")}


def test_a_repeat_a_late_event_and_a_visit_that_comes_back_fire_nothing_twice(make: Make) -> None:
    shop = make(SPENDER + LANDED)
    first, repeat = event(1, total=20, page="home"), event(2, total=20, page="home")
    repeat = repeat._replace(fields=first.fields)
    visits = [event(3, "B", page="x"), event(4, "C", page="x")]
    late, back = event(5, "L", at=0, total=99, page="home"), event(6, "A", page="home")
    assert shop.told([first, repeat, *visits, late, back]) == [
        [("spender", "fired"), ("landed", "fired")],
        *[[]] * 5,
    ]


def test_what_undoes_it_retracts_it_once_and_it_may_fire_again_with_the_same_id(make: Make) -> None:
    shop = make(LANDED)
    events = [
        event(9, page="home"),
        event(10, at=8, page="blog"),
        event(11, at=7, page="blog"),
        event(12, at=6, page="home"),
        event(13, at=5, page="home"),
    ]
    records = shop.records(events, sizes=(2, 1, 2))
    assert [each["state"] for each in records] == ["fired", "retracted", "fired"]
    assert {each["id"] for each in records} == {id_of("landed", "e9", "A")}
    assert [each["time"] for each in records] == [T0 + 1_000 * at for at in (9, 8, 6)]
    assert [each["profile_visit_first_page"] for each in records] == ["home", "blog", "home"]


def test_each_visit_has_its_own_and_one_event_id_may_stand_in_two(make: Make) -> None:
    shop = make(LANDED)
    twice = [event(1, "A", page="home"), event(1, "B", page="home")._replace(offset=2)]
    records = shop.records([*twice, event(3, "A", page="home")])
    assert [each["id"] for each in records] == [
        id_of("landed", "e1", "A"),
        id_of("landed", "e1", "B"),
    ]


def test_every_condition_and_flags_are_never_retracted(make: Make) -> None:
    def one(name: str, when: str) -> str:
        return f'[[triggers]]\nname = "{name}"\nscope = "visit"\nwhen = [{when}]\n'

    shop = make(
        one("text_in", '{ field = "visit_first_page", in = ["home", "blog"] }')
        + one("text_contains", '{ field = "visit_first_page", contains = "om" }')
        + one("text_starts", '{ field = "visit_first_page", starts_with = "ho" }')
        + one("list_contains", '{ field = "visit_pages", contains = "cars" }')
        + one("counts_contain", '{ field = "visitor_pages", contains = "cars" }')
        + one("list_present", '{ field = "visit_pages", present = true }')
        + one("text_present", '{ field = "visit_first_page", present = true }')
        + one("whole_equals", '{ field = "visit_events", equals = 2 }')
        + one("decimal_equals", '{ field = "visitor_spent", equals = 1.5 }')
        + one("between", '{ field = "visit_events", between = [2, 2.5] }')
        + one("below", '{ field = "visitor_spent", "<" = 1.51 }')
        + one("bounced", '{ field = "visit_bounce", equals = true }')
        + one("stayed", '{ field = "visit_bounce", equals = false }')
        + one("any", '{ any = [{ field = "visit_events", ">" = 1 }, { flag = "new_visitor" }] }')
        + one("none", '{ none = [{ field = "visit_first_page", present = true }] }')
        + one("flag", '{ flag = "new_visit" }, { field = "visit_events", equals = 1 }')
    )
    at_first = {"below", "bounced", "any", "none", "flag"}
    second = {"text_in", "text_contains", "text_starts", "list_contains", "counts_contain"}
    second |= {
        "list_present",
        "text_present",
        "whole_equals",
        "decimal_equals",
        "between",
        "stayed",
    }
    told = shop.told(
        [event(1), event(2, at=3, page="cars", total=1.5), event(3, at=2, page="home")]
    )
    assert {name for name, state in told[0] if state == "fired"} == at_first
    text_first = {"text_in", "text_contains", "text_starts"}
    assert {name for name, state in told[1] if state == "fired"} == second - text_first
    assert {name for name, state in told[1] if state == "retracted"} == {"bounced", "none"}
    assert {name for name, state in told[2] if state == "fired"} == text_first
    assert {n for n, state in told[2] if state == "retracted"} == {"whole_equals", "between"}


def test_a_redelivered_event_gets_the_same_from_its_stored_output(make: Make) -> None:
    shop = make(SPENDER + LANDED)
    events = [event(1, page="home"), event(2, at=0, page="blog", total=11), event(3, total=1)]
    script = shop.runner.script

    def apply(part: Sequence[FlatEvent]) -> list[Any]:
        calls = script.calls_of(part, {"s": 0})
        script.execute(calls)
        return list(calls.outcomes)

    first = apply(events[:2])
    assert [len(each.triggers) for each in first] == [1, 2]
    assert apply(events) == [*first, apply(events[2:])[0]]


def test_without_a_stored_output_an_event_says_again_what_it_fired_and_no_other_does(
    make: Make,
) -> None:
    shop = make(SPENDER + LANDED)
    events = [event(1, page="home"), event(2, total=11), event(3, total=1)]
    first = shop.turned(events)
    assert [[(t.name, t.state) for t in each] for each in first] == [
        [("landed", "fired")],
        [("spender", "fired")],
        [],
    ]
    again = shop.turned(events)
    fired = [[json.loads(t.encoded)["id"] for t in each] for each in (*first, *again)]
    assert fired[:3] == fired[3:]
    undone = shop.records([event(4, at=0, page="blog")])
    assert [r["state"] for r in undone] == ["retracted"]
    assert {r["state"] for r in shop.records([event(4, at=0, page="blog")])} == {"retracted"}


def test_with_many_rules_marks_are_kept_in_slots(make: Make) -> None:
    many = "".join(
        f'[[fields]]\nname = "visit_count_{n}"\nscope = "visit"\noperation = "count"\n'
        for n in range(100)
    )
    shop = make(many + SPENDER + LANDED)
    events = [event(1, page="home"), event(2, total=20), event(3, "B"), event(4, at=0, page="x")]
    assert shop.told(events) == [
        [("landed", "fired")],
        [("spender", "fired")],
        [],
        [("landed", "retracted")],
    ]


def test_other_rules_carry_the_marks_along(make: Make) -> None:
    both = make(SPENDER + LANDED)
    other = make(LANDED.replace("landed", "another"), both.runner.prefix)
    fired = both.told([event(1, total=20, page="home")])
    assert fired == [[("spender", "fired"), ("landed", "fired")]]
    assert other.told([event(2)]) == [[("another", "fired")]]
    assert both.told([event(3), event(4, at=0, page="blog")]) == [[], [("landed", "retracted")]]


def test_visits_that_are_joined_retract_what_the_one_had_fired_that_is_no_more(
    store: Store,
) -> None:
    landed = LANDED.replace('equals = "home"', 'in = ["home", "blog"]')
    text = (RULES + landed).replace('visit = "u-visit"\n', "")
    text = text.replace("[visit]\n", '[visit]\ngap = "30 min"\n')
    start = '[[fields]]\nname = "visit_start"\nscope = "visit"\noperation = "first"\n'
    joined = Triggers(store.url, "", text=text + start + 'value = "event_time"\n')
    with closing(joined.runner):
        minute = 60
        later, earlier = event(1, at=50 * minute, page="blog"), event(2, at=0, page="home")
        bridge, last = event(3, at=25 * minute), event(4, at=60 * minute, page="shop")
        records = joined.records([later, earlier, bridge, last])
    assert [each["state"] for each in records] == ["fired", "fired", "retracted"]
    assert records[2]["id"] == records[0]["id"] != records[1]["id"]
    assert records[2]["visit_id"] == records[1]["visit_id"] != records[0]["visit_id"]
    assert records[2]["time"] == T0 + 25 * minute * 1_000


@given(
    order=st.permutations(range(7)),
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    again=st.lists(st.integers(0, 6), max_size=5),
)
@examples(60)
def test_in_any_order_and_split_each_fires_exactly_once(
    shared_triggers: Triggers, order: list[int], sizes: list[int], again: list[int]
) -> None:
    shared_triggers.runner.clear()
    # Both are monotone: no later event undoes them.
    logged = [event(n, "AB"[n % 2], at=n, total=4) for n in range(7)]
    sent = [logged[n] for n in (*order, *again)]
    placed = [each._replace(offset=offset) for offset, each in enumerate(sent)]
    records = shared_triggers.records(placed, tuple(sizes))
    assert sorted((r["trigger"], r["state"]) for r in records) == [
        ("busy", "fired"),
        ("busy", "fired"),
        ("spender", "fired"),
    ]
    assert len({r["id"] for r in records}) == 3
    assert {r["visit_id"] for r in records if r["trigger"] == "busy"} == {"A", "B"}


@pytest.fixture(scope="module")
def shared_triggers(store: Store) -> Iterator[Triggers]:
    """For Hypothesis."""
    busy = (
        '[[triggers]]\nname = "busy"\nscope = "visit"\nwhen = [{ field = "visit_events", ">" = 1 }]'
    )
    made = Triggers(store.url, SPENDER + busy)
    with closing(made.runner):
        yield made
