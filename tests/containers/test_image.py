"""The image, built by the Dockerfile on the stand-in for its base."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import profiler

if TYPE_CHECKING:
    from pathlib import Path

    from tests.containers.engine import Engine


def test_it_runs_the_command_as_a_user_who_owns_nothing(engine: Engine, image: str) -> None:
    [found] = json.loads(engine.docker("image", "inspect", image))

    assert found["Config"]["User"] == "10001:10001"
    assert found["Config"]["Entrypoint"] == ["profiler"]
    assert found["Config"]["Healthcheck"]["Test"] == ["CMD", "profiler", "health"]
    assert "Usage: profiler" in engine.docker("run", "--rm", image)
    shell = ("run", "--rm", "--entrypoint=sh", image, "-c")
    owned = "find / -xdev ( -user 10001 -o -group 10001 )".replace("(", r"\(").replace(")", r"\)")
    assert engine.docker(*shell, f"{owned} 2>/dev/null || true") == ""


def test_it_holds_the_package_and_nothing_of_the_build(engine: Engine, image: str) -> None:
    pip = ("run", "--rm", "--entrypoint=python", image, "-m", "pip", "list", "--format=json")
    installed = {one["name"]: one["version"] for one in json.loads(engine.docker(*pip))}
    shell = ("run", "--rm", "--entrypoint=sh", image, "-c")

    assert installed["visitor-profiler"] == profiler.__version__
    assert "hatchling" not in installed
    assert "no" in engine.docker(*shell, "test -e /source -o -e /wheels || echo no")


def test_it_writes_nothing(engine: Engine, image: str) -> None:
    engine.docker("run", "--name=writes", "--network=none", image, "lua", "show")

    assert engine.docker("diff", "writes") == ""


def test_a_mounted_file_is_its_configuration(engine: Engine, image: str, tmp_path: Path) -> None:
    file = tmp_path / "profiler.toml"
    file.write_text("[batch]\nmax_records = 123\n")
    run = ("run", "--read-only", f"--volume={file}:/etc/profiler/profiler.toml:ro")

    assert "123" in engine.docker(*run, "--rm", image, "config", "show")

    file.write_text("[batch]\nmax_recods = 123\n")
    printed = engine.docker(*run, "--name=wrong", image, "run", check=False)
    [wrong] = json.loads(engine.docker("inspect", "wrong"))
    assert "max_records" in printed
    assert wrong["State"]["ExitCode"] == 78
