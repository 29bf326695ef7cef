"""Triggers in a rules file: what is refused, and what the contract and the decoder make of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from profiler.errors import ConfigError, ScriptContractError
from profiler.profiles.reply import Applied, Outcome, ReplyDecoder
from profiler.rules.contract import contract_json, contract_of
from profiler.rules.model import load_rules, parse_rules
from tests.unit.findings import without_columns

RULES = """\
name = "shop"
order = "event_time"
[identity]
visitor = "u"
visit = "s"
[visit]
bounce = "visit_events"
[[fields]]
name = "visit_events"
scope = "visit"
operation = "count"
[[fields]]
name = "visitor_page"
scope = "visitor"
operation = "last"
value = "page"
[[triggers]]
name = "many"
scope = "visit"
when = [{ field = "visit_events", ">" = 2 }]
[[triggers]]
name = "back"
scope = "visitor"
when = [{ field = "visitor_page", equals = "home" }]
"""
ID = b"0123456789" * 4


@pytest.mark.parametrize(
    ("found", "instead", "message"),
    [
        ('"visit_events", ">"', '"visit_event", ">"', "20: trigger many: when: the profile has no"),
        (
            '"visitor_page", eq',
            '"visit_events", eq',
            "24: trigger back: when: visit_events is the v",
        ),
        (
            '">" = 2',
            'contains = "2"',
            "20: trigger many: when: visit_events is of type integer; a trigger",
        ),
        ('">" = 2', 'equals = "2"', "20: trigger many: when: visit_events is of type integer: eq"),
        ('">" = 2', "equals = true", "20: trigger many: when: visit_events is of type integer: eq"),
        ('equals = "home"', "equals = 1", "24: trigger back: when: visitor_page is of type string"),
        ('name = "back"', 'name = "many"', "22: trigger many: name: many is declared twice"),
        (
            'scope = "visitor"\nwhen',
            'scope = "session"\nwhen',
            "23: trigger back: scope: Input sho",
        ),
        ('[{ field = "visitor_page", equals = "home" }]', "[]", "24: trigger back: when: List sho"),
        ('name = "many"', "", "17: trigger number 1: name: Field required"),
    ],
)
def test_a_wrong_trigger_is_refused_where_it_stands(found: str, instead: str, message: str) -> None:
    assert RULES.count(found) == 1
    with pytest.raises(ConfigError) as raised:
        parse_rules(RULES.replace(found, instead), "shop.toml")
    assert without_columns(raised.value).startswith(f"shop.toml:{message}")


def test_events_are_asked_for_texts_and_arrival_has_no_triggers() -> None:
    predicate = '[predicates]\nsale = [{ field = "kind", equals = 1 }]\n'
    with pytest.raises(ConfigError, match=r"predicates\.sale: equals takes a text of the event"):
        parse_rules(RULES.replace("[visit]", predicate + "[visit]"), "shop.toml")
    arrival = RULES.replace('"event_time"', '"arrival"').replace("[visit]\nbounce", "[limits]\n#")
    with pytest.raises(ConfigError, match="triggers are known to order event_time only"):
        parse_rules(arrival, "shop.toml")


def test_the_contract_names_the_last_part_of_an_answer_where_there_are_triggers() -> None:
    reply = contract_json(parse_rules(RULES, "shop.toml"), "sha", "function")["reply"]
    assert reply["event"][-1] == "triggers"
    assert [each["name"] for each in reply["triggers"]["each"]] == [
        *("trigger", "id", "state", "time"),
    ]
    assert reply["triggers"]["declared"] == [
        {"name": "many", "scope": "visit", "fields": ["visit_events"]},
        {"name": "back", "scope": "visitor", "fields": ["visitor_page"]},
    ]
    assert "triggers" not in contract_json(load_rules("standard"), "sha", "function")["reply"]


def decoded(told: Any) -> Applied:  # noqa: ANN401 - any part of a reply
    """What comes of an answer with this last part."""
    rules = parse_rules(RULES, "shop.toml")
    values: dict[str, Any] = dict.fromkeys(field.name for field in contract_of(rules).fields)
    values |= {"visitor_id": b"ada", "visit_events": 3, "visit_bounce": 0}
    outcomes: list[Outcome] = [None]
    ReplyDecoder(rules).decode([0], [[b"", *values.values(), told]], outcomes)
    outcome = outcomes[0]
    assert isinstance(outcome, Applied)
    return outcome


def test_what_is_told_becomes_a_record_each() -> None:
    told = decoded([b"many", ID, b"fired", b"17", b"back", ID, b"retracted", b""]).triggers
    assert [(each.name, each.state) for each in told] == [("many", "fired"), ("back", "retracted")]
    first, second = (json.loads(each.encoded) for each in told)
    assert first.pop("rules_version").startswith("shop-")
    assert first == {
        "id": ID.decode(),
        "trigger": "many",
        "scope": "visit",
        "state": "fired",
        "time": 17,
        "visitor_id": "ada",
        "visit_id": None,
        "profile_visit_events": 3,
    }
    assert second["time"] is second["profile_visitor_page"] is None
    assert decoded([]).triggers == ()


@pytest.mark.parametrize(
    "told",
    [
        None,
        b"many",
        [b"many", ID, b"fired"],
        [b"other", ID, b"fired", b"1"],
        [b"many", b"x" * 40, b"fired", b"1"],
        [b"many", ID, b"undone", b"1"],
        [b"many", ID, b"fired", b"-1"],
        [b"many", ID, b"fired", 1],
    ],
)
def test_what_is_told_otherwise_breaks_the_contract(told: object) -> None:
    with pytest.raises(ScriptContractError):
        decoded(told)
