"""The callers in each language, and how each is built and run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.missing import give_up

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parent.parent.parent
#: A cold build fetches the packages of a language.
TIMEOUT_S = 600

Finished = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Language:
    """A caller: a folder of `clients/`, with two programs.

    Attributes:
        name: of the folder; behind a hyphen, which caller in this language.
        run_vectors: the command that runs the conformance vectors.
        run_stream: the command that makes the calls of a file.
        tools: by each command that a build needs, what to install for it. Without any, there is
            nothing to build.
    """

    name: str
    run_vectors: tuple[str, ...]
    run_stream: tuple[str, ...]
    tools: tuple[tuple[str, str], ...] = ()

    @property
    def directory(self) -> Path:
        """Where its programs run."""
        return ROOT / "clients" / self.name.partition("-")[0]

    def environment(self, redis_url: str, **variables: str) -> Mapping[str, str]:
        """Variables for its programs."""
        return {**os.environ, "REDIS_URL": redis_url, **variables}

    def vectors(self, redis_url: str, **variables: str) -> Finished:
        """Run the vectors on a server."""
        return run(self.run_vectors, self.directory, self.environment(redis_url, **variables))


def run(command: tuple[str, ...], directory: Path, environment: Mapping[str, str]) -> Finished:
    """Run a program to its end."""
    return subprocess.run(
        command,
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )


PYTHON = Language(
    "python",
    (sys.executable, "run_vectors.py"),
    (sys.executable, "run_stream.py"),
)
PYTHON_ASYNCIO = Language(
    "python-asyncio",
    (sys.executable, "run_vectors.py", "--asyncio"),
    PYTHON.run_stream,
)
GO = Language(
    "go",
    ("build/run-vectors",),
    ("build/run-stream",),
    (("go", "install Go 1.19 or later (Debian: apt-get install golang-go)"),),
)
# Short runs: the second compiler would take more time than it saves.
_JAVA = (
    "java",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-cp",
    "target/classes:target/lib/*",
)
JAVA = Language(
    "java",
    (*_JAVA, "visitorprofile.conformance.RunVectors"),
    (*_JAVA, "visitorprofile.conformance.RunStream"),
    (
        ("javac", "install a JDK 17 or later (Debian: apt-get install openjdk-17-jdk-headless)"),
        ("mvn", "install Maven (Debian: apt-get install maven)"),
    ),
)
NODE = Language(
    "node",
    ("node", "dist/run-vectors.js"),
    ("node", "dist/run-stream.js"),
    (
        ("node", "install Node.js 20 or later (Debian: apt-get install nodejs)"),
        ("npm", "install npm (Debian: apt-get install npm)"),
    ),
)
LANGUAGES = (PYTHON, GO, JAVA, NODE)
#: What the vectors hold.
CALLERS = (*LANGUAGES, PYTHON_ASYNCIO)


@cache
def build(language: Language) -> None:
    """Bring a caller up to date by `make client-<name>`; gives up where its tools are missing."""
    remedies = [remedy for command, remedy in language.tools if shutil.which(command) is None]
    if remedies:
        give_up(f"the caller in {language.name}", remedies)
    if language.tools:
        built = make(f"client-{language.name}")
        assert built.returncode == 0, built.stdout + built.stderr


def make(target: str, **variables: str) -> Finished:
    """Run a target of the Makefile."""
    return run(("make", "--no-print-directory", target), ROOT, {**os.environ, **variables})
