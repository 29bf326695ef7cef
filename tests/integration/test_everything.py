"""Rules that use all there is at once, by every command that reads rules."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from profiler.cli.app import app
from profiler.cli.options import script_from, settings_from
from profiler.records.types import FlatEvent
from profiler.rules.model import load_rules
from profiler.rules.render import render

if TYPE_CHECKING:
    from tests.conftest import MakeStore

FOLDER = Path(__file__).parent / "everything"
RULES, BASE = str(FOLDER / "everything.toml"), str(FOLDER / "base.toml")
T0 = 1_700_000_000_000  # 13 minutes past eleven in the evening in Paris
MINUTE = 60_000


def event(number: int, minutes: int, **fields: object) -> str:
    ms = T0 + minutes * MINUTE
    own: dict[str, object] = {
        "other_domain_userid": "ada",
        "other_event_id": f"e{number}",
        "other_dvce_created_tstamp": ms,
        "other_eventtype": "Pageview",
        "other_page_url": "https://shop.example/?utm_source=news1",
        "other_page_urlpath": "/shop/7x",
        "mail": "ada@shop.example",
        "name": "Ada",
    }
    named = {f"query-{name}": value for name, value in (own | fields).items()}
    return json.dumps({"value": named, "timestamp": ms})


EVENTS = [
    event(1, -120, other_page_title="A"),
    event(2, -70, other_page_title="B", total=60.5, topic="cars", other_tr_orderid="o1"),
    # It lies between the two, and makes them one visit.
    event(3, -95, other_page_title="C", total="50.00", topic="boats"),
    event(4, -10, other_page_title="D", total=-20),
    # The next day in Paris.
    event(5, 50, other_page_title="E"),
]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFILER_PRIVACY__HASH_KEY", "ab" * 32)


def run(*arguments: str, code: int = 0) -> str:
    text = "\n".join(EVENTS)
    done = CliRunner().invoke(app, list(arguments), input=text, catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stdout


def test_no_function_of_the_script_hides_another_one() -> None:
    names = re.findall(r"^local function (\w+)", render(load_rules(RULES)), flags=re.MULTILINE)

    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_the_commands_about_rules(tmp_path: Path) -> None:
    version = load_rules(RULES).version
    whole = tmp_path / "whole.toml"
    whole.write_text(run("rules", "show", RULES))

    assert f"is right: 53 fields, version {version}" in run("rules", "check", str(whole))
    told = json.loads(run("rules", "explain", RULES, "--json"))
    fields = {field["name"]: field for field in told["fields"]}
    assert fields["visit_duration"]["unit"] == "ms"
    assert fields["visitor_active_days"]["unit"] == "days"
    assert fields["visitor_is_lurker"]["meaning"].endswith("null until visitor_visits > 1")
    assert [each["is_undone"] for each in told["triggers"]] == [True, False]
    assert told["visit"]["gap"] == "30 min"
    assert [i["meaning"][:8] for i in told["inputs"] if i["name"] == "query-mail"] == ["personal"]
    shown = run("rules", "explain", RULES)
    assert re.search(r"big_spender +visitor +visitor_spent_30d > 100 +yes", shown)


def test_diff_tells_of_triggers(tmp_path: Path) -> None:
    new = tmp_path / "new.toml"
    text = Path(RULES).read_text().replace('"base.toml"', json.dumps(BASE))
    new.write_text(text.replace('">" = 100', '">" = 60').replace('"reader"', '"a_reader"'))

    told = json.loads(
        run("rules", "diff", str(new), "--rules", RULES, "--input", "flattened", "--json")
    )
    shown = run("rules", "diff", RULES, "--rules", BASE, "--input", "flattened")

    assert told["fields"] == []
    triggers = {each.pop("name"): each for each in told["triggers"]}
    assert [(name, each["old"], each["new"]) for name, each in triggers.items()] == [
        ("big_spender", 1, 1),
        # The visit that opened with it was joined with an earlier one.
        ("reader", 2, None),
        ("a_reader", None, 2),
    ]
    assert [each["begins_anew"] for each in triggers.values()] == [True, False, False]
    assert triggers["a_reader"]["examples"] == [{"visitor": "ada", "old": 0, "new": 2}]
    assert "trigger added: big_spender: 1 visitor, fired 1\n    ada: 0 -> 1\n" in shown


def test_explain_shows_the_visit_that_the_event_turned_out_to_be_of() -> None:
    lines = run("explain", "--rules", RULES, "--input", "flattened", "--json").splitlines()

    told: list[dict[str, Any]] = [json.loads(line) for line in lines]
    before, after = (
        [{each["name"]: each[when] for each in one["fields"]} for one in told]
        for when in ("before", "after")
    )
    assert [one["flags"] for one in told] == [
        ["new_visit", "new_visitor"],
        ["new_visit"],
        ["visit_merged"],
        ["new_visit"],
        ["new_visit"],
    ]
    # Of the two visits the earlier one is that of the event.
    assert before[2]["visit_id"] == after[2]["visit_id"] == after[0]["visit_id"]
    assert [before[2][name] for name in ("visit_events", "visit_path")] == [1, ["A"]]
    assert [after[2][name] for name in ("visit_events", "visit_path")] == [3, ["B", "C", "A"]]
    assert [one["visit_events"] for one in before] == [None, None, 1, None, None]
    assert before[4]["visitor_events"] == 4
    assert told[2]["time"]["iso"] == "2023-11-14 20:38:20.000"
    holds = {each["name"]: each["holds"] for each in told[1]["predicates"]}
    assert [holds[name] for name in ("conversion", "product", "page_ping")] == [True, True, False]
    turned = [{each["name"]: each["state"] for each in one["triggers"]} for one in told]
    assert [one["big_spender"] for one in turned] == ["", "", "fired", "retracted", ""]


def test_a_visitor_is_shown_exported_and_forgotten(private_store: MakeStore) -> None:
    """And no personal field is in what is stored."""
    url = private_store().url
    where = ("--rules", RULES, "--redis", url)
    script = script_from(settings_from(None, rules=RULES, redis=url, without_kafka=True))
    events = [json.loads(each) for each in EVENTS]
    outcomes = script.apply([FlatEvent("", 0, e["timestamp"], e["value"]) for e in events])
    last = getattr(outcomes[-1], "profile", {})

    shown = json.loads(run("get", "ada", *where))
    exported = json.loads(run("export", "ada", *where))

    as_answered = ("visitor_points", "visitor_topics", "visitor_days", "visit_id", "visit_bounce")
    assert [shown["profile"][name] for name in as_answered] == [
        last[f"profile_{name}"] for name in as_answered
    ]
    assert [visit["visit_number"] for visit in exported["visits"]] == [1, 2, 3]
    assert exported["visitor"]["visitor_mails"] == 1
    assert not re.search("ada@|Ada", json.dumps(exported))
    assert run("forget", "ada", *where).startswith("forgot 1 visitor; profiles: 1;")
    run("get", "ada", *where, code=1)
    run("export", "ada", *where, code=1)
