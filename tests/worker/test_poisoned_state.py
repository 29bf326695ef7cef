"""One visitor's stored state is unusable: that visitor's events are dead letters, all others go on.

Once the key is deleted, the visitor begins anew.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
import redis

from profiler.profiles.keys import key_of
from profiler.records.types import Record
from profiler.rules.contract import LAYOUT
from tests.conftest import MakeStore
from tests.integration.pipeline_runs import Input, place_of
from tests.presets import ONE_OF_EACH_ORDER
from tests.worker.conftest import Deploy
from tests.worker.deployment import MemoryDeployment
from tests.worker.running import Running

TIME = 1_700_000_000_000
HEALTHY = [f"healthy {number}" for number in range(5)]
#: Small, so that a visitor can grow to it within the test.
PROFILE_BYTES = 4_096

Poison = Callable[["redis.Redis", str], object]


def spoil(change: Callable[[bytes], bytes]) -> Poison:
    """Change the packed state."""

    def poison(client: "redis.Redis", key: str) -> None:
        state = client.hget(key, "~")
        assert isinstance(state, bytes)
        client.hset(key, "~", change(state))

    return poison


def retype(write: Callable[["redis.Redis", str], object]) -> Poison:
    """Put another type in the hash's place."""

    def poison(client: "redis.Redis", key: str) -> None:
        assert client.delete(key) == 1
        write(client, key)

    return poison


