"""Commands that run as elsewhere: without a variable of this machine's developer."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]
# Seconds for one pip or build, which may have to download some 70 MB.
PATIENCE_S = 300


def run(
    command: Sequence[str | Path],
    *,
    directory: str | Path,
    environment: Mapping[str, str],
    stdin: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a command and expect success.

    Args:
        command: program and arguments.
        directory: the working directory.
        environment: all its variables.
        stdin: what it reads.
    """
    done = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done


def bare_environment(programs: Path, home: Path) -> dict[str, str]:
    """Where programs are, a home, and nothing else: no PYTHONPATH, no PROFILER_*."""
    path = f"{programs}:/usr/local/bin:/usr/bin:/bin"
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8"}


def pip_settings() -> dict[str, str]:
    """How this machine's pip reaches its index, and where its cache is."""
    ours = {name: text for name, text in os.environ.items() if name.startswith("PIP_")}
    return {**ours, "HOME": str(Path.home())}
