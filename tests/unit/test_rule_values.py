"""What a rule may take: its type is looked at when the file is read."""

import pytest

from profiler.errors import ConfigError
from profiler.rules.model import Rules, parse_rules

HEAD = """\
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
name = "visitor_it"
scope = "visitor"
"""


def rules_of(rule: str) -> Rules:
    return parse_rules(HEAD + rule.replace("; ", "\n"), "shop.toml")


@pytest.mark.parametrize(
    ("rule", "finding"),
    [
        ('operation = "first"; value = []', "value: Tuple should have at least 1"),
        ('operation = "first"; value = ["a", 7]', "value: 1: Input should be a valid string"),
        ('operation = "first"; value = ["a", ""]', "value: 1: String should have at least 1"),
        ('operation = "first"; value = ["a", "a"]', "value: a field is named twice"),
        (
            'operation = "first"; value = ["a", "derived.no"]',
            "value: 1: no derived input is called",
        ),
        ('operation = "first"; value = ["a", "event_time"]', "value: event_time and event_day st"),
        ('operation = "first"; value = "a"; constant = "x"', "constant: a rule has either `value`"),
        ('operation = "first"; constant = 5', "constant: first takes a text"),
        ('operation = "first"; constant = ""', "constant: an empty value counts as absent"),
        (f'operation = "first"; constant = "{"é" * 128}"', "constant: a text of rules has at most"),
        ('operation = "first"; constant = ["x"]', "constant: expected a text or a number"),
        ('operation = "first"; constant = "x"; default = "y"', "default: a constant is never abse"),
        ('operation = "first"; value = "a"; default = true', "default: expected a text or a numb"),
        ('operation = "first"; value = "event_time"; default = "y"', "default: first has no defa"),
        ('operation = "last_n"; value = "event_day"; default = "y"', "default: event_day has no"),
        ('operation = "sum"; value = "a"; default = "1"', "default: sum takes a number"),
        (
            'operation = "sum"; constant = 0.001; decimals = 2',
            "constant: a number of this rule",
        ),
        ('operation = "sum"; constant = 900719925475', "constant: the number is too large"),
        ('operation = "sum"; constant = inf', "constant: a number of this rule has at most 4"),
        ('operation = "sum"; value = "event_day"', "value: sum takes a number, and event_day is"),
        ('operation = "count"; constant = "x"', "constant: count takes no value"),
        ('operation = "count"; default = "x"', "default: count has no default"),
        ('operation = "min"; value = "a"; window = "3 d"', "window: min has no window"),
        ('operation = "first_n"; value = "a"; age = "3 d"', "age: first_n has no age"),
        ('operation = "count"; window = "3 days"', "window: expected a number, a space and a unit"),
        ('operation = "count"; window = "0 d"', "window: expected a number, a space and a unit"),
        (
            'operation = "touch"; which = "last"; values = { a = "event_day" }',
            "values: touch does not take event_day",
        ),
    ],
)
def test_what_does_not_fit_is_refused(rule: str, finding: str) -> None:
    with pytest.raises(ConfigError) as refused:
        rules_of(rule)

    assert f"rule visitor_it: {finding}" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_list_of_one_means_the_same_as_the_field() -> None:
    one = rules_of('operation = "first"; value = "a"')

    assert rules_of('operation = "first"; value = ["a"]') == one
    assert one.fields[1].model_dump(exclude_none=True)["value"] == "a"


def test_every_field_of_a_list_is_an_input() -> None:
    rules = rules_of(
        'operation = "sum"; value = ["b", "derived.path", "a"]; default = 1; [derived]; url = "c"'
    )

    assert rules.inputs == ["a", "b", "derived.path"]
    assert rules.derived_inputs == ["derived.path"]
    assert rules.numbers == {"a", "b", "derived.path"}


@pytest.mark.parametrize(
    ("window", "number", "ms"),
    [
        ("1 d", 1, 86_400_000),
        ("32 min", 32, 60_000),
        ("24 h", 24, 3_600_000),
        ("33 h", 17, 7_200_000),
        ("90 d", 30, 3 * 86_400_000),
        ("365 d", 31, 12 * 86_400_000),
        ("9999 d", 32, 313 * 86_400_000),
    ],
)
def test_a_window_has_at_most_32_buckets_of_its_unit(window: str, number: int, ms: int) -> None:
    assert rules_of(f'operation = "count"; window = "{window}"').fields[1].buckets == (number, ms)


def test_a_window_is_nothing_that_bounce_or_arrival_know() -> None:
    windowed = HEAD.replace('operation = "count"', 'operation = "count"\nwindow = "1 d"')
    with pytest.raises(ConfigError, match="bounce must name a count"):
        parse_rules(windowed + 'operation = "count"', "shop.toml")

    no_visit = windowed.replace('[visit]\nbounce = "visit_events"', "")
    arrival = no_visit.replace("event_time", "arrival")
    with pytest.raises(ConfigError, match="count with a window is unknown to order arrival"):
        parse_rules(arrival + 'operation = "count"', "shop.toml")
