"""Many processes, the same visitors, at once: nothing is lost, and a non-atomic twin loses much."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

from servers.redis import Store
from tests.conftest import MakeStore
from tests.integration.conftest import Deploy
from tests.integration.pipeline_runs import Input, place_of, rules_file, stored_profile
from tests.integration.programs import Program
from tests.integration.race_events import (
    EVENTS,
    TIME,
    VISIT,
    VISITOR,
    VISITORS,
    VISITS,
    Fields,
    Seen,
    apply_by_script,
    apply_by_twin,
    at_once,
    expected_profiles,
    page_of,
    race_events,
    shares_of,
    wrong_profiles,
)

WORKERS = 4
OF_ONE_VISITOR = VISITS * EVENTS


@pytest.fixture(scope="module")
def events() -> list[Fields]:
    return race_events()


def by_visitor(seen: list[Seen]) -> Iterator[tuple[str, list[Seen]]]:
    found = defaultdict(list)
    for one in seen:
        found[one.visitor].append(one)
    assert found.keys() == set(VISITORS)
    yield from found.items()


def assert_no_state_was_seen_twice(profiles: list[dict[str, Any]]) -> None:
    """One visitor's outputs in any order: no two calls met the same state."""
    counts = [profile["profile_visitor_events"] for profile in profiles]
    of_visits = [
        (profile["profile_visit_id"], profile["profile_visit_events"]) for profile in profiles
    ]
    assert len(set(counts)) == len(set(of_visits)) == len(profiles)
    assert set(counts) <= set(range(1, OF_ONE_VISITOR + 1))
    numbers = {profile["profile_visit_id"]: profile["profile_visit_number"] for profile in profiles}
    assert sorted(numbers.values()) == list(range(1, VISITS + 1))


def test_processes_at_once_count_exactly(
    store: Store, events: list[Fields], key_prefix: str, tmp_path: Path
) -> None:
    rules = rules_file(tmp_path, "lean", key_prefix)
    seen = at_once(apply_by_script, shares_of(events, store.url, rules))
    assert wrong_profiles(expected_profiles(events), store.url, key_prefix) == {}
    for _, own in by_visitor(seen):
        assert len(own) == OF_ONE_VISITOR
        assert_no_state_was_seen_twice([one.profile for one in own])
        flags = Counter(flag for one in own for flag in one.flags)
        assert (flags["new_visitor"], flags["new_visit"]) == (1, VISITS)
        assert not flags.keys() & {"replayed", "repeated", "late", "truncated"}


def test_processes_at_once_keep_the_articles_first_page(
    private_store: MakeStore, events: list[Fields], key_prefix: str, tmp_path: Path
) -> None:
    """It is the page of the event that was applied first, or never known."""
    url = private_store("valkey9").url
    rules = rules_file(tmp_path, "article", key_prefix)
    seen = at_once(apply_by_script, shares_of(events, url, rules))
    assert len(seen) == len(events)
    for visitor, own in by_visitor(seen):
        [first] = [one for one in own if "new_visitor" in one.flags]
        shown = {one.profile.get("profile_visitor_first_page") for one in own}
        stored = stored_profile(url, key_prefix, visitor)
        assert shown == {first.page} == {stored.get("visitor_first_page")}
        assert {one.profile["profile_visitor_id"] for one in own} == {visitor}
        assert all(one.profile["profile_visit_id"] == one.visit for one in own)


def test_a_non_atomic_twin_loses_events(
    private_store: MakeStore, events: list[Fields], key_prefix: str, tmp_path: Path
) -> None:
    """The same run finds the races of a program that has some, which is right when alone."""
    url = private_store("redis7").url
    rules = rules_file(tmp_path, "lean", key_prefix)
    expected = expected_profiles(events)
    at_once(apply_by_twin, shares_of(events, url, rules))
    wrong = wrong_profiles(expected, url, key_prefix)
    assert len(wrong) > len(VISITORS) / 2
    lost = [OF_ONE_VISITOR - int(found["visitor_events"] or 0) for found in wrong.values()]
    assert sum(lost) > len(VISITORS)

    with redis.Redis.from_url(url) as client:
        client.flushdb()
    few = [fields for fields in events if fields[VISITOR] in VISITORS[:3]]
    [share] = shares_of(few, url, rules, processes=1)
    apply_by_twin(share)
    assert wrong_profiles(expected_profiles(few), url, key_prefix) == {}


def inputs_of(events: list[Fields]) -> list[Input]:
    """Records on all partitions in turn, so that every worker gets events of every visitor."""
    chance = random.Random(4)
    return [
        Input(
            json.dumps({"query": named(fields)}).encode(),
            b"key-%d" % chance.randrange(1_000),
            int(fields[TIME]),
            partition=number % WORKERS,
        )
        for number, fields in enumerate(events)
    ]


def named(fields: Fields) -> list[dict[str, str]]:
    return [{"name": k.removeprefix("query-"), "value": v} for k, v in fields.items()]


def wait_until_shared(programs: list[Program]) -> None:
    """Each worker has its partition: from here on there is no rebalance."""
    for program in programs:
        program.wait_for(lambda: all(one.owned() == 1 for one in programs))


@pytest.mark.parametrize(("preset", "flavour"), [("lean", "redis7"), ("article", "valkey9")])
def test_workers_at_once_count_exactly(
    preset: str,
    flavour: str,
    events: list[Fields],
    private_store: MakeStore,
    deploy: Deploy,
) -> None:
    """Meanwhile the primary is started anew without a script, and its scripts are flushed."""
    server = private_store(flavour, options=["--appendonly", "yes", "--appendfsync", "always"])
    deployment = deploy(server.url, preset=preset, partitions=WORKERS)
    inputs = inputs_of(events)
    with ExitStack() as stack:
        # No worker may seem dead on a busy machine: a rebalance would repeat outputs.
        patient = {"KAFKA__SESSION_TIMEOUT_MS": "30000"}
        workers = [stack.enter_context(deployment.start("run", **patient)) for _ in range(WORKERS)]
        wait_until_shared(workers)
        deployment.produce(inputs[:10_000])
        workers[0].wait_for(lambda: sum(deployment.committed().values()) > 2_000)
        server.kill()
        server.start()
        with redis.Redis.from_url(server.url) as client:
            deployment.produce(inputs[10_000:])
            client.script_flush()
            workers[0].wait_for(deployment.is_done)
        for worker in workers:
            worker.stop()

    persisted = deployment.read("persisted")
    assert len({place_of(record) for record in persisted}) == len(persisted) == len(events)
    assert len(deployment.read("flattened")) == len(events)
    assert deployment.read("rejected") == []
    outputs = [json.loads(record.value or b"") for record in persisted]
    assert all(output["profile_visitor_id"] == output[VISITOR] for output in outputs)
    for visitor in VISITORS:
        own = [output for output in outputs if output[VISITOR] == visitor]
        if preset == "lean":
            # The crash may have met a batch half applied: its events come out flagged, with the
            # profile as it is by then.
            assert_no_state_was_seen_twice([out for out in own if not out["profile_replayed"]])
            assert all(output["profile_visit_id"] == output[VISIT] for output in own)
        else:
            [first_page] = {output.get("profile_visitor_first_page") for output in own}
            assert first_page in {None, *(page_of(output) for output in own)}
    if preset == "lean":
        assert wrong_profiles(expected_profiles(events), server.url, deployment.key_prefix) == {}
