"""Callers in all languages update the same visitors at the same time, and nothing is lost."""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import redis

from profiler.profiles.redis.connections import connect
from profiler.profiles.reply import Applied
from profiler.records.types import OUTPUT_PREFIX, FlatEvent
from profiler.rules.model import load_rules
from tests.clients.feeding import run_in_step, scripts_flushed
from tests.clients.languages import LANGUAGES, build
from tests.clients.together_events import (
    EVENTS_EACH,
    VISITORS,
    VISITS,
    calls_of,
    events_together,
    expected_profiles,
    one_of_each_visit,
)
from tests.oracles.events import EVENT_TIME
from tests.oracles.measure import script_under

if TYPE_CHECKING:
    from collections.abc import Sequence

    from profiler.servers.embedded import StoreServer
    from servers.redis_cluster import RedisCluster
    from tests.clients.languages import Language
    from tests.clients.together_events import Call, Fields
    from tests.conftest import MakeStore


def shares_of(
    events: Sequence[Fields], languages: Sequence[Language], key_prefix: str
) -> dict[Language, list[Call]]:
    """Deal the events out; every other language names a stream, the others have none."""
    return {
        language: calls_of(
            events[number :: len(languages)],
            key_prefix,
            f"0:{language.name}:0" if number % 2 else "",
        )
        for number, language in enumerate(languages)
    }


def assert_profiles_are_those_of_the_fold(
    events: Sequence[Fields], redis_url: str, key_prefix: str
) -> None:
    """By sending an event of each visit again."""
    again = one_of_each_visit(events)
    with closing(connect(redis_url)) as client:
        script = script_under(client, key_prefix, load_rules("standard"))
        outcomes = script.apply(
            [FlatEvent("", 0, int(event[EVENT_TIME]), event) for event in again]
        )
    found: dict[str, Fields] = {}
    numbers = defaultdict(list)
    for outcome in outcomes:
        assert isinstance(outcome, Applied)
        assert outcome.flags == {"repeated"}
        profile = {name.removeprefix(OUTPUT_PREFIX): v for name, v in outcome.profile.items()}
        found[profile["visit_id"]] = profile
        numbers[profile["visitor_id"]].append(profile["visit_number"])

    expected = dict(expected_profiles(events))
    assert found.keys() == expected.keys()
    wrong = [
        (visit_id, name, found[visit_id][name], value)
        for visit_id, fields in expected.items()
        for name, value in fields.items()
        if found[visit_id][name] != value
    ]
    assert wrong == []
    assert {visitor: sorted(own) for visitor, own in numbers.items()} == {
        visitor: list(range(1, VISITS + 1)) for visitor in VISITORS
    }


def update_together(servers: Sequence[StoreServer], key_prefix: str, **variables: str) -> None:
    """Let all languages apply their shares, while the scripts of all servers are flushed."""
    for language in LANGUAGES:
        build(language)
    events = events_together()
    shares = shares_of(events, LANGUAGES, key_prefix)
    lines = {language: [call.line() for call in calls] for language, calls in shares.items()}
    with ExitStack() as stack:
        clients = [stack.enter_context(redis.Redis.from_url(server.url)) for server in servers]
        before = refusals(clients)
        with scripts_flushed(clients) as flushes:
            done = run_in_step(lines, servers[0].url, **variables)
        refused = refusals(clients) - before

    assert done == {
        language.name: {"calls": len(calls), "events": EVENTS_EACH}
        for language, calls in shares.items()
    }
    assert flushes[0] > 5
    assert refused > flushes[0] / 2
    assert_profiles_are_those_of_the_fold(events, servers[0].url, key_prefix)


def refusals(clients: Sequence[redis.Redis]) -> int:
    """How often servers did not know a script since they started."""
    errors = [client.info("errorstats") for client in clients]
    return sum(each.get("errorstat_NOSCRIPT", {}).get("count", 0) for each in errors)


def test_all_languages_on_one_server(private_store: MakeStore, key_prefix: str) -> None:
    update_together([private_store()], key_prefix)


def test_all_languages_on_a_cluster(redis_cluster: RedisCluster, key_prefix: str) -> None:
    update_together(redis_cluster.primaries, key_prefix, REDIS_CLUSTER="1")