#: By visitor: what is done to its key.
POISONS: dict[str, Poison] = {
    "a string": retype(lambda client, key: client.set(key, "text")),
    "a list": retype(lambda client, key: client.rpush(key, "element")),
    "a stream": retype(lambda client, key: client.xadd(key, {"field": "value"})),
    "random bytes": spoil(lambda _: bytes.fromhex("c1ffd9a70013e2")),
    "no bytes": spoil(lambda _: b""),
    "cut": spoil(lambda state: state[: len(state) // 2]),
    "another order": spoil(lambda state: state[:1] + b"?" + state[2:]),
    "over its cap": spoil(lambda state: state + b"x" * PROFILE_BYTES),
}
#: `article` takes such a hash for the article's own, and goes on from its fields.
STANDARD_POISONS: dict[str, Poison] = {
    "another program's hash": retype(lambda client, key: client.hset(key, "visitor_id", "x")),
}


def content(client: "redis.Redis", key: str) -> object:
    """What a key holds; a dump of a hash would also show the order of its fields, which moves."""
    return client.hgetall(key) if client.type(key) == b"hash" else client.dump(key)


def page_view(visitor: str, number: int, *, title: str = "") -> Input:
    fields = {
        "domain_userid": visitor,
        "domain_sessionid": f"visit of {visitor}",
        "event_id": f"event {number}",
        "eventtype": "Pageview",
        "page_title": title or f"page {number}",
    }
    elements = [{"name": f"other_{name}", "value": value} for name, value in fields.items()]
    value = json.dumps({"query": elements}).encode()
    return Input(value, visitor.encode(), TIME + number, (("trace", b"%d" % number),))


def two_of_each(visitors: list[str], number: int) -> list[Input]:
    return [page_view(visitor, n) for n in (number, number + 1) for visitor in visitors]


def assert_refused(rejected: list[Record], inputs: list[Input], first: int) -> None:
    """These are the dead letters of poisoned visitors' inputs, and of no others."""
    refused = [n for n, given in enumerate(inputs) if (given.key or b"").decode() not in HEALTHY]
    assert [place_of(record).offset for record in rejected] == [first + n for n in refused]
    for record, given in zip(rejected, (inputs[n] for n in refused), strict=True):
        assert (record.value, record.key, record.timestamp) == given[:3]
        headers = dict(record.headers)
        assert headers["trace"] == dict(given.headers)["trace"]
        assert (headers["error-stage"], headers["error-code"]) == (b"profile", b"EPROFILE")
        assert headers["error-reason"]


def last_profiles(deployment: MemoryDeployment, visitors: list[str]) -> dict[str, dict[str, Any]]:
    """The value persisted last for each."""
    found: dict[str, dict[str, Any]] = {}
    for record in deployment.read("persisted"):
        found[(record.key or b"").decode()] = json.loads(record.value or b"")
    assert list(found) == visitors
    return found


def deploy_with_small_cap(deploy: Deploy, redis_url: str, preset: str) -> MemoryDeployment:
    deployment = deploy(redis_url, preset=preset, partitions=1)
    rules = deployment.rules.read_text()
    small = rules.replace("profile_bytes = 262144", f"profile_bytes = {PROFILE_BYTES}")
    assert small != rules
    deployment.rules.write_text(small)
    return deployment


def play(deployment: MemoryDeployment, program: Running, inputs: list[Input]) -> int:
    """Put these in and wait until they are committed; return the offset of the first."""
    first = deployment.ends("processed")[0]
    deployment.produce(inputs)
    program.wait_for(deployment.is_done)
    return first


@pytest.mark.parametrize("preset", ONE_OF_EACH_ORDER)
def test_a_poisoned_visitor_costs_its_own_events_only(
    preset: str, private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy_with_small_cap(deploy, private_store("redis7").url, preset)
    poisons = POISONS | (STANDARD_POISONS if preset == "lean" else {})
    visitors = [*poisons, *HEALTHY]
    keys = {v: key_of(deployment.key_prefix + "{<id>}", v) for v in visitors}
    with (
        redis.Redis.from_url(deployment.redis_url) as client,
        deployment.start("run") as program,
    ):
        play(deployment, program, two_of_each(visitors, 1))
        for visitor, poison in poisons.items():
            poison(client, keys[visitor])
        before = {visitor: content(client, keys[visitor]) for visitor in poisons}

        inputs = two_of_each(visitors, 3)
        first = play(deployment, program, inputs)
        assert {visitor: content(client, keys[visitor]) for visitor in poisons} == before
        # What was stored for the case that it comes again goes; the mark of the partition stays.
        program.wait_for(lambda: client.dbsize() == len(visitors) + 1)
        assert_refused(deployment.read("rejected"), inputs, first)

        client.delete(*(keys[visitor] for visitor in poisons))  # the repair
        play(deployment, program, two_of_each(visitors, 5))
        counts = program.stop()
    refused = 2 * len(poisons)
    assert (counts["read"], counts["rejected"]) == (6 * len(visitors), refused)
    assert counts["profiled"] == 6 * len(visitors) - refused
    assert len(deployment.read("rejected")) == refused
    for visitor, profile in last_profiles(deployment, visitors).items():
        begins_at = 1 if visitor in HEALTHY else 5
        assert profile["profile_visitor_first_page"] == f"page {begins_at}", visitor
        assert profile["profile_visitor_last_page"] == "page 6", visitor
        if preset == "lean":
            assert profile["profile_visitor_events"] == 7 - begins_at, visitor


@pytest.mark.parametrize("preset", ONE_OF_EACH_ORDER)
def test_an_event_that_would_take_a_profile_over_its_cap_is_refused(
    preset: str, private_store: MakeStore, deploy: Deploy
) -> None:
    deployment = deploy_with_small_cap(deploy, private_store("valkey9").url, preset)
    visitors = ["grown", "healthy 0"]
    with deployment.start("run") as program:
        play(deployment, program, two_of_each(visitors, 1))
        large = page_view("grown", 3, title="x" * (PROFILE_BYTES - 1))
        first = play(deployment, program, [large, page_view("healthy 0", 3)])
        play(deployment, program, two_of_each(visitors, 4))
        assert program.stop()["rejected"] == 1
    assert_refused(deployment.read("rejected"), [large], first)
    for visitor, profile in last_profiles(deployment, visitors).items():
        assert profile["profile_visitor_first_page"] == "page 1"
        assert profile["profile_visitor_last_page"] == "page 5"
        if preset == "lean":
            assert profile["profile_visitor_events"] == (4 if visitor == "grown" else 5)


@pytest.mark.parametrize("preset", ONE_OF_EACH_ORDER)
def test_state_of_a_newer_layout_stops_the_worker_and_loses_nothing(
    preset: str, private_store: MakeStore, deploy: Deploy
) -> None:
    """Its writer knows more than this script, so a dead letter would be the wrong end."""
    deployment = deploy(private_store("redis7").url, preset=preset, partitions=1)
    visitors = ["newer", "healthy 0"]
    with redis.Redis.from_url(deployment.redis_url) as client:
        with deployment.start("run") as program:
            play(deployment, program, two_of_each(visitors, 1))
            program.stop()
        key = key_of(deployment.key_prefix + "{<id>}", "newer")
        state = client.hget(key, "~")
        assert isinstance(state, bytes)
        assert state[1] == LAYOUT
        spoil(lambda state: state[:1] + b"\x03" + state[2:])(client, key)
        deployment.produce(two_of_each(visitors, 3))
        with deployment.start("run") as program:
            assert program.wait() == 1
            assert "ELAYOUT" in program.output
            assert "a newer profiler is at work, update this one" in program.output
            assert "Traceback" not in program.output
        assert deployment.committed() == {0: 4}
        assert deployment.read("rejected") == []

        client.hset(key, "~", state)
    with deployment.start("run") as program:
        program.wait_for(deployment.is_done)
        program.stop()
    assert [place_of(record).offset for record in deployment.read("persisted")] == list(range(8))
    for profile in last_profiles(deployment, visitors).values():
        assert profile["profile_visitor_last_page"] == "page 4"
        if preset == "lean":
            assert profile["profile_visitor_events"] == 4
