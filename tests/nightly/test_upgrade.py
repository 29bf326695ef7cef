"""The upgrade from the first version, and the way back, with that version's own programs.

They are installed from this repository's history, which needs the network.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import uuid
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
from kafka.structs import OffsetAndMetadata, TopicPartition

from bench.traffic import make_traffic, read_templates
from profiler.profiles.keys import key_of
from tests.integration.pipeline_runs import Deployment, Input
from tests.missing import give_up
from tests.worker.first_version import RULES, SCRIPT
from tests.worker.upgrade_profiles import assert_as_if_alone, profiles
from tests.worker.upgrade_records import SAME, Halves, sample, shaped, visitors_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from profiler.servers.embedded import StoreServer
    from tests.conftest import MakeStore
    from tests.integration.conftest import Deploy
    from tests.integration.programs import Program

#: What was released as 0.1.0 on 2026-11-25.
FIRST_VERSION = "573c4129e4a7acdda513632b1927926533a83ff9"
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
    programs = folder / "venv" / "bin"
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([programs / "python", *install, folder / "tree"], check=True)
    profiler = str(programs / "profiler")
    told = subprocess.run([profiler, "--version"], capture_output=True, check=True)
    assert told.stdout == b"profiler 0.1.0\n"
    return [profiler]


def work_off(deployment: Deployment, program: Program) -> dict[str, Any]:
    """Let a worker do all that is there, and stop it cleanly."""
    with program:
        program.wait_for(deployment.is_done)
        return program.stop()


class Versions:
    """One deployment, whose workers are of this version or of the first one."""

    def __init__(self, deployment: Deployment, directory: Path, first: list[str]) -> None:
        self.deployment = deployment
        self._first = first
        self._first_rules = directory / f"first-{uuid.uuid4().hex[:6]}.toml"
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


def test_profiles_are_those_of_this_version_alone(
    first_version: list[str], private_store: MakeStore, deploy: Deploy, tmp_path: Path
) -> None:
    parts = [sample(), shaped(SAME), copies()]
    halves = Halves(
        [each for part in parts for each in part.before],
        [each for part in parts for each in part.after],
    )
    upgraded, alone = deploy(private_store().url), deploy(private_store().url)
    versions = Versions(upgraded, tmp_path, first_version)
    upgraded.produce(halves.before)
    first = work_off(upgraded, versions.start_first())
    upgraded.produce(halves.after)
    second = work_off(upgraded, upgraded.start("run"))
    for half in halves:
        alone.produce(half)
        work_off(alone, alone.start("run"))

    assert (first["read"], second["read"]) == (len(halves.before), len(halves.after))
    assert second["replayed"] == 0
    assert_as_if_alone(upgraded, alone, halves)


def test_the_way_back(
    first_version: list[str], private_store: MakeStore, deploy: Deploy, tmp_path: Path
) -> None:
    store, halves = private_store(), shaped(SAME)
    visitors = visitors_of(halves)
    deployment, alone = deploy(store.url), deploy(private_store().url)
    there, reference = (Versions(each, tmp_path, first_version) for each in (deployment, alone))
    for half in halves:
        alone.produce(half)
        work_off(alone, reference.start_first())
    expected = reference.first_profiles(visitors)

    deployment.produce(halves.before)
    work_off(deployment, there.start_first())
    backup, offsets = saved(store), deployment.committed()
    deployment.produce(halves.after)
    work_off(deployment, deployment.start("run"))

    # By backup: the store's, and the offsets as they were then.
    store.stop()
    (store.directory / "dump.rdb").write_bytes(backup)
    store.start()
    there.set_offsets(offsets)
    counts = work_off(deployment, there.start_first())
    assert (counts["read"], counts["replayed"]) == (len(halves.after), 0)
    assert there.first_profiles(visitors) == expected

    # By replay: no profiles, and all that the topic still has.
    with closing(redis.Redis.from_url(store.url)) as client:
        client.flushall()
    there.set_offsets(dict.fromkeys(offsets, 0))
    counts = work_off(deployment, there.start_first())
    assert counts["read"] == len(halves.before) + len(halves.after)
    assert there.first_profiles(visitors) == expected


def test_the_first_version_started_by_mistake(
    first_version: list[str], private_store: MakeStore, deploy: Deploy, tmp_path: Path
) -> None:
    """It stops; nothing is committed, no profile changes, and nothing is a dead letter."""
    deployment, halves = deploy(private_store().url), shaped(SAME)
    deployment.produce(halves.before)
    deployment.produce(halves.after)
    work_off(deployment, deployment.start("run"))
    visitors = visitors_of(halves)
    before = profiles(deployment, visitors)

    deployment.produce(halves.after)
    committed = deployment.committed()
    with Versions(deployment, tmp_path, first_version).start_first() as program:
        assert program.wait() == 1
        assert "ELAYOUT stored state has layout 2, this script knows 1" in program.output

    assert deployment.committed() == committed
    assert deployment.read("rejected") == []
    assert profiles(deployment, visitors) == before


def saved(store: StoreServer) -> bytes:
    """Return the store's RDB as it is now."""
    with closing(redis.Redis.from_url(store.url)) as client:
        client.save()
    return (store.directory / "dump.rdb").read_bytes()
