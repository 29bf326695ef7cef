"""Rules files: what is refused, and where the message points.

Over 250 lines: most are a table of wrong files.
"""

from pathlib import Path

import pytest

from profiler.errors import ConfigError
from profiler.rules.identity import NOBODY
from profiler.rules.model import PRESETS, load_rules, parse_rules
from profiler.rules.operations import operations
from tests.unit.findings import without_columns

#: A small file that is right; each wrong one differs by one line.
GOOD = """\
name = "shop"
order = "event_time"

[identity]
visitor = "q_user"
visit = "q_session"

[store]
key = "shop:{<id>}"
ttl_days = 30

[limits]
visits = 4

[predicates]
page_view = [
  { field = "q_type", equals = "Pageview" },
  { field = "q_page", present = true },
]

[visit]
bounce = "visit_pages"

[[fields]]
name = "visitor_first_page"
scope = "visitor"
operation = "first"
value = "q_page"
when = "page_view"

[[fields]]
name = "visit_pages"
scope = "visit"
operation = "count"
when = "page_view"
"""


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_load(preset: str) -> None:
    rules = load_rules(preset)

    assert rules.name == preset
    assert rules.version.startswith(f"{preset}-")
    assert rules.inputs[-2:] == ["query-other_eventtype", "query-other_page_title"] or (
        preset == "standard" and len(rules.derived_inputs) == 5
    )


def test_a_file_loads_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(GOOD)

    assert load_rules(str(path)) == parse_rules(GOOD, "here")


