"""The page of what people meet: its rows are marks of tests; and how a case's end is judged."""

from pathlib import Path

import pytest

from tools import run_field_cases, write_field_cases
from tools.run_field_cases import Result
from tools.write_field_cases import KINDS, MARK, PAGE, ROOT, rows_of

MARKED = """
import pytest

@pytest.mark.parametrize("x", [1])
@pytest.mark.field(kind={kind!r}, meets="rain "
    "in May", happens="an umbrella")
@pytest.mark.field(kind={kind!r}, meets="snow", happens="a coat")
def test_weather(x: int) -> None:
    assert x

@pytest.mark.slow
def test_of_no_interest() -> None:
    assert 1
"""


def tree(root: Path, *texts: str, kinds: tuple[str, ...] = tuple(KINDS)) -> Path:
    """A tree with a marked test of each kind, and further tests."""
    (root / "docs").mkdir()
    (root / PAGE).write_text(f"# Title\n\n{MARK}old")
    (root / "tests").mkdir()
    for number, text in enumerate([*(MARKED.format(kind=kind) for kind in kinds), *texts]):
        (root / "tests" / f"test_{number}.py").write_text(text)
    return root


def test_the_page_of_this_tree_is_fresh() -> None:
    assert write_field_cases.main(["--check"]) == 0
    assert len(list(rows_of(ROOT))) > 30


def test_each_mark_is_a_row_under_its_kind(tmp_path: Path) -> None:
    root = tree(tmp_path)
    assert write_field_cases.main(["--check"], root) == 1
    assert write_field_cases.main([], root) == 0
    assert write_field_cases.main(["--check"], root) == 0
    page = (root / PAGE).read_text()
    assert page.startswith(f"# Title\n\n{MARK}\n## Connections to Redis\n")
    assert "old" not in page
    for number, heading in enumerate(KINDS.values()):
        _, _, section = page.partition(f"## {heading}\n")
        rows = section.partition("\n## ")[0].splitlines()[3:]
        assert rows == [
            f"| rain in May | an umbrella | [weather](../tests/test_{number}.py) |",
            f"| snow | a coat | [weather](../tests/test_{number}.py) |",
        ]


@pytest.mark.parametrize(
    ("mark", "problem"),
    [
        ("field", "takes these three texts"),
        ('field(kind="times", meets="x")', "takes these three texts"),
        ('field("times", meets="x", happens="y")', "takes these three texts"),
        ('field(kind="times", meets="x", happens=str(1))', "takes these three texts"),
        ('field(kind="time", meets="x", happens="y")', "the kind is one of: connections,"),
        ('field(kind="times", meets="x|y", happens="y")', "a cell of a table has no |"),
        ('field(kind="times", meets=" ", happens="y")', "a cell of a table has no |"),
    ],
)
def test_a_mark_that_is_no_row_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mark: str, problem: str
) -> None:
    root = tree(tmp_path, f"@pytest.mark.{mark}\ndef test_it(): ...\n")
    assert write_field_cases.main(["--check"], root) == 1
    said = capsys.readouterr().out
    assert said.startswith(f"tests/test_{len(KINDS)}.py: test_it: ")
    assert problem in said


def test_a_kind_without_a_row_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tree(tmp_path, kinds=tuple(KINDS)[1:])
    assert write_field_cases.main([], root) == 1
    assert "no test is marked field(kind='connections'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "code", "verdict"),
    [
        ("24-a-stop", 0, "right"),
        ("24-a-stop", 1, "WRONG"),
        ("24-a-stop", -9, "WRONG"),
        ("24-a-stop", 77, "MISSING"),
        ("11-nine-tabs", 1, "another way"),
        ("11-nine-tabs", 0, "right"),
    ],
)
def test_a_case_is_judged_by_its_code(name: str, code: int, verdict: str) -> None:
    assert Result(name, code, 1.0, "said").verdict == verdict


PROGRAM = """#!/bin/sh
echo "hello from $2 with $1, Kafka '$KAFKA_BOOTSTRAP'"
echo "WRONG line 1"
echo "the end"
exit {code}
"""


def test_cases_are_run_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://nowhere")
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "nowhere:1")
    for name, code in (("11-other", 1), ("30-right", 0), ("31-wrong", 3), ("32-missing", 77)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run").write_text(PROGRAM.format(code=code))
        (tmp_path / name / "run").chmod(0o700)
    assert run_field_cases.main([str(tmp_path)]) == 1
    *rows, last = capsys.readouterr().out.splitlines()
    assert [row.split()[:3] for row in rows] == [
        ["11-other", "1", "another"],
        ["30-right", "0", "right"],
        ["31-wrong", "3", "WRONG"],
        ["32-missing", "77", "MISSING"],
    ]
    assert rows[2].endswith("WRONG line 1")
    assert last == "4 cases, 2 not as they should be: 31-wrong, 32-missing"
    assert run_field_cases.main([str(tmp_path), "--only", "right"]) == 0


def test_without_cases_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_field_cases.main([str(tmp_path / "absent")]) == 0
    assert capsys.readouterr().out.startswith("SKIPPED: there are no field cases in ")
