"""Rules with visits by a gap: what is refused, what a contract says, whose midnight it is."""

import pytest

from profiler.errors import ConfigError
from profiler.rules.compatibility import conflicts
from profiler.rules.contract import contract_json, contract_of
from profiler.rules.midnight import clock_of
from profiler.rules.model import Rules, load_rules, parse_rules
from tests.unit.findings import without_columns

GOOD = """\
name = "shop"
order = "event_time"

[identity]
visitor = "q_user"

[visit]
bounce = "visit_events"
gap = "30 min"
midnight = "+01:00"

[[fields]]
name = "visit_events"
scope = "visit"
operation = "count"

[[fields]]
name = "visit_begin"
scope = "visit"
operation = "first"
value = "event_time"
"""


def good(was: str = "", becomes: str = "") -> Rules:
    """Take the file, with a part of it replaced."""
    assert was in GOOD
    return parse_rules(GOOD.replace(was, becomes), "shop.toml")


@pytest.mark.parametrize(
    ("was", "becomes", "finding"),
    [
        (
            'gap = "30 min"\nmidnight = "+01:00"\n',
            "",
            "4: identity.visit: name the field with the visit's id here, or say visit.gap",
        ),
        (
            '"q_user"',
            '"q_user"\nvisit = "q_visit"',
            "10: visit.gap: events have a visit's id (identity.visit), so there is no gap",
        ),
        ('"q_user"', '"q_user"\nvisit = ""', "6: identity.visit: String should have at least 1"),
        ('value = "event_time"', 'value = "q_page"', "9: visit.gap: gap needs a field of scope"),
        ('"first"', '"last"', "9: visit.gap: gap needs a field of scope visit"),
        (
            'value = "event_time"',
            'value = "event_time"\nwhen = "a"\n[predicates]\na = [{field = "a", present = true}]',
            "9: visit.gap: gap needs a field of scope visit",
        ),
        ('"visit_begin"\nscope = "visit"', '"visitor_x"\nscope = "visitor"', "9: visit.gap: gap"),
        (
            '"q_user"\n\n[visit]\nbounce = "visit_events"\ngap = "30 min"',
            '"q_user"\nvisit = "q_visit"\n\n[visit]\nbounce = "visit_events"',
            "10: visit.midnight: only visits by a gap end at midnight",
        ),
        ('"30 min"', '"30 m"', "9: visit.gap: expected a number, a space and a unit"),
        ('"+01:00"', '"1:00"', "10: visit.midnight: expected a time ahead of UTC"),
        ('"+01:00"', '"Europe/Atlantis"', "10: visit.midnight: this machine knows no usable zone"),
        ('"+01:00"', '"../../etc/passwd"', "10: visit.midnight: expected a time ahead of UTC"),
        ('"+01:00"', '"Africa/Casablanca"', "10: visit.midnight: Africa/Casablanca changes its"),
        ('"+01:00"', '"X-1Y,M3.5.0/0,M10.5.0/0:30"', "10: visit.midnight: its clock goes back ov"),
        ('"+01:00"', '"X-1Y,M3.5.0/0:07,M10.5.0"', "10: visit.midnight: its clock changes at no"),
    ],
)
def test_wrong_files_are_refused_with_the_place(was: str, becomes: str, finding: str) -> None:
    with pytest.raises(ConfigError) as refused:
        good(was, becomes)

    assert without_columns(refused.value).startswith(f"shop.toml:{finding}")
    assert len(str(refused.value).splitlines()) == 1


def test_a_zone_is_the_rule_that_it_stands_for() -> None:
    """Else two workers with other time zones would divide visits otherwise, and not say so."""
    paris, rule = good("+01:00", "Europe/Paris"), good("+01:00", "CET-1CEST,M3.5.0,M10.5.0/3")

    assert paris == rule
    assert paris.version == rule.version != good().version
    assert good("+01:00", "Asia/Kolkata").visit != good().visit
    assert clock_of("-03:30").ahead_ms == -12_600_000


def test_only_such_a_contract_knows_that_visits_are_joined() -> None:
    contract = contract_json(good(), "sha", "function")

    assert "visit_merged" in contract["reply"]["flags"]
    assert "visit" not in contract["identity"]
    assert contract["argv"]["event"][5]["meaning"] == "empty: visits are found by time"
    assert "visit_merged" not in contract_of(load_rules("standard")).flags


def test_another_gap_is_a_conflict() -> None:
    ours, theirs = (
        contract_json(good('"30 min"', f'"{gap}"'), "sha", "function") for gap in ("30 min", "1 h")
    )

    assert conflicts(ours, ours) == []
    assert conflicts(ours, theirs) == [
        "gap: gap: they would divide the same events into other visits"
    ]
