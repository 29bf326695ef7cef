"""The commands of docs/service.md work as they stand."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.missing import give_up
from tests.service.running import TOKEN

if TYPE_CHECKING:
    from tests.integration.visitors import Visitors
    from tests.service.running import Service

PAGE = (Path(__file__).parents[2] / "docs" / "service.md").read_text("utf-8")
#: All but the first, which installs.
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)[1:]


def run(commands: str, service: Service) -> str:
    if shutil.which("curl") is None:
        give_up("curl", ["install it (Debian: apt-get install curl)"])
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        env={**os.environ, "SERVICE": service.url, "TOKEN": TOKEN},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def test_the_commands_answer(visitors: Visitors, service: Service) -> None:
    one, unchanged, many, forget, stats = COMMANDS
    visitors.see("ada", "Home")
    assert json.loads(run(one, service)) == service.read("ada").document
    assert run(unchanged, service) == "304\n"
    found = json.loads(run(many, service))
    assert [len(found["visitors"]), found["unknown"]] == [1, ["nobody"]]
    assert json.loads(run(stats, service))["rules_version"] == visitors.rules.version
    dry, real = re.findall(r"\{.*?\}", run(forget, service))
    assert [json.loads(each)["profiles"] for each in (dry, real)] == [1, 1]
    assert service.read("ada").status == 404


def test_the_example_has_the_names_that_an_answer_has(visitors: Visitors, service: Service) -> None:
    visitors.see("eve")
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert list(json.loads(shown)) == list(service.read("eve").document)


@pytest.mark.parametrize("path", ["profiler/service/api", "profiler/service/api/limits.py"])
def test_the_page_lists_every_code(path: str) -> None:
    folder = Path(__file__).parents[2] / path
    files = [folder] if folder.is_file() else folder.glob("*.py")
    sources = "".join(each.read_text("utf-8") for each in files)
    codes = set(re.findall(r'Problem\(\s*\d{3},\s*"(\w+)"', sources)) - {"starting"}
    listed = set(re.findall(r"`(\w+)`", PAGE))
    assert codes
    assert codes - listed == set()


def test_the_page_lists_every_path(service: Service) -> None:
    paths = service.ask("GET", "/v1/openapi.json").document["paths"]
    for path, operations in paths.items():
        for method in operations:
            assert f"{method.upper()} {path}" in PAGE
