"""Callers in all languages update the same visitors at the same time, and nothing is lost."""

from __future__ import annotations

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


def deviations(
    events: Sequence[Fields], redis_url: str, key_prefix: str
) -> list[tuple[str, str, object, object]]:
    """What is stored and is not what the fold of all events gives: where, name, found, expected.

    An event of each visit is sent again for that, so that each visit is shown.
    """
    again = one_of_each_visit(events)
    with closing(connect(redis_url)) as client:
        script = script_under(client, key_prefix, load_rules("lean"))
        outcomes = script.apply(
            [FlatEvent("", 0, int(event[EVENT_TIME]), event) for event in again]
        )
    expected = dict(expected_profiles(events))
    wrong: list[tuple[str, str, object, object]] = []
    numbers: dict[str, list[int]] = {visitor: [] for visitor in VISITORS}
    shown = set()
    for outcome in outcomes:
        assert isinstance(outcome, Applied)
        profile = {name.removeprefix(OUTPUT_PREFIX): v for name, v in outcome.profile.items()}
        visit_id = profile["visit_id"]
        shown.add(visit_id)
        numbers[profile["visitor_id"]].append(profile["visit_number"])
        if outcome.flags != {"repeated"}:
            wrong.append((visit_id, "flags", outcome.flags, {"repeated"}))
        wrong += [
            (visit_id, name, profile[name], value)
            for name, value in expected[visit_id].items()
            if profile[name] != value
        ]
    if shown != expected.keys():
        wrong.append(("", "visits", shown, set(expected)))
    once = list(range(1, VISITS + 1))
    wrong += [(who, "numbers", own, once) for who, own in numbers.items() if sorted(own) != once]
    return wrong


def update_together(
    servers: Sequence[StoreServer], key_prefix: str, **variables: str
) -> list[Fields]:
    """Let all languages apply their shares, while the scripts of all servers are flushed.

    Returns:
        The events of all shares.
    """
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
    return events


def refusals(clients: Sequence[redis.Redis]) -> int:
    """How often servers did not know a script since they started."""
    errors = [client.info("errorstats") for client in clients]
    return sum(each.get("errorstat_NOSCRIPT", {}).get("count", 0) for each in errors)


def test_all_languages_on_one_server(private_store: MakeStore, key_prefix: str) -> None:
    server = private_store()
    events = update_together([server], key_prefix)
    assert deviations(events, server.url, key_prefix) == []


def test_all_languages_on_a_cluster(redis_cluster: RedisCluster, key_prefix: str) -> None:
    events = update_together(redis_cluster.primaries, key_prefix, REDIS_CLUSTER="1")
    assert deviations(events, redis_cluster.url, key_prefix) == []