@pytest.mark.parametrize(
    ("was", "becomes", "finding"),
    [
        ('name = "shop"', 'name = "Shop!"', "1: name: String should match pattern"),
        ('name = "shop"\n', "", "1: name: Field required"),
        ('order = "event_time"', 'order = "time"', "2: order: Input should be 'event_time' or"),
        ('visitor = "q_user"', 'visitor = ""', "5: identity.visitor: String should have at least"),
        ('visitor = "q_user"\n', "", "4: identity.visitor: Field required"),
        ('visitor = "q_user"', "visitor = 7", "5: identity.visitor: Input should be a valid tuple"),
        ('visitor = "q_user"', "visitor = []", "5: identity.visitor: Tuple should have at least 1"),
        ('"q_user"', '["q_user", ""]', "5: identity.visitor.1: String should have at least 1"),
        ('"q_user"', '["q_user", 7]', "5: identity.visitor.1: Input should be a valid string"),
        ('"q_user"', '["a", "b", "a"]', "5: identity.visitor: a field is named twice"),
        ('"q_user"', f"[{', '.join(map(repr, 'abcdefghi'))}]", "5: identity.visitor: Tuple should"),
        ('"q_session"', '["a", "b"]', "6: identity.visit: Input should be a valid string"),
        ('"q_session"', '"s"\nnobody = "x"', "7: identity.nobody: Input should be a valid tuple"),
        ('"q_session"', '"s"\nnobody = [""]', "7: identity.nobody.0: String should have at least"),
        ('visit = "q_session"', 'visit = "s"\nsession = "s"', "7: identity.session: Extra inputs"),
        ("shop:{<id>}", "shop", "9: store.key: key must contain <id> exactly once"),
        ("shop:{<id>}", "<id>:<id>", "9: store.key: key must contain <id> exactly once"),
        ("shop:{<id>}", "{shop}:<id>", "9: store.key: the hash tag, in the first pair of braces"),
        ("shop:{<id>}", "{shop}:{<id>}", "9: store.key: the hash tag, in the first pair of"),
        ("shop:{<id>}", "shop{eu}:{<id>}", "9: store.key: the hash tag, in the first pair of"),
        ("shop:{<id>}", "<id>:{shop}", "9: store.key: the hash tag, in the first pair of braces"),
        ("shop:{<id>}", "{}:{<id>}", "9: store.key: the hash tag, in the first pair of braces"),
        ("shop:{<id>}", "<id>{", "9: store.key: key has a { without a }"),
        ("shop:{<id>}", "shop:{<id>", "9: store.key: key has a { without a }"),
        ("shop:{<id>}", "shop}<id>", "9: store.key: key has a } without a {"),
        ("ttl_days = 30", "ttl_days = 0", "10: store.ttl_days: Input should be greater than"),
        ("ttl_days = 30", 'ttl_days = "x"', "10: store.ttl_days: Input should be a valid integer"),
        (
            "visits = 4",
            "visits = 129",
            "13: limits.visits: Input should be less than or equal to 128",
        ),
        (", present = true }", " }", "18: predicates.page_view.1: a condition has either"),
        (
            "present = true",
            'present = true, equals = "x"',
            "18: predicates.page_view.1: a condition",
        ),
        (
            "present = true",
            "present = false",
            "18: predicates.page_view.1.present: Input should be",
        ),
        ('equals = "Pageview"', 'equals = ""', "17: predicates.page_view.0: an empty value counts"),
        (
            'equals = "Pageview"',
            'contains = ""',
            "17: predicates.page_view.0.contains: String should",
        ),
        (
            'equals = "Pageview"',
            "in = []",
            "17: predicates.page_view.0.in: List should have at lea",
        ),
        ('equals = "Pageview"', 'matches = "*"', "17: predicates.page_view.0.matches: a pattern"),
        ('equals = "Pageview"', 'in = [""]', "17: predicates.page_view.0.in.0: String should have"),
        ('equals = "Pageview"', '"<" = "5"', "17: predicates.page_view.0.<"),
        ('equals = "Pageview"', '"<" = true', "17: predicates.page_view.0.<"),
        ('equals = "Pageview"', '"<" = 1.00001', "17: predicates.page_view.0.<"),
        ('equals = "Pageview"', '"<" = nan', "17: predicates.page_view.0.<"),
        ('equals = "Pageview"', '">" = 1000000000000000', "17: predicates.page_view.0.>"),
        ('equals = "Pageview"', "between = [2, 1]", "17: predicates.page_view.0: between has the"),
        ('equals = "Pageview"', 'flag = "new_visit"', "17: predicates.page_view.0: flag needs no"),
        ('field = "q_page", present', "present", "18: predicates.page_view.1: present needs a f"),
        (
            '{ field = "q_page", present = true }',
            '{ flag = "late" }',
            "18: predicates.page_view.1.flag: Input should be 'new_visit' or 'new_visitor'",
        ),
        (
            '{ field = "q_page", present = true }',
            "{ any = [] }",
            "18: predicates.page_view.1.any: List should have at least 1 item",
        ),
        (
            '{ field = "q_page", present = true }',
            '{ any = [{ all = [{ none = [{ any = [{ field = "a", equals = "b" }] }] }] }] }',
            "18: predicates.page_view.1: all, any and none stand at most 4 deep",
        ),
        (
            'bounce = "visit_pages"',
            'bounce = "visitor_first_page"',
            "22: visit.bounce: bounce must",
        ),
        ('[visit]\nbounce = "visit_pages"\n', "", "1: visit.bounce: bounce must name a count"),
        ('order = "event_time"', 'order = "arrival"', "21: visit: visits are remembered only with"),
        ('name = "visitor_first_page"', "", "24: rule number 1: name: Field required"),
        ('"visitor_first_page"', '"visitor_id"', "25: rule visitor_id: name: visitor_id is built"),
        (
            '"visitor_first_page"',
            '"visit_page"',
            "25: rule visit_page: name: the name of a visitor",
        ),
        (
            'scope = "visitor"',
            'scope = "person"',
            "26: rule visitor_first_page: scope: Input should",
        ),
        (
            'operation = "first"',
            'operation = "first"\nlimit = 3',
            "28: rule visitor_first_page: limit: first has no limit",
        ),
        (
            'operation = "first"',
            'operation = "last_n"\nlimit = 101',
            "28: rule visitor_first_page: limit: last_n keeps at most 100 values",
        ),
        (
            'operation = "first"',
            'operation = "last_n"\nlimit = 0',
            "28: rule visitor_first_page: limit: Input should be greater than or equal to 1",
        ),
        (
            'operation = "first"\nvalue = "q_page"',
            'operation = "touch"\nwhich = "first"',
            "24: rule visitor_first_page: value: touch needs values: names, and fields",
        ),
        (
            'operation = "first"\nvalue = "q_page"',
            'operation = "touch"\nvalues = { a = "q_a" }',
            "24: rule visitor_first_page: which: touch needs which: first or last or last_non_dir",
        ),
        (
            'operation = "first"\nvalue = "q_page"',
            'operation = "touch"\nwhich = "first"\nlookback = "1 d"\nvalues = { a = "q_a" }',
            "29: rule visitor_first_page: lookback: only a last one has a lookback",
        ),
        (
            'operation = "first"\nvalue = "q_page"',
            'operation = "touch"\nwhich = "last"\nlookback = "1 day"\nvalues = { a = "q_a" }',
            "29: rule visitor_first_page: lookback: expected a number, a space and a unit",
        ),
        (
            'operation = "first"',
            'operation = "first"\nvalues = { a = "q_a" }',
            "28: rule visitor_first_page: values: first has no values",
        ),
        (
            'operation = "first"\nvalue = "q_page"',
            'operation = "touch"\nwhich = "last"\nvalue = "q_page"\nvalues = { a = "q_a" }',
            "30: rule visitor_first_page: values: a rule has either `value` or `values`",
        ),
        (
            'operation = "first"',
            'operation = "median"',
            "27: rule visitor_first_page: operation: no operation is called median; there ",
        ),
        ('value = "q_page"\n', "", "24: rule visitor_first_page: value: first needs a value: a"),
        (
            '"first"',
            '"sum"\ndecimals = 5',
            "28: rule visitor_first_page: decimals: Input should be",
        ),
        (
            '"first"',
            '"first"\ndecimals = 2',
            "28: rule visitor_first_page: decimals: first takes no",
        ),
        (
            'operation = "first"\nvalue = "q_page"',
            'operation = "sum"\nvalue = "event_time"',
            "28: rule visitor_first_page: value: sum does not take the event's time",
        ),
        (
            'when = "page_view"\n\n',
            'when = "sale"\n\n',
            "29: rule visitor_first_page: when: no predi",
        ),
        (
            'when = "page_view"\n\n',
            'if = "page_view"\n\n',
            "29: rule visitor_first_page: if: Extra",
        ),
        (
            '"count"',
            '"count"\nvalue = "q_page"',
            "35: rule visit_pages: value: count takes no value",
        ),
        (
            '"visitor_first_page"',
            '"visitor_\u00e9"',
            "25: rule visitor_\u00e9: name: String should match",
        ),
        (
            "page_view = [",
            '"page view" = [',
            "16: predicates.page view: String should match pattern",
        ),
        (
            "page_view = [",
            '"page\\nview\\u001b" = [',
            "16: predicates.page\\nview\\x1b: String should",
        ),
        ("page_view = [", '"[key]" = [', "16: predicates.[key]: String should match pattern"),
        ("[[fields]]", "[[field]]", "24: field: Extra inputs are not permitted"),
        (
            "visits = 4",
            "visits = 4 4",
            "shop.toml:13: file: Expected newline or end of document after a sta",
        ),
    ],
)
def test_a_wrong_file_is_refused_at_its_place(was: str, becomes: str, finding: str) -> None:
    assert was in GOOD

    with pytest.raises(ConfigError) as refused:
        parse_rules(GOOD.replace(was, becomes, 1), "shop.toml")

    assert finding in without_columns(refused.value)
    assert "shop.toml" in str(refused.value).splitlines()[0]


