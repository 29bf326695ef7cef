"""The Java that runs Kafka, and the archive of loaded classes with which it starts fast."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from profiler.servers.processes import ServerStartError
from servers.kafka_jars import resolve_jars
from servers.sources import MissingServerError

if TYPE_CHECKING:
    from pathlib import Path

OLDEST_JAVA = 17
# Short runs on shared cores: a fast start matters more than peak throughput.
FAST_START = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]


@dataclass(frozen=True)
class KafkaJava:
    """A Java with Kafka's classes.

    Attributes:
        program: its path.
        version: a digest of what it says about itself: an archive is of one Java only.
        jars: the directory of Kafka's jars.
        archiving: its option about the archive, if any.
    """

    program: str
    version: str
    jars: Path
    archiving: tuple[str, ...] = ()

    @property
    def archive(self) -> Path:
        """Where the archive of loaded and checked classes is, once a broker has left it."""
        return self.jars / f"{self.version}.jsa"

    def command(self, *options: str) -> list[str]:
        """The command line without a class: that comes next, and then its arguments."""
        level = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        archiving = self.archiving
        if not archiving and self.archive.exists():
            archiving = (f"-XX:SharedArchiveFile={self.archive}",)
        return [self.program, *options, *FAST_START, *archiving, level, "-cp", f"{self.jars}/*"]

    def run(self, name: str, *arguments: str) -> None:
        """Run one of Kafka's tools to its end.

        Raises:
            ServerStartError: it failed; with what it said.
        """
        # A tool knows few classes: its archive would stand in the way of a broker's.
        command = [*replace(self, archiving=()).command(), name, *arguments]
        tool = subprocess.run(command, capture_output=True, text=True, check=False)
        if tool.returncode != 0:
            raise ServerStartError(f"{name} failed:\n{tool.stdout}{tool.stderr}")

    def written_to(self, archive: Path) -> KafkaJava:
        """The same, but at its end it writes the archive of the classes that it loaded."""
        return replace(self, archiving=(f"-XX:ArchiveClassesAtExit={archive}",))


@cache
def find_java() -> KafkaJava:
    """Find Java and the jars.

    Raises:
        MissingServerError: Java or Maven is missing, or Maven could not resolve the jars.
    """
    remedy = (
        f"install Java {OLDEST_JAVA} and Maven"
        f" (Debian: apt-get install openjdk-{OLDEST_JAVA}-jre-headless maven)"
    )
    program = shutil.which("java")
    if program is None:
        raise MissingServerError(remedy)
    answer = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', answer.stderr)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise MissingServerError(remedy)
    digest = hashlib.sha256(answer.stderr.encode()).hexdigest()[:12]
    return KafkaJava(program, f"java{version[1]}-{digest}", resolve_jars())
