"""schemathesis finds nothing, and would find what is wrong."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from tests.service.fuzzing import ROOT, fuzz, known_visitors
from tests.service.running import Service

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.visitors import Visitors


def settings_of(visitors: Visitors) -> dict[str, str]:
    return {
        "redis__url": visitors.url,
        "rules": visitors.rules_path,
        "serve__requests_per_s": "0",
        "serve__access_log": "false",
    }


def test_requests_of_every_kind_are_answered_as_described(
    visitors: Visitors, tmp_path: Path
) -> None:
    known_visitors(visitors)
    with Service(tmp_path, settings_of(visitors)) as service:
        found = fuzz(service, tmp_path, "--max-examples=15", "--seed=7")
        assert found.returncode == 0, found.stdout
        assert not [line for line in service.lines() if line["level"] == "error"], service.output


def test_a_planted_fault_is_found(visitors: Visitors, tmp_path: Path) -> None:
    known_visitors(visitors)
    planted = [sys.executable, "-m", "tests.service.planted"]
    path = {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    with Service(tmp_path, settings_of(visitors), program=planted, environment=path) as service:
        only = "--include-operation-id=readVisitors"
        found = fuzz(service, tmp_path, "--max-examples=50", "--seed=7", only)
    assert found.returncode == 1, found.stdout
    assert "'more' was unexpected" in found.stdout
