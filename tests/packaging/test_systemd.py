"""The unit for systemd: what systemd's own checker says of it, without a systemd that runs.

tests/containers runs it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from typing import TYPE_CHECKING

import pytest

from profiler.cli import EXIT_CONFIG
from tests.missing import give_up
from tests.packaging.commands import ROOT

if TYPE_CHECKING:
    from pathlib import Path

UNIT = ROOT / "deploy" / "systemd" / "visitor-profiler@.service"
PROGRAM = "/opt/profiler/bin/profiler"
# Tenths of systemd's exposure level, of 100. Up to 20 its word is OK.
MOST_EXPOSURE = 20


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The unit in a folder of its own, with a program that is there and the documented drop-in."""
    if shutil.which("systemd-analyze") is None:
        give_up("systemd-analyze", ["install systemd (Debian: apt-get install systemd)"])
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text("utf-8").replace(PROGRAM, sys.executable))
    drop_in = tmp_path / f"{UNIT.name}.d" / "secrets.conf"
    drop_in.parent.mkdir()
    drop_in.write_text(documented_drop_in())
    return unit.with_name("visitor-profiler@1.service")


def documented_drop_in() -> str:
    page = (ROOT / "docs" / "deployment.md").read_text("utf-8")
    [drop_in] = re.findall(r"```ini\n(.*?)```", page, flags=re.DOTALL)
    return str(drop_in)


def test_systemd_finds_nothing_wrong(installed: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", installed],
        capture_output=True,
        text=True,
        check=False,
    )

    # It ends with 0 where it ignores a line that it does not know.
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_is_exposed_to_little(installed: Path) -> None:
    done = subprocess.run(
        [
            *("systemd-analyze", "security", "--offline=true", "--no-pager"),
            *(f"--threshold={MOST_EXPOSURE}", installed),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def test_it_waits_longer_than_a_worker_takes_to_end_and_does_not_repeat_what_stays_wrong() -> None:
    unit = ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign] # as its documentation says
    unit.read(UNIT)
    service = unit["Service"]

    assert int(service["TimeoutStopSec"].removesuffix("s")) > 10  # which it promises
    assert service["RestartPreventExitStatus"] == str(EXIT_CONFIG)
    assert service["ExecStart"] == f"{PROGRAM} run"
