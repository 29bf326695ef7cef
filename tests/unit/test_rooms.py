"""The checks of the tree's shape find a breach of each of their rules; the tree itself passes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import check_rooms

ROOT = Path(__file__).parent.parent.parent
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

LONG = 'print("line")\n' * 300


def tree(path: Path, **rooms: int) -> Path:
    """A tree whose package has rooms of so many lines, in files that are short enough."""
    for room, lines in rooms.items():
        (path / "profiler" / room).mkdir(parents=True)
        for number in range(lines // 100):
            (path / "profiler" / room / f"m{number}.py").write_text("1\n" * 100)
    return path


@pytest.fixture
def even(tmp_path: Path) -> Path:
    return tree(tmp_path, a=300, b=300, c=300, d=300, e=300)


def test_the_tree_keeps_to_the_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_rooms.main([]) == 0
    assert "none too long, no room too big" in capsys.readouterr().out


def test_even_rooms_pass(even: Path) -> None:
    assert check_rooms.main([str(even)]) == 0


def test_no_file_is_a_failure_too(tmp_path: Path) -> None:
    """A check that looks at nothing must not pass."""
    assert check_rooms.main([str(tmp_path)]) == 1


@pytest.mark.parametrize("name", ["bench/long.py", "lua/long.lua", "lua/parts/long.lua.j2"])
def test_a_long_file_without_a_reason_is_found(
    even: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = even / name
    path.parent.mkdir(parents=True)
    path.write_text(LONG)
    assert check_rooms.main([str(even)]) == 1
    assert f"{name}: 300 lines; split it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "exit_code"),
    [
        ('"""A table.\n\nOver 250 lines: one table is read best in one piece.\n"""\n' + LONG, 0),
        ("--[[\nDO NOT EDIT: rendered from lua/profile.lua.j2\n]]\n" + LONG, 0),
        (LONG + '"""Over 250 lines: too late."""\n', 1),
        ("1\n" * 250, 0),
        ("1\n" * 251, 1),
    ],
    ids=["with a reason", "rendered", "with a reason at the end", "250 lines", "251 lines"],
)
def test_the_reason_stands_in_the_first_lines(even: Path, text: str, exit_code: int) -> None:
    (even / "any.py").write_text(text)
    assert check_rooms.main([str(even)]) == exit_code


@pytest.mark.parametrize(("lines", "exit_code"), [(300, 0), (400, 1)], ids=["less", "a quarter"])
def test_a_room_holds_less_than_a_quarter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: int, exit_code: int
) -> None:
    path = tree(tmp_path, a=300, b=300, c=300, d=300, e=lines)
    assert check_rooms.main([str(path)]) == exit_code
    is_named = f"profiler/e: {lines} of " in capsys.readouterr().out
    assert is_named == bool(exit_code)


# --- the order of the rooms: import-linter, by its contracts in pyproject.toml -------------------


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package's Python, and the contracts."""
    shutil.copytree(
        ROOT / "profiler",
        tmp_path / "profiler",
        ignore=lambda folder, names: {
            name
            for name in names
            if name == "_lua" or not (name.endswith(".py") or Path(folder, name).is_dir())
        },
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--no-logo"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_package_keeps_to_the_order(copy: Path) -> None:
    done = lint_imports(copy)
    assert done.returncode == 0, done.stdout
    assert "Contracts: 2 kept, 0 broken." in done.stdout


@pytest.mark.parametrize(
    ("module", "statement", "finding"),
    [
        (
            "config/tls.py",
            "import profiler.records.types",
            "profiler.config is not allowed to import profiler.records",
        ),
        (
            "kafka/admin/tail.py",
            "from profiler.ops import mode_switch",
            "profiler.kafka is not allowed to import profiler.ops",
        ),
        (
            "kafka/admin/tail.py",
            "def late():\n    import profiler.profiles.keys",
            "profiler.kafka is not allowed to import profiler.profiles",
        ),
        (
            "records/types.py",
            "from profiler.profiles.reply import Applied",
            "profiler.records is not allowed to import profiler.profiles",
        ),
        (
            "new_room/module.py",
            "import json",
            "new_room (Since this contract is marked as 'exhaustive'",
        ),
        (
            "cli/lua.py",
            "def late():\n    from tools.vectors.files import files",
            "profiler is not allowed to import tools",
        ),
        ("demo/run.py", "import tests", "profiler is not allowed to import tests"),
        ("demo/run.py", "from servers import kafka", "profiler is not allowed to import servers"),
        ("demo/run.py", "import bench.load", "profiler is not allowed to import bench"),
    ],
)
def test_a_forbidden_import_is_found(copy: Path, module: str, statement: str, finding: str) -> None:
    path = copy / "profiler" / module
    path.parent.mkdir(exist_ok=True)
    (path.parent / "__init__.py").touch()
    with path.open("a") as text:
        text.write(f"\n\n{statement}\n")
    done = lint_imports(copy)
    assert done.returncode == 1, done.stdout
    assert finding in " ".join(done.stdout.split())
