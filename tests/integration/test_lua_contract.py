"""`profiler lua contract`: what it prints, and the comparison with another's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.commands import run_command

STANDARD = Path(__file__).parents[2] / "lua" / "presets" / "standard.toml"
COMPARE = ["lua", "contract", "--compatible-with"]


@pytest.fixture
def standard(tmp_path: Path) -> Path:
    """The contract of `standard`, as it is printed."""
    path = tmp_path / "standard.json"
    path.write_text(run_command(["lua", "contract"]).output)
    return path


def test_it_names_script_and_function(standard: Path) -> None:
    contract = json.loads(standard.read_text())
    assert contract["contract"] == 2
    assert contract["layout"] in contract["reads_layouts"]
    assert contract["sha"] == run_command(["lua", "sha"]).output.strip()
    library = run_command(["lua", "show", "--as", "function"]).output
    assert library.startswith(f"#!lua name={contract['function']}\n")


def test_compatible_contracts_end_with_0(standard: Path) -> None:
    done = run_command([*COMPARE, str(standard)])
    assert (done.code, done.errors) == (0, "")
    assert done.output.startswith("compatible: standard-")


def test_others_end_with_1_and_say_why(standard: Path) -> None:
    done = run_command([*COMPARE, str(standard), "--rules", "article"])
    assert (done.code, done.output) == (1, "")
    assert 'order: "arrival" and "event_time": each refuses what the other wrote' in done.errors
    assert "identity: event_id, created, sent, received: " in done.errors


def test_the_first_versions_contract_is_refused_with_every_reason(standard: Path) -> None:
    first = json.loads(standard.read_text())
    first |= {"contract": 1, "layout": 1, "reads_layouts": [1], "rules_version": "standard-old"}
    identity = first["compatibility"]["identity"]
    identity["event_time"] = identity.pop("created")
    standard.write_text(json.dumps(first))
    done = run_command([*COMPARE, str(standard)])
    assert (done.code, done.output) == (1, "")
    told = [line.strip() for line in done.errors.splitlines()[1:]]
    assert [line.partition(":")[0] for line in told] == ["contract", "layout", "identity"]
    assert told[1].startswith("layout: standard-old reads [1] and refuses 2 of ")


@pytest.mark.parametrize("content", [None, "", "[]", '{"layout": 1}'])
def test_what_is_no_contract_is_told(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "other.json"
    if content is not None:
        path.write_text(content)
    done = run_command([*COMPARE, str(path)])
    assert done.code == 78
    assert f"{path} is no contract" in done.errors
    assert "profiler lua contract > " in done.errors


def test_it_says_whose_events_are_whose(tmp_path: Path) -> None:
    """A caller in another language must mean the same visitors, and the same nobody."""
    printed = json.loads(run_command(["lua", "contract"]).output)["identity"]
    assert printed["visitor"] == "query-other_domain_userid"
    assert "(null)" in printed["nobody"]
    rules = tmp_path / "rules.toml"
    rules.write_text(
        STANDARD.read_text("utf-8").replace('"query-other_domain_userid"', '["a", "b"]')
    )
    printed = json.loads(run_command(["lua", "contract", "--rules", str(rules)]).output)["identity"]
    assert printed["visitor"] == ["a", "b"]
