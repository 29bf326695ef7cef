"""Computed fields of rules files: what they are, and what is refused."""

import pytest

from profiler.errors import ConfigError
from profiler.rules.contract import contract_of
from profiler.rules.model import parse_rules
from tests.unit.findings import without_columns

GOOD = """\
name = "shop"
order = "event_time"

[identity]
visitor = "user"
visit = "session"

[[fields]]
name = "visit_views"
scope = "visit"
operation = "count"

[[fields]]
name = "visit_start"
scope = "visit"
operation = "first"
value = "event_time"

[[fields]]
name = "visit_end"
scope = "visit"
operation = "last"
value = "event_time"

[[fields]]
name = "visit_page"
scope = "visit"
operation = "last"
value = "page"

[[computed]]
name = "visitor_is_back"
any = [{ field = "visitor_visits", ">" = 1 }]

[[computed]]
name = "visit_duration"
minus = ["visit_end", "visit_start"]

[[computed]]
name = "visit_bounce"
not = "visitor_is_back"
known = [{ field = "visit_views", between = [1, 3] }]
"""


def test_computed_fields_stand_behind_the_declared_ones_of_their_scope() -> None:
    fields = [(field.name, field.type) for field in contract_of(parse_rules(GOOD, "here")).fields]
    assert fields[:3] == [
        ("visitor_id", "string"),
        ("visitor_visits", "integer"),
        ("visitor_is_back", "boolean"),
    ]
    assert fields[-2:] == [("visit_duration", "integer"), ("visit_bounce", "boolean")]


@pytest.mark.parametrize(
    ("was", "becomes", "finding"),
    [
        (
            'not = "visitor_is_back"',
            "",
            "39: computed visit_bounce: a computed field has either minus",
        ),
        ('["visit_end", "visit_start"]', '["visit_end"]', "37: computed visit_duration: minus"),
        (
            '"visit_start"]',
            '"visit_views"]',
            "37: computed visit_duration: minus: visit_views is no first or",
        ),
        (
            '"visit_start"]',
            '"visit_gone"]',
            "37: computed visit_duration: minus: visit_gone is no first or",
        ),
        (
            'not = "visitor_is_back"',
            'not = "visit_duration"',
            "41: computed visit_bounce: not: no computed",
        ),
        (
            'field = "visit_views"',
            'field = "visit_page"',
            "42: computed visit_bounce: known: visit_page is no",
        ),
        (
            'field = "visitor_visits"',
            'field = "visit_views"',
            "33: computed visitor_is_back: any: a visitor has",
        ),
        (
            '"visitor_visits", ">" = 1',
            '"visitor_visits", ">" = 1.5',
            "33: computed visitor_is_back: any: a test",
        ),
        (
            '"visitor_visits", ">" = 1',
            '"visitor_visits", equals = "1"',
            "33: computed visitor_is_back: any: a te",
        ),
        (
            '"visitor_is_back"\nany',
            '"visitor_id"\nany',
            "32: computed visitor_id: name: visitor_id is built",
        ),
        (
            '"visit_duration"',
            '"visit_end"',
            "36: computed visit_end: name: visit_end is another field, too",
        ),
        (
            '"visit_duration"',
            '"duration"',
            "36: computed duration: name: the name begins with visitor_",
        ),
        ('"visit_bounce"', '"visit_left"', "1: visit.bounce: bounce must name a count"),
    ],
)
def test_a_wrong_one_is_refused_with_its_place(was: str, becomes: str, finding: str) -> None:
    assert GOOD.count(was) == 1
    with pytest.raises(ConfigError) as refused:
        parse_rules(GOOD.replace(was, becomes), "shop.toml")
    assert f"shop.toml:{finding}" in without_columns(refused.value)


def test_bounce_is_said_once() -> None:
    both = GOOD.replace("[[fields]]", '[visit]\nbounce = "visit_views"\n\n[[fields]]', 1)
    with pytest.raises(ConfigError, match="visit_bounce is another field, too"):
        parse_rules(both, "shop.toml")
