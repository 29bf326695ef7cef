"""The source distribution and the wheel: the same bytes wherever and whenever they are built."""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Built(NamedTuple):
    """Both distributions."""

    sdist: Path
    wheel: Path


def dated_environment() -> dict[str, str]:
    """Our environment, with SOURCE_DATE_EPOCH: as it is set, else the time of the latest commit.

    Outside a checkout it is not set; then the build backend takes a date of its own.
    """
    command = ["git", "log", "-1", "--format=%ct"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    date = done.stdout.strip()
    return ({"SOURCE_DATE_EPOCH": date} if date else {}) | os.environ


def build(source: Path, destination: Path) -> Built:
    """Build both as a publisher does: isolated, the wheel from the source distribution."""
    command = [sys.executable, "-m", "build", "--outdir", str(destination), str(source)]
    subprocess.run(command, env=dated_environment(), check=True, stdout=subprocess.DEVNULL)
    [sdist], [wheel] = (destination.glob(f"visitor_profiler-*.{end}") for end in ("tar.gz", "whl"))
    return Built(sdist, wheel)


def build_elsewhere(built: Built) -> list[str]:
    """Build once more from the unpacked source distribution, in a folder with another name.

    Other times of files, and no rights for others, are part of the trial.

    Returns:
        The names of distributions whose bytes are others.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        subprocess.run(["tar", "-xzf", built.sdist, "-C", folder], check=True)
        [unpacked] = folder.iterdir()
        for path in unpacked.rglob("*"):
            path.chmod(path.stat().st_mode & 0o700)
            os.utime(path)
        again = build(unpacked, folder / "dist")
        return [
            first.name
            for first, second in zip(built, again, strict=True)
            if digest_of(first) != digest_of(second)
        ]


def digest_of(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
