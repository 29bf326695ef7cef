"""The upgrade from the first version: its script had the first half, this version has the next.

`tests/nightly/test_upgrade.py` does the same with that version's programs, on a real Kafka.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest
import redis

from tests.worker.deployment import MemoryDeployment
from tests.worker.first_version import RULES, FirstVersion
from tests.worker.upgrade_profiles import BEGIN_ANEW, assert_as_if_alone, profiles
from tests.worker.upgrade_records import (
    DIFFERENT,
    SAME,
    Halves,
    sample,
    shaped,
    visitors_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from profiler.engine import EngineClass
    from servers.redis import Store

pytestmark = pytest.mark.usefixtures("redis_client")  # it removes the keys


class Deploy(Protocol):
    """The type of the fixture `deploy`."""

    def __call__(self, name: str) -> MemoryDeployment:
        """Describe a deployment with keys of its own."""


@pytest.fixture
def deploy(store: Store, key_prefix: str, tmp_path: Path, engine: EngineClass) -> Deploy:
    engine_name: Any = engine.name

    def make(name: str) -> MemoryDeployment:
        folder = tmp_path / name
        folder.mkdir()
        return MemoryDeployment(
            store.url,
            key_prefix=f"{key_prefix}{name}:",
            directory=folder,
            engine=engine_name,
        )

    return make


def work_off(deployment: MemoryDeployment, **settings: str) -> dict[str, Any]:
    """Run a worker of this version until all is committed; return what it counted."""
    with deployment.start("run", **settings) as program:
        program.wait_for(deployment.is_done)
        return program.stop()


def upgrade(deployment: MemoryDeployment, halves: Halves) -> None:
    """Let the first version have the first half, and this version the next."""
    deployment.produce(halves.before)
    FirstVersion(deployment).work_off()
    deployment.produce(halves.after)
    work_off(deployment)


def run_alone(deployment: MemoryDeployment, halves: Halves) -> None:
    """Let this version have all."""
    for half in halves:
        deployment.produce(half)
        work_off(deployment)


@pytest.mark.parametrize("halves", [sample(), shaped(SAME)], ids=["sample", "shapes"])
def test_profiles_are_those_of_this_version_alone(deploy: Deploy, halves: Halves) -> None:
    """All but the page views: these are counted by a new rule, from the upgrade on."""
    upgraded, alone = deploy("upgraded"), deploy("alone")
    upgrade(upgraded, halves)
    run_alone(alone, halves)

    assert_as_if_alone(upgraded, alone, halves)


def first_rules(deployment: MemoryDeployment) -> str:
    """The first version's rules file, as it is."""
    return RULES.read_text("utf-8").replace("visitor:{", f"{deployment.key_prefix}{{")


def counts_of_the_first_rules(deployment: MemoryDeployment) -> str:
    """Today's rules, but for what counts as a page view."""
    return deployment.rules.read_text().replace('when = "any_page_view"', 'when = "page_view"')


@pytest.mark.parametrize("rules", [first_rules, counts_of_the_first_rules])
@pytest.mark.parametrize("halves", [sample(), shaped(SAME)], ids=["sample", "shapes"])
def test_where_page_views_are_what_they_were_all_goes_on(
    deploy: Deploy, halves: Halves, rules: Callable[[MemoryDeployment], str]
) -> None:
    upgraded, alone = deploy("upgraded"), deploy("alone")
    for deployment in (upgraded, alone):
        deployment.rules.write_text(rules(deployment))
    upgrade(upgraded, halves)
    run_alone(alone, halves)

    visitors = visitors_of(halves)
    assert profiles(upgraded, visitors) == profiles(alone, visitors)


@pytest.mark.parametrize("shape", DIFFERENT)
def test_what_differs_and_why(deploy: Deploy, shape: str) -> None:
    expected, halves = DIFFERENT[shape], shaped([shape])
    upgraded, alone = deploy("upgraded"), deploy("alone")
    upgrade(upgraded, halves)
    run_alone(alone, halves)

    (visitor,) = visitors_of(halves)
    here, there = (profiles(each, [visitor])[visitor] for each in (alone, upgraded))
    differ = {n for n in here | there if here.get(n) != there.get(n)} - set(BEGIN_ANEW)
    assert {n: str(here[n]) for n in differ if n in here} == expected.alone, expected.why
    assert {n: str(there[n]) for n in differ if n in there} == expected.upgraded


