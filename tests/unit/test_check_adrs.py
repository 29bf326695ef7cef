"""`tools/check_adrs.py` finds what it is for, and the decisions as they are pass it."""

import subprocess
from pathlib import Path

import pytest

from tools import check_adrs
from tools.check_adrs import ADRS, MARK, findings, main

ACCEPTED = "# 1. Water is wet\n\nStatus: accepted · 2026-11-24\n\n**Decision.** It is.\n"
LATER = "# Water is dry\n\nStatus: accepted · 2026-11-26\n\n**Decision.** It was measured.\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two decisions that pass, published on a branch called main."""
    adrs = tmp_path / ADRS
    adrs.mkdir(parents=True)
    (adrs / "README.md").write_text(f"# Decisions\n\n{MARK}", "utf-8")
    (adrs / "0001-water.md").write_text(ACCEPTED, "utf-8")
    (adrs / "0002-dry.md").write_text(LATER, "utf-8")
    assert main(["--write"], tmp_path) == 0
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    commit(tmp_path)
    return tmp_path


def git(tree: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    subprocess.run(["git", "-C", str(tree), *identity, *arguments], check=True)


def commit(tree: Path) -> None:
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "docs: decide")


def found(tree: Path) -> list[str]:
    """The findings, with the table made anew so that it is none of them."""
    main(["--write"], tree)
    return list(findings(tree))


def test_the_decisions_as_they_are_pass() -> None:
    assert list(findings(check_adrs.ROOT)) == []


def test_decisions_that_are_in_order_pass(tree: Path) -> None:
    assert list(findings(tree)) == []


@pytest.mark.parametrize(
    ("was", "becomes", "finding"),
    [
        ("# Water", "Water", "0002-dry.md: the first line is no title: # Words"),
        ("# Water", "# 3. Water", "0002-dry.md: the title has number 3"),
        ("Status: accepted · 2026-11-26\n", "", "0002-dry.md: no line like `Status: "),
        ("accepted · 2026-11-26", "accepted", "0002-dry.md: no line like `Status: "),
        ("accepted ·", "superseded ·", "0002-dry.md: no line like `Status: "),
        ("accepted ·", "superseded by 0009 ·", "0002-dry.md: 0009 is no later ADR"),
        ("accepted ·", "superseded by 0001 ·", "0002-dry.md: 0001 is no later ADR"),
        ("11-26\n", "11-26 · amended by 0009\n", "0002-dry.md: 0009 is no later ADR"),
    ],
)
def test_wrong_first_lines_are_found(tree: Path, was: str, becomes: str, finding: str) -> None:
    text = LATER.replace(was, becomes, 1)
    assert text != LATER
    (tree / ADRS / "0002-dry.md").write_text(text, "utf-8")

    assert any(line.startswith(finding) for line in found(tree))


def test_a_table_that_lacks_a_decision_is_found(tree: Path) -> None:
    (tree / ADRS / "0003-new.md").write_text(LATER, "utf-8")

    (finding,) = findings(tree)

    assert finding.startswith("README.md: the table is stale")


def test_a_number_taken_twice_and_a_strange_name_are_found(tree: Path) -> None:
    (tree / ADRS / "0002-again.md").write_text(LATER, "utf-8")
    (tree / ADRS / "notes.md").write_text("# Notes\n", "utf-8")

    assert found(tree) == [
        "0002-again.md: the number is taken twice",
        "0002-dry.md: the number is taken twice",
        "notes.md: is not called NNNN-words.md",
    ]


@pytest.mark.parametrize("is_committed", [False, True])
def test_a_published_text_is_fixed_but_for_its_status(tree: Path, *, is_committed: bool) -> None:
    path = tree / ADRS / "0001-water.md"
    path.write_text(ACCEPTED.replace("accepted ·", "superseded by 0002 ·"), "utf-8")
    assert found(tree) == []

    path.write_text(ACCEPTED.replace("It is.", "It may be."), "utf-8")
    if is_committed:  # on main itself, as after a merge
        commit(tree)
    changed = "0001-water.md: its text was changed after it was published; write a new ADR instead"
    assert found(tree) == [changed]

    path.unlink()
    if is_committed:
        commit(tree)
    gone = "0001-water.md: was published and is gone; supersede it instead"
    assert found(tree) == [gone]


def test_a_text_that_no_main_branch_has_may_still_change(tree: Path) -> None:
    git(tree, "switch", "--quiet", "--create", "branch")
    path = tree / ADRS / "0003-new.md"
    path.write_text(LATER, "utf-8")
    main(["--write"], tree)
    commit(tree)
    path.write_text(LATER.replace("measured", "measured twice"), "utf-8")

    assert found(tree) == []


def test_a_text_that_a_branch_wrote_in_steps_is_published_by_its_merge(tree: Path) -> None:
    text = LATER.replace("Water", "Ice")
    path = tree / ADRS / "0003-ice.md"
    git(tree, "switch", "--quiet", "--create", "branch")
    for words in ("It melts.", "It melts at 0 °C."):
        path.write_text(text.replace("It was measured.", words), "utf-8")
        main(["--write"], tree)
        commit(tree)
    git(tree, "switch", "--quiet", "main")
    git(tree, "merge", "--quiet", "--no-ff", "--no-edit", "branch")
    assert found(tree) == []
    path.write_text(text, "utf-8")
    assert found(tree) == [
        "0003-ice.md: its text was changed after it was published; write a new ADR instead"
    ]


def test_without_a_history_the_rest_is_checked(
    tree: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = tmp_path_factory.mktemp("sdist") / "docs"
    alone.parent.mkdir(exist_ok=True)
    (tree / "docs").rename(alone)

    assert main([], alone.parent) == 0
    assert "no published text to compare with" in capsys.readouterr().out


def test_a_shallow_clone_compares_with_the_oldest_version_that_it_has(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tree / ADRS / "0001-water.md"
    path.write_text(ACCEPTED.replace("It is.", "It may be."), "utf-8")
    commit(tree)
    clone = tmp_path_factory.mktemp("clone")
    git(clone, "clone", "--quiet", "--depth=1", tree.as_uri(), ".")
    assert found(clone) == []

    (clone / ADRS / path.name).write_text(ACCEPTED, "utf-8")
    (finding,) = found(clone)
    assert finding.startswith("0001-water.md: its text was changed")
