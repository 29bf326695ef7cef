"""The installed wheel works where there is no source tree."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import profiler
from profiler.rules.model import PRESETS, load_rules
from profiler.rules.render import render, sha_of
from tests.integration.demo_run import counts_of, expected_counts
from tests.packaging.commands import ROOT
from tests.packaging.conftest import Installation

EVENT = {
    "query": [
        {"name": "other_domain_userid", "value": "ada"},
        {"name": "other_domain_sessionid", "value": "visit-1"},
        {"name": "other_eventtype", "value": "Pageview"},
    ]
}


def test_it_is_the_wheel_that_runs(installation: Installation) -> None:
    where = installation.run(
        installation.python, "-c", "import profiler; print(profiler.__file__)"
    ).stdout

    assert Path(where).is_relative_to(installation.directory)
    said = installation.run(installation.profiler, "--version").stdout
    assert said == f"profiler {profiler.__version__}\n"
    assert installation.run(installation.python, "-m", "profiler", "--version").stdout == said


@pytest.mark.parametrize("preset", PRESETS)
def test_its_script_is_the_one_that_was_committed(installation: Installation, preset: str) -> None:
    show = installation.run(installation.profiler, "lua", "show", "--rules", preset).stdout
    sha = installation.run(installation.profiler, "lua", "sha", "--rules", preset).stdout

    assert show == (ROOT / "lua" / "rendered" / f"{preset}.lua").read_text("utf-8")
    assert sha.strip() == sha_of(render(load_rules(preset)))


def test_pipe_profiles_records_with_a_store_of_its_own(installation: Installation) -> None:
    def line(page: str, second: int) -> str:
        query = [*EVENT["query"], {"name": "other_page_title", "value": page}]
        timestamp = 1_700_000_000_000 + 1_000 * second
        return json.dumps({"value": {"query": query}, "timestamp": timestamp}) + "\n"

    done = installation.run(
        installation.profiler, "pipe", stdin=line("Home", 0) + line("Prices", 1) + "{}\n"
    )

    values = [json.loads(answer)["value"] for answer in done.stdout.splitlines()]
    assert [value["profile_visitor_first_page"] for value in values] == ["Home", "Home"]
    assert [value["profile_visit_last_page"] for value in values] == ["Home", "Prices"]
    assert [value["profile_visit_pageviews"] for value in values] == [1, 2]
    assert json.loads(done.stderr)["line"] == 3


def test_the_demo_shows_what_is_in_the_sample(installation: Installation) -> None:
    done = installation.run(installation.profiler, "demo")

    counts, expected = counts_of(done.stdout + done.stderr), expected_counts()
    assert {name: counts[name] for name in expected} == expected


def test_a_type_checker_sees_its_types(installation: Installation) -> None:
    consumer = installation.directory / "consumer.py"
    consumer.write_text(
        "from profiler.records.types import Record\n"
        "def use(record: Record) -> None:\n"
        "    fine: str = record.topic\n"
        "    wrong: int = record.topic\n"
    )
    mypy = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--config-file="]
    checked = subprocess.run(
        [*mypy, "--python-executable", str(installation.python), consumer.name],
        cwd=installation.directory,
        capture_output=True,
        text=True,
        check=False,
    )

    [error, summary] = checked.stdout.splitlines()
    assert error.startswith("consumer.py:4: error: Incompatible types in assignment")
    assert '"str"' in error
    assert summary.startswith("Found 1 error")
