"""schemathesis against a running service: requests of every kind, judged by the description."""

from __future__ import annotations

import string
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.service.running import TOKEN

if TYPE_CHECKING:
    from tests.integration.visitors import Visitors
    from tests.service.running import Service

ROOT = Path(__file__).parent.parent.parent
CONFIG = Path(__file__).parent / "schemathesis.toml"


def known_visitors(visitors: Visitors) -> None:
    """Give the ids that a generator tries first a profile."""
    for number, visitor in enumerate(string.printable):
        visitors.see(visitor, stream=f"0:t:{number % 100}")


def fuzz(service: Service, directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run it.

    Args:
        service: what is tried; without a limit of requests a second.
        directory: where it leaves what it finds.
        options: further ones.
    """
    return subprocess.run(
        [
            *(str(Path(sys.executable).parent / "st"), f"--config-file={CONFIG}", "run"),
            *(f"{service.url}/v1/openapi.json", f"--header=Authorization: Bearer {TOKEN}"),
            *("--checks=all", "--no-color", *options),
        ],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
