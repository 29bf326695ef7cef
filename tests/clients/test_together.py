"""Callers in all languages update the same visitors at the same time, and nothing is lost."""

from __future__ import annotations

from collections import defaultdict
from contextlib import closing
from typing import TYPE_CHECKING

import redis

from profiler.records import FlatEvent
from profiler.reply import OUTPUT_PREFIX, Applied
from profiler.rules import load_rules
from profiler.store import connect
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
    wrong = {
        visit_id: {n: (value, found[visit_id][n]) for n, value in fields.items()}
        for visit_id, fields in expected.items()
        if not fields.items() <= found[visit_id].items()
    }
    assert wrong == {}
    assert {visitor: sorted(own) for visitor, own in numbers.items()} == {
        visitor: list(range(1, VISITS + 1)) for visitor in VISITORS
    }


def test_all_languages_on_one_server(private_store: MakeStore, key_prefix: str) -> None:
    for language in LANGUAGES:
        build(language)
    events = events_together()
    shares = shares_of(events, LANGUAGES, key_prefix)
    lines = {language: [call.line() for call in calls] for language, calls in shares.items()}
    url = private_store().url
    with redis.Redis.from_url(url) as client:
        with scripts_flushed([client]) as flushes:
            done = run_in_step(lines, url)
        refused = client.info("errorstats")["errorstat_NOSCRIPT"]["count"]

    assert done == {
        language.name: {"calls": len(calls), "events": EVENTS_EACH}
        for language, calls in shares.items()
    }
    assert flushes[0] > 5
    assert refused > flushes[0] / 2
    assert_profiles_are_those_of_the_fold(events, url, key_prefix)
