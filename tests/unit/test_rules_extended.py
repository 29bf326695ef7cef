"""Rules files upon others, and all mistakes of them at once."""

from pathlib import Path

import pytest

from profiler.errors import ConfigError
from profiler.rules.layers import layered_text
from profiler.rules.model import PRESETS, load_rules, parse_rules
from profiler.rules.places import RulesError
from profiler.rules.toml_places import line_and_column, spots_of

LEAN = load_rules("lean")

SHOP = """\
name = "shop"
extends = "lean"
drop = ["visitor_last_page", "identity.sent", "predicates.never"]

[identity]
visitor = ["account", "cookie"]

[limits]
visits = 4

[predicates]
page_view = [{ field = "q_type", equals = "Screen" }]

[[fields]]
name = "visit_events"
scope = "visit"
operation = "unique_count"
value = "q_page"

[[fields]]
name = "visitor_spent"
scope = "visitor"
operation = "sum"
value = "q_total"
"""


def test_a_file_is_laid_upon_another_by_names_and_keys() -> None:
    shop = parse_rules(SHOP.replace(', "predicates.never"', ""), "shop.toml")

    names = [rule.name for rule in LEAN.fields if rule.name != "visitor_last_page"]
    assert [rule.name for rule in shop.fields] == [*names, "visitor_spent"]
    replaced = next(rule for rule in shop.fields if rule.name == "visit_events")
    assert (replaced.operation, replaced.value, replaced.when) == ("unique_count", "q_page", None)
    assert shop.identity.visitor == ("account", "cookie")
    assert (shop.identity.visit, shop.identity.sent) == (LEAN.identity.visit, None)
    assert shop.limits == LEAN.limits.model_copy(update={"visits": 4})
    assert [*shop.predicates] == [*LEAN.predicates]
    assert shop.predicates["page_view"] != LEAN.predicates["page_view"]
    assert shop.version.startswith("shop-")


def test_the_effective_file_alone_makes_the_version(tmp_path: Path) -> None:
    base = tmp_path / "base.toml"
    base.write_text('extends = "lean"\nname = "base"\ndrop = ["visitor_last_page"]\n')
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "shop.toml").write_text('extends = "../base.toml"\nname = "shop"\n')
    at_once = parse_rules(base.read_text().replace('"base"', '"shop"'), "at_once.toml")

    assert load_rules(str(tmp_path / "below" / "shop.toml")) == at_once
    assert parse_rules('extends = "lean"\nname = "lean"\n', "same.toml") == LEAN


