"""The upgrade from the first version, and the way back, with that version's own programs.

They are installed from this repository's history, which needs the network.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
from kafka.structs import OffsetAndMetadata, TopicPartition

from bench.traffic import make_traffic, read_templates
from profiler.profiles.keys import key_of
from tests.integration.pipeline_runs import Deployment, Input, rules_file
from tests.missing import give_up
from tests.worker.first_version import RULES, SCRIPT
from tests.worker.upgrade_profiles import assert_as_if_alone
from tests.worker.upgrade_records import SAME, Halves, sample, shaped, visitors_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from profiler.servers.embedded import StoreServer
    from tests.conftest import MakeStore
    from tests.integration.conftest import Deploy
    from tests.integration.programs import Program

#: The last commit whose version is 0.1.0.
FIRST_VERSION = "1d9b859047b52bb15ff530a93398743351538654"
REPOSITORY = Path(__file__).parents[2]
COPIED_RECORDS = 2_000


@pytest.fixture(scope="module")
def first_version(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """How its program is started."""
    folder = tmp_path_factory.mktemp("first-version")
    archive = subprocess.run(
        ["git", "archive", FIRST_VERSION],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
    )
    if archive.returncode:
        give_up("release 0.1", ["git fetch --unshallow"])
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tree:
        tree.extractall(folder / "tree", filter="data")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = str(folder / "venv" / "bin" / "python")
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([python, *install, folder / "tree"], check=True)
    told = subprocess.run([python, "-m", "profiler", "--version"], capture_output=True, check=True)
    assert told.stdout == b"profiler 0.1.0\n"
    return [python, "-m", "profiler"]


class Versions:
    """One deployment, whose workers are of this version or of the first one."""

    def __init__(self, deployment: Deployment, directory: Path, first: list[str]) -> None:
        self.deployment = deployment
        self._first, self._directory = first, directory
        self._rules = deployment.rules
        self._first_rules = directory / "first.toml"
        prefix = deployment.key_prefix
        text = RULES.read_text("utf-8").replace('"visitor:{<id>}"', f'"{prefix}{{<id>}}"')
        self._first_rules.write_text(text)

    def start_first(self) -> Program:
        """Start a worker of the first version."""
        self.deployment.program = self._first
        try:
            return self.deployment.start("run", RULES=str(self._first_rules))
        finally:
            self.deployment.program = None

    def work_off(self, program: Program) -> dict[str, Any]:
        """Let a worker do all that is there, and stop it cleanly."""
        with program:
            program.wait_for(self.deployment.is_done)
            return program.stop()

    def set_offsets(self, offsets: dict[int, int]) -> None:
        """Set the group's, by partition, as kafka-consumer-groups.sh does."""
        group, topic = self.deployment.groups["run"], self.deployment.topics["processed"]
        wanted = {
            TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1)
            for partition, offset in offsets.items()
        }
        self.deployment.admin.alter_group_offsets(group, wanted)

    def first_profiles(self, visitors: Iterable[str]) -> dict[str, list[Any]]:
        """What is stored, as the first version's script reads it."""
        pattern = self.deployment.key_prefix + "{<id>}"
        with closing(redis.Redis.from_url(self.deployment.redis_url)) as client:
            read = client.register_script(SCRIPT.read_text("utf-8"))
            return {v: read([key_of(pattern, v)], [v, "", ""]) for v in visitors}


def copies() -> Halves:
    """The sample's traffic many times at once, cut in the middle."""
    records = [
        Input(each.value, each.key, each.timestamp)
        for each in make_traffic(read_templates(), "three", COPIED_RECORDS)
    ]
    return Halves(records[: COPIED_RECORDS // 2], records[COPIED_RECORDS // 2 :])


def test_the_upgrade_and_the_way_back(
    first_version: list[str], private_store: MakeStore, deploy: Deploy, tmp_path: Path
) -> None:
    parts = [sample(), shaped(SAME), copies()]
    halves = Halves(
        [each for part in parts for each in part.before],
        [each for part in parts for each in part.after],
    )
    deployment = deploy(private_store().url)
    versions = Versions(deployment, tmp_path, first_version)
    deployment.produce(halves.before)
    first = versions.work_off(versions.start_first())
    deployment.produce(halves.after)
    second = versions.work_off(deployment.start("run"))
    print("first:", first)
    print("second:", second)

    assert (first["read"], second["read"]) == (len(halves.before), len(halves.after))
    assert second["replayed"] == 0

    alone = deploy(private_store().url)
    for half in halves:
        alone.produce(half)
        versions.work_off
    assert_as_if_alone(deployment, alone, halves)
