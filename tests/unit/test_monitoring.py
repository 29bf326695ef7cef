"""Catalogue, dashboard, alert rules and runbook name the same things."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, ProcessCollector

from profiler.service.metrics import CATALOGUE
from servers import MissingServerError
from servers.prometheus import binary
from tests.missing import give_up
from tools.dashboard.panels import ROWS

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
RULE_TESTS = DEPLOY / "prometheus" / "alerts_test.yml"
DASHBOARD = DEPLOY / "grafana" / "dashboard.json"
RUNBOOK = ROOT / "docs" / "monitoring.md"

ALERT_NAMES = re.findall(r"- alert: (\w+)", ALERTS.read_text("utf-8"))
#: How every metric of ours, and every standard one of a process, begins.
NAME = re.compile(r"\b(?:profiler|process|kafka_consumergroup)_\w+")
#: What a histogram's series end with.
PARTS = ("_bucket", "_count", "_sum")


def known() -> set[str]:
    """The names of all series."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    found = {sample.name for family in registry.collect() for sample in family.samples}
    for metric in CATALOGUE:
        is_histogram = metric.kind == "histogram"
        found |= {metric.name + part for part in PARTS} if is_histogram else {metric.name}
    return found


def expressions_in(rules: str) -> str:
    """The rules without what is prose."""
    return re.sub(r"(summary|runbook_url|- alert): .*", "", rules)


@pytest.mark.parametrize("path", [ALERTS, RULE_TESTS, DASHBOARD], ids=lambda path: path.name)
def test_every_metric_that_is_asked_for_exists(path: Path) -> None:
    text = expressions_in(path.read_text("utf-8"))
    asked = set(NAME.findall(text))
    assert asked
    assert asked - known() == set()


def test_the_dashboard_shows_every_metric_but_those_that_alerts_and_people_ask_for() -> None:
    asked = set(NAME.findall(DASHBOARD.read_text("utf-8")))
    asked |= set(NAME.findall(ALERTS.read_text("utf-8")))
    shown = {name.removesuffix("_bucket") for name in asked}
    assert {metric.name for metric in CATALOGUE} - shown == {
        *("profiler_generation", "profiler_visitors_new_total", "profiler_records_profiled_total"),
        *("profiler_records_references_total", "profiler_records_restamped_total"),
        "profiler_records_repaired_total",
        "profiler_triggers_total",  # the presets have none, and a panel would be empty
    }


def test_every_panel_says_what_it_means() -> None:
    panels = [panel for row in ROWS.values() for panel in row]
    assert all(panel.meaning.endswith(".") and panel.queries for panel in panels)
    assert all(sum(panel.width for panel in row) % 24 == 0 for row in ROWS.values())


def test_panels_do_not_overlap() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} on {taken[x, y]}"
                taken[x, y] = panel["title"]


def test_every_metric_says_what_it_is_and_has_few_labels() -> None:
    for metric in CATALOGUE:
        assert metric.help.endswith("."), metric.name
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert bool(metric.buckets) == (metric.kind == "histogram"), metric.name
    labels = {label for metric in CATALOGUE for label in metric.labels}
    assert labels == {
        *("code", "phase", "kind", "server", "reason", "primary", "worker"),
        *("group", "topic", "partition", "version", "mode", "delivery", "engine"),
        *("trigger", "state", "field"),  # named by the rules
        *("method", "route", "status", "result"),
    }
    names = [metric.name for metric in CATALOGUE]
    assert len(set(names)) == len(names)


def test_every_alert_has_its_place_in_the_runbook_and_its_test() -> None:
    headings = re.findall(r"^### (\w+)$", RUNBOOK.read_text("utf-8"), re.MULTILINE)
    assert [heading for heading in headings if heading.startswith("Profiler")] == ALERT_NAMES
    places = re.findall(r"runbook_url: docs/monitoring\.md#(\w+)", ALERTS.read_text("utf-8"))
    assert places == [name.lower() for name in ALERT_NAMES]
    tested = set(re.findall(r"alertname: (\w+)", RULE_TESTS.read_text("utf-8")))
    assert tested == set(ALERT_NAMES)


@pytest.mark.parametrize(
    "arguments", [("check", "rules", ALERTS), ("test", "rules", RULE_TESTS)], ids=["check", "test"]
)
def test_promtool_is_content(arguments: tuple[str | Path, ...]) -> None:
    try:
        promtool = binary("promtool")
    except MissingServerError as missing:
        give_up("promtool", [str(missing)])
    done = subprocess.run(
        [promtool, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