def test_one_visitor_field_means_the_same_as_a_list_of_one() -> None:
    one, several = parse_rules(GOOD, "a"), parse_rules(GOOD.replace('"q_user"', '["q_user"]'), "b")
    assert one == several
    assert one.version == several.version
    assert one.identity.model_dump(exclude_none=True) == {"visitor": "q_user", "visit": "q_session"}


def test_other_fields_and_other_nobodies_are_other_rules() -> None:
    texts = {
        "one": GOOD,
        "two": GOOD.replace('"q_user"', '["q_user", "q_cookie"]'),
        "swapped": GOOD.replace('"q_user"', '["q_cookie", "q_user"]'),
        "nobody": GOOD.replace("[store]", 'nobody = ["guest"]\n[store]'),
        "everybody": GOOD.replace("[store]", "nobody = []\n[store]"),
    }
    versions = {name: parse_rules(text, name).version for name, text in texts.items()}
    assert len(set(versions.values())) == len(versions)
    # What was rendered before either could be said keeps its name.
    said = GOOD.replace("[store]", f"nobody = {list(NOBODY)}\n[store]")
    assert parse_rules(said, "said").version == versions["one"]


def test_a_part_of_a_touch_that_is_another_field_is_refused() -> None:
    touch = 'operation = "touch"\nwhich = "first"\nvalues = { pages = "q_a" }'
    both = GOOD.replace('operation = "first"\nvalue = "q_page"', touch)
    both = both.replace("visitor_first_page", "visitor_all")
    both = both.replace('"visit_pages"\nscope = "visit"', '"visitor_all_pages"\nscope = "visitor"')

    with pytest.raises(ConfigError, match="29:10: rule visitor_all: values: visitor_all_pages is"):
        parse_rules(both.replace('bounce = "visit_pages"', 'bounce = "visit_x"'), "shop.toml")


