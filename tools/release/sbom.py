"""The bill of materials: what the installed wheel consists of, in CycloneDX."""

import subprocess
import sys
import tempfile
from pathlib import Path

from profiler import __version__
from tools.release.distributions import ROOT, dated_environment

#: Of the format; tools that read it know this version.
_SPECIFICATION = "1.6"


def write_sbom(python: Path, file: Path) -> None:
    """Write the components of an environment that has the wheel and what it needs, and no more.

    The writer checks it against the schema of the format.

    Args:
        python: the environment's interpreter.
        file: to be written.

    Raises:
        subprocess.CalledProcessError: the environment cannot be read, or what came is not valid.
    """
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--validate"]
    options = ["--sv", _SPECIFICATION, "--output-reproducible", "--mc-type", "application"]
    with tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as project:
        # It takes the version from nowhere else.
        text = (ROOT / "pyproject.toml").read_text("utf-8")
        project.write(text.replace('dynamic = ["version"]', f'version = "{__version__}"'))
        project.flush()
        places = ["--pyproject", project.name, "--output-file", str(file), str(python)]
        subprocess.run([*command, *options, *places], env=dated_environment(), check=True)
