"""What makes a new version of the rules, and what a new code of a rule in the packed state."""

import pytest

from profiler.rules.model import Rules, parse_rules
from tests.unit.test_rules import GOOD


def version_of(text: str) -> str:
    return parse_rules(text, "shop.toml").version


def test_comments_layout_and_spelled_out_defaults_keep_the_version() -> None:
    commented = "# Ours.\n" + GOOD.replace("visits = 4", "visits = 4 # enough")
    spelled_out = GOOD.replace("visits = 4", "event_ids = 64\nvisits=4")

    assert version_of(commented) == version_of(GOOD)
    assert version_of(spelled_out) == version_of(GOOD)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ('name = "shop"', 'name = "store"'),
        ("q_session", "q_visit"),
        ("ttl_days = 30", "ttl_days = 31"),
        ("visits = 4", "visits = 5"),
        ("Pageview", "pageview"),
        ('operation = "first"', 'operation = "last"'),
        ('when = "page_view"\n\n', "\n"),
    ],
)
def test_every_change_of_meaning_changes_the_version(was: str, becomes: str) -> None:
    assert was in GOOD
    assert version_of(GOOD.replace(was, becomes, 1)) != version_of(GOOD)


def codes(rules: Rules) -> dict[str, bytes]:
    return {rule.name: rules.code_of(rule) for rule in rules.fields}


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ('operation = "first"', 'operation = "last"'),
        ('value = "q_page"', 'value = "q_url"'),
        ('value = "q_page"', 'value = "event_time"'),
        ('when = "page_view"\n\n', "\n"),
    ],
)
def test_a_rule_that_means_something_else_gets_a_new_state_code(was: str, becomes: str) -> None:
    """State that another meaning left behind must not be read as this one's."""
    before = codes(parse_rules(GOOD, "shop.toml"))
    after = codes(parse_rules(GOOD.replace(was, becomes, 1), "shop.toml"))

    assert after["visitor_first_page"] != before["visitor_first_page"]
    assert after["visit_pages"] == before["visit_pages"]


def test_a_predicate_that_means_something_else_gives_its_rules_new_state_codes() -> None:
    before = codes(parse_rules(GOOD, "shop.toml"))
    after = codes(parse_rules(GOOD.replace("Pageview", "page_view"), "shop.toml"))

    assert after["visitor_first_page"] != before["visitor_first_page"]
