"""The examples of docs/rules.md: what the page says that a profile shows, it shows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from profiler.profiles.redis.connections import connect
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent
from profiler.rules.model import parse_rules
from profiler.rules.operations import operations

if TYPE_CHECKING:
    import redis

    from servers.redis import Store

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text("utf-8")
EXAMPLE = r"```toml\n((?:(?!```).)*)```\n\n```text\n(.*?)```"
EXAMPLES = re.findall(EXAMPLE, PAGE, flags=re.DOTALL)
#: A whole ten seconds.
START = 1_700_000_000_000
STEP_MS = 10_000

HEAD = """
name = "example"
order = "event_time"
[identity]
visitor = "u-id"
visit = "u-visit"
event_id = "u-event"
created = "at"
[store]
key = "{key}"
[visit]
bounce = "visit_all_events"
[[fields]]
name = "visit_all_events"
scope = "visit"
operation = "count"
"""


def rules_of(toml: str, key: str) -> str:
    """The whole file of an example; one with a table `visit` has visits without ids."""
    head = HEAD.replace("{key}", key)
    if "[visit]" in toml:
        own = '[visit]\nbounce = "visit_all_events"\n'
        head = head.replace('visit = "u-visit"\n', "").replace(own, "")
    return head + toml


def rows(lines: str) -> list[list[dict[str, Any]]]:
    """The events of an example, each with what the profile then shows, and what is told."""
    decoder = json.JSONDecoder()
    found = []
    for line in lines.splitlines():
        row, rest = [], line
        while rest.strip():
            each, end = decoder.raw_decode(rest.strip())
            row.append(each)
            rest = rest.strip()[end:]
        found.append(row)
    return found


@pytest.mark.parametrize(("toml", "lines"), EXAMPLES, ids=[f"{n}" for n in range(len(EXAMPLES))])
def test_an_example_shows_what_the_page_says(
    store: Store, redis_client: redis.Redis, key_prefix: str, toml: str, lines: str
) -> None:
    key = f"{key_prefix}{{<id>}}"
    rules = parse_rules(rules_of(toml, key), "example.toml")
    client = connect(store.url)
    script = ProfileScript(client, rules)
    script.register()
    for number, (event, shown, *told) in enumerate(rows(lines)):
        ids = {"u-id": "ada", "u-visit": "A", "u-event": f"e{number}"}
        flat = FlatEvent("", 0, START + number * STEP_MS, ids | event)
        [outcome] = script.apply([flat])
        profile: dict[str, Any] = getattr(outcome, "profile", {})
        assert {name: profile[f"profile_{name}"] for name in shown} == shown, (number, event)
        triggers = {each.name: each.state for each in getattr(outcome, "triggers", ())}
        assert [triggers] * bool(rules.triggers) == told, (number, event)
    client.close()
    redis_client.unlink(key.replace("<id>", "ada"))


def test_the_page_has_the_worked_examples_and_every_operation() -> None:
    worked = PAGE[PAGE.index("\n## Examples\n") :].split("\n### ")[1:]
    assert [each.partition("\n")[0] for each in worked] == [
        "Campaign attribution",
        "Content interests",
        "A funnel's steps",
        "Recency and frequency",
        "Lifetime value",
        "Engaged visits",
        "Bots left out of counts",
    ]
    assert all(re.search(EXAMPLE, each, flags=re.DOTALL) for each in worked)
    table = PAGE[PAGE.index("| operation | value |") : PAGE.index("Ties of event time")]
    assert set(re.findall(r"`([a-z_]+)`", table)) >= {n for n in operations() if "." not in n}
