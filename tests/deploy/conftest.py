"""Helm, built from its source once for all runs."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.chart import Helm
from tests.integration.conftest import deploy
from tests.missing import give_up

__all__ = ["deploy"]

BUILD = Path(__file__).with_name("build-helm")


@pytest.fixture(scope="session")
def helm() -> Helm:
    """The program `helm`."""
    if shutil.which("go") is None:
        give_up("helm", ["install Go 1.24 or later, which builds it"])
    done = subprocess.run([BUILD], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        give_up("helm", [f"let Go 1.24 or later build it; it said:\n{done.stderr[-500:]}"])
    return Helm(Path(done.stdout.strip()))
