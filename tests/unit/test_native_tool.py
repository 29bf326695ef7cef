"""What is said and done about the native part where it cannot be built; and its version."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
import venv
from pathlib import Path

import pytest

import profiler

ROOT = Path(__file__).parents[2]
PACKAGE = "visitor-profiler-native"
NOT_INSTALLED = f"{PACKAGE}: not installed, the Python engine runs: "


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A copy of what the tool needs, with an environment of its own, which has not even pip."""
    shutil.copytree(ROOT / "native", tmp_path / "native", ignore=shutil.ignore_patterns("target"))
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "native.py", tmp_path / "tools")
    (tmp_path / "programs").mkdir()
    venv.create(tmp_path / "venv", symlinks=True)
    return tmp_path


def run(machine: Path, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the tool there; of programs it finds only those of the machine's folder."""
    return subprocess.run(
        [machine / "venv" / "bin" / "python", "-m", "tools.native", command],
        cwd=machine,
        env={"PATH": str(machine / "programs"), "HOME": os.environ["HOME"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def add_rust(machine: Path, version: str, *, fetches: bool) -> None:
    """Put in a toolchain of a version, which builds nothing."""
    for name, line in (("rustc", f"echo rustc {version}.0"), ("cargo", f"exit {1 - fetches}")):
        program = machine / "programs" / name
        program.write_text(f"#!/bin/sh\n{line}\n")
        program.chmod(0o755)


@pytest.mark.parametrize("ci", [{}, {"CI": "true"}])
def test_without_rust_the_python_engine_runs_and_one_line_says_so(
    machine: Path, ci: dict[str, str]
) -> None:
    done = run(machine, "setup", **ci)

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"{NOT_INSTALLED}this machine has no cargo\n"
    assert not (machine / "venv" / ".native").exists()


def test_an_old_rust_is_as_none(machine: Path) -> None:
    add_rust(machine, "1.63", fetches=True)
    needed = tomllib.loads((ROOT / "native" / "Cargo.toml").read_text())["package"]["rust-version"]

    done = run(machine, "setup")

    assert done.returncode == 0
    reason = f"native/ needs Rust {needed}, and this machine has 1.63"
    assert done.stderr == f"{NOT_INSTALLED}{reason}\n"


def test_crates_that_cannot_be_had_are_no_failure(machine: Path) -> None:
    add_rust(machine, "1.999", fetches=False)

    done = run(machine, "setup")

    assert done.returncode == 0
    assert done.stderr == f"{NOT_INSTALLED}cargo cannot get the crates of native/Cargo.lock\n"


def test_it_may_be_left_out(machine: Path) -> None:
    add_rust(machine, "1.999", fetches=True)

    done = run(machine, "setup", NATIVE="no")

    assert done.stderr == f"{NOT_INSTALLED}NATIVE=no leaves it out\n"


@pytest.mark.parametrize("command", ["setup", "lint", "test", "memory", "wheel"])
def test_in_ci_it_is_a_failure_where_there_is_a_cargo(machine: Path, command: str) -> None:
    add_rust(machine, "1.63", fetches=True)

    assert run(machine, command).returncode == 0
    assert run(machine, command, CI="true").returncode == 1


def test_a_build_that_fails_is_a_failure(machine: Path) -> None:
    add_rust(machine, "1.999", fetches=True)

    done = run(machine, "setup")

    assert done.returncode == 1
    assert "failed" in done.stderr


@pytest.mark.parametrize("command", ["lint", "test", "memory", "wheel"])
def test_what_is_not_checked_is_said_loudly(machine: Path, command: str) -> None:
    done = run(machine, command)

    [line] = done.stderr.splitlines()
    assert line.startswith("WARNING: N")
    assert line.endswith(": this machine has no cargo")


def test_all_say_the_same_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    crate = tomllib.loads((ROOT / "native" / "Cargo.toml").read_text("utf-8"))["package"]
    locked = tomllib.loads((ROOT / "native" / "Cargo.lock").read_text("utf-8"))["package"]

    assert project["optional-dependencies"]["native"] == [f"{PACKAGE}=={profiler.__version__}"]
    as_python_writes_it = crate["version"].replace("-dev", ".dev").replace("-", "")
    assert as_python_writes_it == profiler.__version__
    [ours] = [package for package in locked if package["name"] == PACKAGE]
    assert ours["version"] == crate["version"]


def test_both_distributions_have_one_license() -> None:
    # A link would be one in the source distribution too, and many a tool unpacks none.
    assert not (ROOT / "native" / "LICENSE").is_symlink()
    assert (ROOT / "native" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
