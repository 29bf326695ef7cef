"""`profiler rules` on the command line."""

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from profiler.cli.app import app
from profiler.rules.contract import contract_of
from profiler.rules.model import PRESETS, Rules, load_rules
from profiler.rules.schema import file_schema

RULES = Path(__file__).parents[2] / "lua" / "vectors" / "rules"

SHOP = """\
name = "shop"
extends = "lean"
drop = ["visitor_last_page"]

[derived]
url = "page\\u007f_url"
referrer = "page_referrer"

[derived.sources]
social = ["forum.example"]

[[derived.channels]]
name = "Newsletter"
source = ["news*"]

[predicates]
dear = [
  { field = "total", ">" = 10.5 },
  { none = [{ field = "a", contains = 'a "b" \\' }, { flag = "new_visit" }] },
]

[[fields]]
name = "visitor_touch"
scope = "visitor"
operation = "touch"
which = "last"
lookback = "90 d"
when = "dear"
values = { source = "derived.source", channel = "derived.channel" }
"""


def output_of(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["rules", *arguments], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.toml"
    path.write_text(SHOP)
    return path


def test_check_counts_what_is_right_and_tells_all_that_is_wrong(shop: Path) -> None:
    version = load_rules(str(shop)).version
    assert output_of("check", str(shop)) == f"{shop} is right: 18 fields, version {version}\n"
    assert json.loads(output_of("check", str(shop), "--json"))["findings"] == []

    shop.write_text(SHOP.replace("lookback", "lokback").replace('"dear"', '"dare"'))
    assert output_of("check", str(shop), code=78).splitlines() == [
        (
            f"{shop}:27:1: rule visitor_touch: lokback: Extra inputs are not permitted;"
            " did you mean lookback?"
        ),
        f"{shop}:28:8: rule visitor_touch: when: no predicate is called dare; did you mean dear?",
    ]
    told = json.loads(output_of("check", str(shop), "--json", code=78))
    assert told["findings"][1] == {
        "file": str(shop),
        "line": 28,
        "column": 8,
        "where": "rule visitor_touch: when",
        "message": "no predicate is called dare",
        "nearest": "dear",
    }


@pytest.mark.parametrize("rules", [*PRESETS, "shop", *sorted(map(str, RULES.glob("*.toml")))])
def test_show_prints_a_file_of_the_same_version(rules: str, shop: Path, tmp_path: Path) -> None:
    rules = str(shop) if rules == "shop" else rules
    whole = tmp_path / "whole.toml"
    whole.write_text(output_of("show", rules))

    assert load_rules(str(whole)) == load_rules(rules)
    assert load_rules(str(whole)).version == load_rules(rules).version
    assert json.loads(output_of("show", rules, "--json")) == tomllib.loads(whole.read_text())


def test_show_says_where_each_part_is_from(shop: Path) -> None:
    lines = output_of("show", str(shop)).splitlines()

    assert f'name = "shop"  # {shop}:1' in lines
    assert f"[[fields]]  # {shop}:22" in lines
    assert any(line.startswith("ttl_days = 395  # lean.toml:") for line in lines)


@pytest.mark.parametrize("rules", [*PRESETS, "shop"])
def test_explain_says_each_field_and_input(rules: str, shop: Path) -> None:
    rules = str(shop) if rules == "shop" else rules
    loaded = load_rules(rules)
    told: dict[str, Any] = json.loads(output_of("explain", rules, "--json"))
    fields = {field["name"]: field for field in told["fields"]}
    inputs = {each["name"]: each for each in told["inputs"]}

    assert [*fields] == [field.name for field in contract_of(loaded).fields]
    assert {*loaded.inputs, *loaded.identity.visitor} <= {*inputs}
    assert all(field["meaning"] for field in told["fields"])
    shown = output_of("explain", rules)
    assert all(name in shown for name in [*fields, *inputs])
    if rules != str(shop):
        return
    touch = fields["visitor_touch_channel"]
    assert touch["needs"] == (
        'total > 10.5; none of (a contains "a \\"b\\" \\\\"; flag "new_visit");'
        " derived.source or derived.channel"
    )
    assert (touch["cost"]["bytes"], touch["cost"]["texts"]) == (21, 1)
    assert fields["visit_start"]["cost"]["times"] == loaded.limits.visits
    assert fields["visit_start"]["unit"] == "ms since the epoch"
    assert inputs["derived.source"]["meaning"].endswith("of page\x7f_url, page_referrer")


@pytest.mark.parametrize("rules", [SHOP, *(path.read_text() for path in RULES.glob("*.toml"))])
def test_the_schema_takes_what_is_right(rules: str) -> None:
    validator = jsonschema.Draft202012Validator(file_schema(Rules))

    assert [*validator.iter_errors(tomllib.loads(rules))] == []


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("extends", "extend"),
        ('"touch"', '"tuch"'),
        ("lookback", "look_back"),
        ('name = "shop"\n', ""),
        ('extends = "lean"\n', ""),
        ('"total"', "7"),
    ],
)
def test_the_schema_refuses_what_is_wrong(was: str, becomes: str) -> None:
    wrong = tomllib.loads(SHOP.replace(was, becomes, 1))

    assert not jsonschema.Draft202012Validator(file_schema(Rules)).is_valid(wrong)


def test_the_schema_has_words_for_every_key() -> None:
    schema = json.loads(output_of("schema"))
    silent = [
        f"{name}.{key}"
        for name, table in {"Rules": schema, **schema["$defs"]}.items()
        for key, value in table.get("properties", {}).items()
        if "description" not in value
    ]

    assert silent == [], "give them words in profiler/rules/data/words.toml"
