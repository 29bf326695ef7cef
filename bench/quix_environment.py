"""An environment of its own for Quix Streams: its versions of our libraries are not ours."""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.errors import BenchError

REQUIREMENT = "quixstreams>=3.28,<4"


def quix_interpreter() -> Path:
    """Install Quix Streams into the user's cache, once; about 20 seconds.

    Returns:
        The Python interpreter that can import it.

    Raises:
        BenchError: pip could not install it; the message ends with what pip said.
    """
    digest = hashlib.sha256(f"{REQUIREMENT} {sys.version}".encode()).hexdigest()[:12]
    cache_home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    home = Path(cache_home) / "visitor-profiler" / f"quixstreams-{digest}"
    interpreter = home / "bin" / "python"
    if interpreter.exists():
        return interpreter
    home.parent.mkdir(parents=True, exist_ok=True)
    # A rename at the end: another run never sees half of it. Only the interpreter is used, which
    # finds its packages wherever the directory lies.
    with tempfile.TemporaryDirectory(dir=home.parent) as temporary:
        made = Path(temporary) / "environment"
        _run([sys.executable, "-m", "venv", "--without-pip", str(made)])
        # Our pip: to give the environment one of its own takes seconds.
        pip = [sys.executable, "-m", "pip", "--python", str(made / "bin" / "python")]
        options = ("--quiet", "--disable-pip-version-check")
        _run([*pip, "install", *options, REQUIREMENT])
        try:
            made.rename(home)
        except OSError:
            if not interpreter.exists():  # else another run was faster
                raise
    return interpreter


def quix_version(interpreter: Path) -> str:
    """The version that is installed there."""
    question = "from importlib.metadata import version; print(version('quixstreams'))"
    return _run([str(interpreter), "-c", question]).strip()


def _run(command: list[str]) -> str:
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        tail = "\n".join((run.stdout + run.stderr).splitlines()[-8:])
        raise BenchError(
            f"cannot install {REQUIREMENT}: let pip reach a package index, or leave the row out"
            f" with --only; it said:\n{tail}"
        )
    return run.stdout
