"""`profiler rules diff`: old and new rules on the same records, which nothing else notices."""

import json
from pathlib import Path
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata
from typer.testing import CliRunner

from profiler.cli.app import app
from profiler.kafka.admin.client import patiently
from tests.integration.conftest import Deploy
from tests.integration.fault_events import VISITORS, page_views
from tests.integration.pipe_runs import T0

NEW = """\
name = "new"
extends = "standard"
drop = ["visitor_first_seen"]
[predicates]
any_page_view = [{ field = "query-other_eventtype", in = ["Pageview", "Product"] }]
[[fields]]
name = "visitor_products"
scope = "visitor"
operation = "unique_list"
value = "query-other_product"
"""


@pytest.fixture
def new(tmp_path: Path) -> str:
    path = tmp_path / "new.toml"
    path.write_text(NEW)
    return str(path)


def line(visitor: str, number: int, kind: str, **more: str) -> str:
    fields = {"domain_userid": visitor, "domain_sessionid": "A", "event_id": f"{visitor}{number}"}
    named = {f"query-other_{k}": v for k, v in (fields | {"eventtype": kind} | more).items()}
    return json.dumps({"value": named, "timestamp": T0 + number}) + "\n"


def diff(new: str, *arguments: str, text: str = "", code: int = 0) -> str:
    command = ["rules", "diff", new, "--rules", "standard", *arguments]
    done = CliRunner().invoke(app, command, input=text, catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stdout


def test_fields_that_differ_are_counted_by_visitors(new: str) -> None:
    text = "".join(
        [
            line("ada", 1, "Pageview") + line("ada", 2, "Product", product="boat"),
            line("bob", 1, "Pageview") + line("cyd", 1, "Product", product="car"),
            line("", 1, "Product") + "no line\n",
            # Its visits differ for one event alone.
            line("dee", 1, "Product") + line("dee", 2, "Pageview") + line("dee", 3, "Pageview"),
        ]
    )

    told: dict[str, Any] = json.loads(diff(new, "--input", "flattened", "--json", text=text))

    assert (told["records"], told["visitors"], told["without_profile"]) == (8, 4, 1)
    fields = {field["name"]: field for field in told["fields"]}
    views = fields.pop("visitor_pageviews")
    assert (views["visitors"], views["events"], views["begins_anew"]) == (3, 5, True)
    assert views["examples"][0] == {"visitor": "ada", "old": 1, "new": 2}
    bounce = fields.pop("visit_bounce")
    assert (bounce["visitors"], bounce["events"], bounce["begins_anew"]) == (2, 4, False)
    assert fields.keys() == {"visit_pageviews", "visit_engaged"}
    [products], [seen] = told["added"], told["dropped"]
    assert (products["name"], products["visitors"]) == ("visitor_products", 2)
    assert products["examples"][0] == {"visitor": "ada", "old": None, "new": ["boat"]}
    assert (seen["name"], seen["visitors"], seen["events"]) == ("visitor_first_seen", 4, 7)
    assert told["conflicts"] == []


def test_a_person_reads_it_and_a_limit_ends_it(new: str, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text("".join(line("ada\u001b", n, "Product") for n in range(9)))
    arguments = ("--input", "flattened", "--from", str(file), "--limit", "4")

    shown = diff(new, *arguments)

    assert "\u001b" not in shown
    assert "4 records, 1 visitor\n" in shown
    assert "differs: visitor_pageviews: 1 visitor, 4 events, and begins anew on stored" in shown
    assert "    ada\\x1b: 0 -> 4\n" in shown
    assert "no field differs" in diff("standard", *arguments)


def test_a_topic_is_read_beside_its_group(
    deploy: Deploy, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group does not move, and the worker's Redis is not asked for anything."""
    deployment = deploy("redis://127.0.0.1:1")
    count = 20 * len(VISITORS)
    deployment.produce(page_views(0, count))
    place = TopicPartition(deployment.topics["processed"], 0)
    offsets = {place: OffsetAndMetadata(5, "", -1)}
    patiently(lambda: deployment.admin.alter_group_offsets(deployment.groups["run"], offsets))
    monkeypatch.setenv("PROFILER_TOPICS__PROCESSED", deployment.topics["processed"])
    monkeypatch.setenv("PROFILER_REDIS__URL", "redis://127.0.0.1:1")
    flags = ("--from", "topic", "--json", "--bootstrap-servers", deployment.bootstrap_servers)

    told = json.loads(diff(new, *flags))
    latest = json.loads(diff(new, *flags, "--limit", "9"))
    none = json.loads(diff(new, *flags, "--since", "1d"))

    assert (told["records"], told["visitors"]) == (count, len(VISITORS))
    assert {each["name"] for each in told["dropped"]} == {"visitor_first_seen"}
    assert 0 < latest["records"] <= 9
    assert (none.get("records", 0), none["visitors"]) == (0, 0)
    assert deployment.committed() == {0: 5}