def test_all_mistakes_are_told_at_once_each_at_its_place() -> None:
    wrong = SHOP.replace("visits = 4", "vists = 4").replace('"sum"', '"summ"\nwhen = "page_vew"')
    wrong = wrong.replace('equals = "Screen"', 'equal = "Screen"').replace(
        'scope = "visit"\noperation', 'scope = "visits"\noperation'
    )

    with pytest.raises(RulesError) as refused:
        parse_rules(wrong + 'values = { a = "b" }\nlookback = "1 day"\n', "shop.toml")

    told = [(each.line, each.column, each.nearest) for each in refused.value.findings]
    assert told == [
        (3, 47, "predicates.page_view"),
        (9, 1, "visits"),
        (12, 34, "equals"),
        (16, 9, "visit"),
        (23, 13, "sum"),
        (24, 8, "page_view"),
        (26, 10, ""),
        (27, 12, ""),
    ]
    assert str(refused.value).splitlines()[1] == (
        "shop.toml:9:1: limits.vists: Extra inputs are not permitted; did you mean visits?"
    )


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ('operation = "sum"', 'oparation = "sum"'),
        ('operation = "sum"', 'operation = "smu"\nlimit = 7'),
        ("equals", "is"),
        ('value = "q_total"', "value = 7"),
        ('[{ field = "q_type", equals = "Screen" }]', "7"),
        ('[[fields]]\nname = "visitor_spent"', '[[field]]\nname = "visitor_spent"'),
        ('visitor = ["account", "cookie"]', "visitor = []"),
        ('name = "shop"\n', ""),
        (
            'spent"\nscope = "visitor"\noperation = "sum"\nvalue = "q_total"',
            'first"\nscope = "visitor"\noperation = "touch"\nwhich = "last"\nvalues.page = "p"',
        ),
    ],
)
def test_what_follows_from_a_mistake_is_not_told(was: str, becomes: str) -> None:
    wrong = SHOP.replace(', "predicates.never"', "").replace(was, becomes, 1)

    with pytest.raises(RulesError) as refused:
        parse_rules(wrong, "shop.toml")

    assert len(refused.value.findings) == 1 + becomes.count("limit"), str(refused.value)


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ('extends = "standart"', "a.toml:2:11: extends: rules standart: "),
        ('extends = "a.toml"', "a.toml:2:11: extends: a.toml would extend itself"),
        ("extends = 7", "a.toml:2:11: extends: expected a preset (article, "),
        ('drop = ["x"]', "a.toml:2:8: drop: drop needs extends: nothing is inherited here"),
        ('extends = "lean"\ndrop = "x"', "a.toml:3:8: drop: expected a list of names"),
        (
            'extends = "lean"\ndrop = ["visit_pageviews"]',
            (
                "a.toml:3:9: drop: visit.bounce: bounce must name a count of scope visit, and"
                " visit_pageviews is dropped here"
            ),
        ),
        (
            'extends = "lean"\n[visit]\nbounce = "visit_evnts"',
            (
                "a.toml:4:10: visit.bounce: bounce must name a count of scope visit; did you mean"
                " visit_events?"
            ),
        ),
    ],
)
def test_what_is_wrong_with_extends_is_told_in_the_file_at_fault(text: str, finding: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_rules(f'name = "a"\n{text}\n', "a.toml")

    assert finding in str(refused.value)


def test_a_mistake_that_is_inherited_names_both_files(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('name = "base"\nextends = "lean"\nplain = 7\n')

    with pytest.raises(RulesError) as refused:
        parse_rules('name = "a"\nextends = "base.toml"\n', str(tmp_path / "a.toml"))

    [finding] = refused.value.findings
    assert (finding.file, finding.line) == (str(tmp_path / "base.toml"), 3)
    assert finding.message.endswith("a.toml extends this file)")


def test_places_are_found_in_every_way_to_write_toml() -> None:
    text = (
        "a.'b c'.\"d\" = 1 # [x]\n"
        "[t] # {\n"
        's = """x\n[no]\n""" \n'
        "list = [ [1, {k = 2, l.m = '#'}], # ]\n  'last', ]\n"
        "[[p . q]]\nn = 1\n[p.q.r]\nz = 1979-05-27 07:32:00\n[[p.q]]\nn = 2\r\n"
    )
    places = {place: line_and_column(text, spot.value) for place, spot in spots_of(text).items()}

    assert places["a", "b c", "d"] == (1, 15)
    assert places["t", "list", 0, 1, "l", "m"] == (6, 28)
    assert places["t", "list", 1] == (7, 3)
    assert places["p", "q", 0, "r", "z"] == (11, 5)
    assert places["p", "q", 1, "n"] == (13, 5)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_part_of_a_preset_has_a_place(preset: str) -> None:
    layered = layered_text(f'name = "x"\nextends = "{preset}"\n', "x.toml")

    for number, rule in enumerate(layered.data["fields"]):
        for key, value in rule.items():
            origin = layered.origin(("fields", number, key))
            line, column = origin.source.at(origin.place)
            lines = origin.source.text.splitlines()
            written = lines[line - 1][column - 1 :]
            heads = f'"{value}"' if isinstance(value, str) else ("{", "[", str(value))
            assert written.startswith(heads)


@pytest.mark.parametrize(
    ("rule", "finding"),
    [
        ('was = "visit_spent"', "was: the name of a visitor field begins with visitor_"),
        ('was = { when = "sal" }', "was: when: no predicate is called sal: keep it under its name"),
        ('was = { value = "event_time" }', "was: the values are not alike"),
        ("was = { operation = 'mean' }", "was: operation: Extra inputs are not permitted"),
        ('was = "visitor_spent_all"', "name: shares its state code with visitor_spent_all"),
    ],
)
def test_what_a_rule_was_must_be_alike(rule: str, finding: str) -> None:
    twin = '\n[[fields]]\nname = "visitor_spent"\nscope = "visitor"\noperation = "sum"\n'
    twin += 'value = "total"\n'
    head = 'name = "a"\nextends = "lean"\n' + twin.replace("spent", "spent_all")

    with pytest.raises(ConfigError) as refused:
        parse_rules(f"{head}{twin}{rule}\n", "a.toml")

    assert f": rule visitor_spent: {finding}" in str(refused.value)


def test_less_may_not_be_kept_than_before() -> None:
    rule = '[[fields]]\nname = "visitor_l"\nscope = "visitor"\noperation = "last_n"\nvalue = "v"\n'

    with pytest.raises(ConfigError, match="was: limit: what was kept beyond the limit of now"):
        parse_rules(
            f'name = "a"\nextends = "lean"\n{rule}limit = 5\nwas = {{ limit = 6 }}', "a.toml"
        )
