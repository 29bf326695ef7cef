"""Apache Kafka's jars, by Maven."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from servers.cache import cache_folder
from servers.sources import MissingServerError

POM = Path(__file__).with_name("kafka-pom.xml")


@cache
def resolve_jars() -> Path:
    """Let Maven resolve Kafka's jars into the user's cache, once.

    Returns:
        The directory of the jars.

    Raises:
        MissingServerError: Maven is missing or failed.
    """
    digest = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    jars = cache_folder() / f"kafka-{digest}"
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingServerError("install Maven (Debian: apt-get install maven)")
    jars.parent.mkdir(parents=True, exist_ok=True)
    # A rename at the end: another test run never sees half of the jars.
    with tempfile.TemporaryDirectory(dir=jars.parent) as temporary:
        resolved = Path(temporary) / "jars"
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={resolved}"]
        command = [maven, "-q", "-B", "-f", str(POM), *goal]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            tail = "\n".join((run.stdout + run.stderr).splitlines()[-8:])
            raise MissingServerError(f"let Maven reach a repository; it said:\n{tail}")
        try:
            resolved.rename(jars)
        except OSError:
            if not jars.is_dir():  # else another run was faster
                raise
    return jars
