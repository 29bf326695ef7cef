"""`profiler explain`: beside a Redis that holds the visitor, and changes in nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from profiler.cli.app import app
from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent
from profiler.rules.model import load_rules
from tests.conftest import MakeStore

START = 1_700_000_000_000

RULES = """\
name = "explained"
extends = "standard"
[identity]
visitor = ["q-account", "q-user"]
visit = "q-visit"
event_id = "q-id"
created = "q-created"
sent = "q-sent"
received = "q-received"
[derived]
url = "q-url"
referrer = "q-referrer"
[predicates]
any_page_view = [{ field = "q-kind", equals = "view" }]
page_view = [
  { field = "q-kind", equals = "view" },
  { any = [{ field = "q-total", ">" = 10 }, { field = "derived.host", starts_with = "shop" }] },
  { none = [{ flag = "new_visitor" }, { field = "q-kind", contains = "bot" }] },
]
[[fields]]
name = "visitor_total"
scope = "visitor"
operation = "sum"
value = "q-total"
"""


def event(number: int, visit: str, **fields: object) -> dict[str, Any]:
    ids: dict[str, Any] = {"user": "ada", "visit": visit, "id": f"e{number}", "kind": "view"}
    ids |= {"created": START + number * 1_000, "url": "https://shop.example/a?utm_source=news"}
    return {f"q-{name}": value for name, value in (ids | fields).items()}


def explained(text: str, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    command = ["explain", "--input", "flattened", "--json", *arguments]
    done = CliRunner().invoke(app, command, input=text, catch_exceptions=False)
    assert done.exit_code == code, done.output
    return [json.loads(line) for line in done.output.splitlines()]


@pytest.fixture
def rules(tmp_path: Path) -> str:
    path = tmp_path / "explained.toml"
    path.write_text(RULES)
    return str(path)


def test_each_field_has_its_value_before_and_after(private_store: MakeStore, rules: str) -> None:
    """The event's visit is not the latest one, and the stored profile stays byte for byte."""
    store = private_store()
    client = connect(store.url)
    script = ProfileScript(client, load_rules(rules))
    script.register()
    for number, visit in enumerate("ABAB"):
        script.apply([FlatEvent("", 0, -1, event(number, visit, total=5))])
    last = event(9, "A", total=7.5)
    key = script.calls_of([FlatEvent("", 0, -1, last)]).made[0].key
    held = client.dump(key), client.pexpiretime(key), client.info("persistence")

    told, again = explained(
        json.dumps(last) + "\n" + json.dumps(last), "--rules", rules, "--redis", store.url
    )

    fields = {each["name"]: (each["before"], each["after"]) for each in told["fields"]}
    assert fields["visitor_total"] == (20, 27.5)
    assert fields["visitor_events"] == (4, 5)
    assert fields["visit_events"] == (2, 3)
    assert fields["visit_number"] == (1, 1)
    assert fields["visit_end"] == (START + 2_000, START + 9_000)
    assert told["key"] == key
    assert again["flags"] == ["repeated"]
    assert {each["name"] for each in again["fields"] if each["before"] != each["after"]} == set()
    found = client.dump(key), client.pexpiretime(key), client.info("persistence")
    changes = [each[2]["rdb_changes_since_last_save"] for each in (held, found)]
    assert (found[:2], changes[1]) == (held[:2], changes[0])
    [outcome] = script.apply([FlatEvent("", 0, -1, last)])
    profile = getattr(outcome, "profile", {})
    assert {name: profile[f"profile_{name}"] for name in fields} == {
        name: after for name, (_, after) in fields.items()
    }
    client.close()


def test_each_condition_is_told_as_the_script_decides_it(rules: str) -> None:
    lines = [event(1, "A", total=10.5, url="https://b.example"), event(2, "A", kind="robot")]

    first, second = explained("\n".join(map(json.dumps, lines)), "--rules", rules)

    def held(told: dict[str, Any]) -> dict[str, Any]:
        return {each["name"]: each for each in told["predicates"]}

    assert [held(first)[name]["holds"] for name in ("any_page_view", "page_view")] == [True, False]
    either, neither = held(first)["page_view"]["conditions"][1:]
    assert [part["holds"] for part in (either, *either["parts"])] == [True, True, False]
    assert [part["holds"] for part in (neither, *neither["parts"])] == [False, True, False]
    assert neither["parts"][0]["words"] == 'flag "new_visitor"'
    either, neither = held(second)["page_view"]["conditions"][1:]
    assert [part["holds"] for part in (either, *either["parts"])] == [True, False, True]
    assert [part["holds"] for part in (neither, *neither["parts"])] == [False, False, True]
    assert second["derived"]["derived.host"] == "shop.example"


@pytest.mark.parametrize(
    ("fields", "ms", "why"),
    [
        ({}, START + 1_000, "created: the time of its device"),
        ({"created": "soon", "received": START}, START, "received: what the event has as created"),
        ({"created": "", "received": START}, START, "received: the event does not say when it"),
        (
            {"received": START - 9_000_000},
            START - 9_000_000 + 3_600_000,
            "created, moved to the bound, since it is ahead of received: limits.skew_minutes",
        ),
        (
            {"received": START + 7_200_000, "sent": START},
            START + 1_000 + 7_200_000,
            "created, moved by +120 min, since sent shows",
        ),
    ],
)
def test_the_time_is_told_with_its_reason(
    rules: str, fields: dict[str, Any], ms: int, why: str
) -> None:
    [told] = explained(json.dumps(event(1, "A", **fields), indent=1), "--rules", rules)

    assert told["time"]["ms"] == ms
    assert told["time"]["why"].startswith(why)


def test_whose_it_is_is_told_with_its_reason(rules: str) -> None:
    lines = [
        event(1, "A", account="null"),
        event(2, "A", account=7),
        event(3, "A", user=""),
        event(4, "A", account=[]),
    ]

    told = explained("\n".join([*map(json.dumps, lines), "{"]), "--rules", rules)

    assert [[each["verdict"] for each in one.get("identity", [])[:2]] for one in told] == [
        ["stands for nobody", "chosen"],
        ["chosen", "not looked at: one before it counts"],
        ["absent", "absent"],
        ["the visitor id is neither a string nor an integer", "chosen"],
        [],
    ]
    assert [bool(one.get("fields")) for one in told] == [True, True, False, False, False]
    assert [one.get("rejected", {}).get("code") for one in told] == [
        *(None, None, None, "bad_id", "bad_json"),
    ]
    explained("{", "--rules", rules, code=1)


def test_a_person_reads_it_as_columns(rules: str) -> None:
    processed = {"q": [{"name": "user", "value": "a\u001b[31m"}, {"name": "kind", "value": "view"}]}
    command = ["explain", "--rules", rules]
    done = CliRunner().invoke(app, command, input=json.dumps(processed), catch_exceptions=False)

    assert "\u001b" not in done.output
    lines = [" ".join(line.split()) for line in done.output.splitlines()]
    assert r'visitor q-user "a\u001b[31m" chosen' in lines
    assert "visitor_pageviews count when any_page_view yes 1" in lines
    assert 'no q-kind contains "bot"' in lines