def test_a_name_twice_is_refused_at_the_second() -> None:
    second = GOOD.replace(
        '"visit_pages"\nscope = "visit"', '"visitor_first_page"\nscope = "visitor"'
    )

    with pytest.raises(ConfigError) as refused:
        parse_rules(second, "shop.toml")

    assert str(refused.value).splitlines() == [
        "shop.toml:22:10: visit.bounce: bounce must name a count of scope visit",
        "shop.toml:32:8: rule visitor_first_page: name: visitor_first_page is declared twice",
    ]


@pytest.mark.parametrize("fields", ["[1]", "[[]]", "1", "[{}]"])
def test_fields_of_another_shape_are_refused(fields: str) -> None:
    head, _, _ = GOOD.partition("[identity]")

    with pytest.raises(ConfigError, match=r"shop.toml:4:1[01]: (fields|rule number 1)"):
        parse_rules(f"{head}fields = {fields}\n", "shop.toml")


def test_more_inputs_than_a_lua_function_can_hold_are_refused() -> None:
    rule = (
        '\n[[fields]]\nname = "visit_a{0}"\nscope = "visit"\noperation = "last"\nvalue = "a{0}"\n'
    )
    just_enough = GOOD + "".join(rule.format(i) for i in range(62))

    assert len(parse_rules(just_enough, "shop.toml").inputs) == 64
    with pytest.raises(
        ConfigError, match=r"shop.toml:24:1: fields: at most 64 fields of the event"
    ):
        parse_rules(just_enough + rule.format(62), "shop.toml")


def test_every_finding_is_told_at_once() -> None:
    wrong = GOOD.replace("ttl_days = 30", "ttl_days = 0").replace("visits = 4", "visits = 0")

    with pytest.raises(ConfigError) as refused:
        parse_rules(wrong, "shop.toml")

    starts = [line.split(": ")[0] for line in str(refused.value).splitlines()]
    assert starts == ["shop.toml:10:12", "shop.toml:13:10"]


def test_a_missing_file_is_refused_with_the_names_of_the_presets() -> None:
    with pytest.raises(
        ConfigError, match=r"rules nowhere\.toml: .*or a preset: article, lean, standard"
    ):
        load_rules("nowhere.toml")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_bytes(b"name = '\xff'")

    with pytest.raises(ConfigError, match=r"rules .*rules\.toml: 'utf-8' codec"):
        load_rules(str(path))


def test_the_types_of_fields_follow_from_their_operations() -> None:
    types = {rule.name: rule.type for rule in load_rules("lean").fields}

    assert types["visitor_first_page"] == "string"
    assert types["visitor_first_seen"] == types["visit_pageviews"] == "integer"


def test_an_unknown_operation_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError) as refused:
        parse_rules(GOOD.replace('"first"', '"median"'), "shop.toml")

    known = [name for name in operations() if "." not in name]  # a window is no operation
    assert f"; there are {', '.join(known)}; did you mean mean?" in str(refused.value)


def test_an_order_that_an_operation_does_not_know_is_refused() -> None:
    arrival = GOOD.replace('"event_time"', '"arrival"').replace(
        '[visit]\nbounce = "visit_pages"\n', ""
    )
    assert parse_rules(arrival, "shop.toml").order == "arrival"

    with pytest.raises(ConfigError) as refused:
        parse_rules(arrival.replace('"first"', '"sum"'), "shop.toml")

    assert str(refused.value).endswith(
        "visitor_first_page: operation: sum is unknown to order arrival"
    )
