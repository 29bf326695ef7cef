"""The row of Kafka Streams: a Java program, built by Maven into the user's cache."""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from bench.broker import Topics
from bench.errors import BenchError
from bench.workers import Worker
from servers.cache import cache_folder

_SOURCES = Path(__file__).with_name("kafka_streams")
_MAIN = "visitorprofile.bench.VisitorStream"
_JAVA = "install Java 17 or later, with its compiler, and Maven (Debian: apt-get install"
_REMEDY = f"{_JAVA} openjdk-17-jdk-headless maven), or leave the rows out with --only"


class StreamsProgram(NamedTuple):
    """What starts it.

    Attributes:
        java: the JVM.
        classes: the class path.
        version: of Kafka Streams.
    """

    java: Path
    classes: str
    version: str

    def worker(
        self,
        bootstrap_servers: str,
        application: str,
        topics: Topics,
        changelog: str,
        member: str = "",
    ) -> Worker:
        """The program, not started; its state is in its directory, under ``state``.

        Args:
            bootstrap_servers: the cluster.
            application: the id, which is the group too, and begins the changelog's name.
            topics: of the round.
            changelog: ``changelog``, from which Kafka restores the state, or ``no-changelog``.
            member: the group's static member that it is; empty for none.
        """
        arguments = (
            # The collector with the least CPU time an event, on few cores.
            *("-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"),
            *("-cp", self.classes, _MAIN),
            *(bootstrap_servers, application, *topics[:3]),
            *("state", changelog, member),
        )
        return Worker(arguments, output_topic=topics.persisted, interpreter=self.java)


def streams_program() -> StreamsProgram:
    """Build it, once for each state of its sources; about 20 seconds.

    Raises:
        BenchError: Java or Maven is missing, or Maven could not build it.
    """
    java, maven = shutil.which("java"), shutil.which("mvn")
    if java is None or maven is None:
        raise BenchError(f"Kafka Streams: {_REMEDY}")
    files = sorted(path for path in (_SOURCES / "src").rglob("*") if path.is_file())
    pom = _SOURCES / "pom.xml"
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in (pom, *files))).hexdigest()
    home = cache_folder() / f"kafka-streams-{digest[:12]}"
    if not home.is_dir():
        _build(maven, home)
    return StreamsProgram(Path(java), f"{home}/classes:{home}/lib/*", _version(pom))


def _build(maven: str, home: Path) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    # A rename at the end: another run never sees half of it.
    with tempfile.TemporaryDirectory(dir=home.parent) as temporary:
        sources = shutil.copytree(
            _SOURCES, Path(temporary) / "sources", ignore=shutil.ignore_patterns("target")
        )
        run = subprocess.run(
            [maven, "-q", "-B", "-f", str(sources / "pom.xml"), "package"],
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode != 0:
            tail = "\n".join((run.stdout + run.stderr).splitlines()[-8:])
            raise BenchError(f"Kafka Streams: {_REMEDY}; Maven said:\n{tail}")
        try:
            (sources / "target").rename(home)
        except OSError:
            if not home.is_dir():  # else another run was faster
                raise


def _version(pom: Path) -> str:
    """The version that the sources ask for."""
    space = {"": "http://maven.apache.org/POM/4.0.0"}
    for dependency in ET.parse(pom).iterfind(".//dependency", space):  # noqa: S314 - our own
        if dependency.findtext("artifactId", namespaces=space) == "kafka-streams":
            return dependency.findtext("version", "", namespaces=space)
    raise BenchError(f"{pom} names no kafka-streams")
