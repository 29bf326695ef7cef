"""The wheel is installed for an interpreter, and profiles the sample."""

import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from tools.release.interpreters import Interpreter, find

#: In a new environment: installs the wheel, runs it, and prints what came of the sample.
_PROGRAM = """
import hashlib, pathlib, subprocess, sys, venv
venv.create("environment", with_pip=True, clear=True)
python = pathlib.Path("environment/bin/python").absolute()
subprocess.run([python, "-m", "pip", "install", "--quiet", sys.argv[1] + "[demo]"], check=True)
subprocess.run([python, "-m", "pip", "check"], check=True, stdout=subprocess.DEVNULL)
[sample] = pathlib.Path("environment").glob("lib/*/site-packages/profiler/data/sample.ndjson.gz")
command = [python, "-W", "error::DeprecationWarning:profiler", "-m", "profiler"]
with sample.open("rb") as lines:
    piped = subprocess.run(
        [*command, "pipe", "--decompress"],
        stdin=lines, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True,
    )
version = ".".join(map(str, sys.version_info[:3]))
print(version, piped.stdout.count(b"\\n"), hashlib.sha256(piped.stdout).hexdigest())
"""


class Trial(NamedTuple):
    """What came of one version.

    Attributes:
        version: of Python, as it was asked for.
        where: whose interpreter it is; empty where none can be had.
        lines: of the sample's output.
        digest: of the output.
        fault: what went wrong; empty where nothing did.
    """

    version: str
    where: str = ""
    lines: int = 0
    digest: str = ""
    fault: str = ""

    @property
    def has_passed(self) -> bool:
        """Whether it ran to its end."""
        return bool(self.where) and not self.fault


def try_on(version: str, wheel: Path) -> Trial:
    """Install the wheel for an interpreter of a version, and profile the sample with it."""
    interpreter = find(version)
    return Trial(version) if interpreter is None else _tried(version, interpreter, wheel)


def _tried(version: str, interpreter: Interpreter, wheel: Path) -> Trial:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shutil.copy(wheel, folder)
        (folder / "trial.py").write_text(_PROGRAM, "utf-8")
        done = interpreter.run(["trial.py", f"./{wheel.name}"], folder)
    if done.returncode != 0:
        fault = "\n".join((done.stdout + done.stderr).splitlines()[-8:])
        return Trial(version, interpreter.where, fault=fault)
    whole, lines, digest = done.stdout.split()
    return Trial(version, f"{interpreter.where}, {whole}", int(lines), digest)
