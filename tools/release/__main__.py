"""Makes a release, and looks whether it is one.

    python -m tools.release [--check]

Writes the source distribution, the wheel and the bill of materials into dist/. With --check it
builds them once more elsewhere and compares the bytes, and installs the wheel for every version of
Python that can be had here, where it must profile the sample. Ends with 1 where anything is wrong;
a version without an interpreter is said, and is no error.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from profiler import __version__
from tools.release.distributions import ROOT, Built, build, build_elsewhere, digest_of
from tools.release.interpreters import VERSIONS
from tools.release.sbom import write_sbom
from tools.release.trial import Trial, try_on

DIST = ROOT / "dist"


def main(*options: str) -> int:
    """Return the exit code."""
    if options not in ((), ("--check",)):
        print(__doc__)
        return 2
    for old in DIST.glob("visitor_profiler-*"):
        old.unlink()
    built = build(ROOT, DIST)
    materials = DIST / f"visitor_profiler-{__version__}.cdx.json"
    with tempfile.TemporaryDirectory() as temporary:
        write_sbom(_installed(built.wheel, Path(temporary)), materials)
    for file in (*built, materials):
        print(f"{digest_of(file)}  {file.relative_to(ROOT)}")
    return _checked(built) if options else 0


def _installed(wheel: Path, folder: Path) -> Path:
    """The interpreter of an environment that has the wheel and what it needs."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*pip, str(wheel)], check=True)
    return python


def _checked(built: Built) -> int:
    other = build_elsewhere(built)
    print(f"built elsewhere: {'other bytes: ' + ' '.join(other) if other else 'the same bytes'}")
    trials = [try_on(version, built.wheel) for version in VERSIONS]
    for trial in trials:
        print(f"Python {trial.version}: {_words(trial)}")
    passed = [trial for trial in trials if trial.has_passed]
    outputs = {trial.digest for trial in passed}
    if len(outputs) > 1:
        print("the versions do not agree on the output")
    faults = other or len(outputs) != 1 or any(trial.fault for trial in trials)
    return 1 if faults else 0


def _words(trial: Trial) -> str:
    if not trial.where:
        return "no interpreter of it can be had here"
    return f"{trial.fault or f'{trial.lines} lines profiled'} ({trial.where})"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