def events_of(deployment: MemoryDeployment, visitors: Iterable[str]) -> dict[str, int]:
    """How many events of each visitor count."""
    found = profiles(deployment, visitors)
    return {visitor: profile["visitor_events"] for visitor, profile in found.items()}


SEAM = ["views", "without event ids"]
#: Of the records before the upgrade, these many are not committed.
UNCOMMITTED = 2


def stop_without_committing(deployment: MemoryDeployment, halves: Halves) -> int:
    """Let the first version end by force, after the calls and before the commit.

    Returns:
        How many records this version will read again.
    """
    deployment.produce(halves.before)
    first = FirstVersion(deployment)
    first.work_off()
    ends = deployment.ends("processed")
    kept = {partition: max(0, end - UNCOMMITTED) for partition, end in ends.items()}
    first.commit(kept)
    deployment.produce(halves.after)
    return sum(ends.values()) - sum(kept.values())


def test_after_a_clean_stop_nothing_is_read_again(deploy: Deploy) -> None:
    deployment, halves = deploy("upgraded"), shaped(SEAM)
    deployment.produce(halves.before)
    FirstVersion(deployment).work_off()
    deployment.produce(halves.after)
    counts = work_off(deployment)
    assert counts["read"] == len(halves.after)
    assert (counts["repeated"], counts["replayed"]) == (0, 0)
    assert events_of(deployment, SEAM) == dict.fromkeys(SEAM, 8)


def test_what_was_not_committed_counts_again_unless_its_id_is_known(deploy: Deploy) -> None:
    """The old marks are in streams of other names, so they do not stop it."""
    deployment, halves = deploy("upgraded"), shaped(SEAM)
    again = stop_without_committing(deployment, halves)
    counts = work_off(deployment)
    assert (counts["repeated"], counts["replayed"]) == (again // 2, 0)
    assert events_of(deployment, SEAM) == {"views": 8, "without event ids": 8 + again // 2}


def test_the_first_versions_epoch_keeps_its_streams(deploy: Deploy) -> None:
    """So nothing counts again after a stop by force."""
    deployment, halves = deploy("upgraded"), shaped(SEAM)
    again = stop_without_committing(deployment, halves)
    counts = work_off(deployment, stream_epoch="0")
    assert (counts["repeated"], counts["replayed"]) == (0, again)
    assert events_of(deployment, SEAM) == dict.fromkeys(SEAM, 8)


def test_the_first_versions_marks_stay_in_the_profile(deploy: Deploy) -> None:
    """Beside those of the new names, until they are forgotten as the oldest of too many."""
    deployment, halves = deploy("upgraded"), shaped(SEAM)
    upgrade(deployment, halves)
    FirstVersion(deployment).commit(dict.fromkeys(range(deployment.partitions), 0))
    counts = work_off(deployment, stream_epoch="0")
    assert counts["replayed"] == len(halves.before)
    assert counts["read"] == len(halves.before) + len(halves.after)


def test_the_first_version_refuses_what_this_one_wrote(
    deploy: Deploy, redis_client: redis.Redis
) -> None:
    """It changes nothing."""
    deployment, halves = deploy("upgraded"), shaped(["views"])
    upgrade(deployment, halves)
    key = f"{deployment.key_prefix}{{views}}"
    before = redis_client.dump(key), redis_client.pexpiretime(key)
    deployment.produce(halves.after)
    with pytest.raises(
        redis.ResponseError, match=r"^ELAYOUT stored state has layout 2, this script knows 1"
    ):
        FirstVersion(deployment).work_off()
    assert (redis_client.dump(key), redis_client.pexpiretime(key)) == before
    assert not deployment.is_done()
