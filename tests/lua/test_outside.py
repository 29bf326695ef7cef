"""Traffic and figures that others made: where the folder ../shared/data is there.

Rules files of the tests stand in `tests/lua/outside`.
"""

from __future__ import annotations

import gzip
import json
from contextlib import closing
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from profiler.records.types import FlatEvent
from profiler.rules.model import Rules, load_rules
from profiler.rules.tables import Limits
from tests.lua.runner import Fields, Runner
from tests.oracles.compare import flatten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servers.redis import Store

DATA = Path(__file__).parents[3] / "shared" / "data"
SNOWPLOW, WEB_LOG = DATA / "snowplow-web", DATA / "web-log" / "web-log.ndjson.gz"
MOST_ID_BYTES = 512
RULES = Path(__file__).parent / "outside"


def needs(path: Path) -> pytest.MarkDecorator:
    """Skip loudly: the project must pass without what others made, in CI too."""
    return pytest.mark.skipif(
        not path.exists(),
        reason=f"no ../shared/data/{path.relative_to(DATA)} beside the repository: an outside "
        "oracle was not asked",
    )


def events_of(lines: Sequence[bytes]) -> list[FlatEvent]:
    """The records, in no stream."""
    records = [json.loads(line) for line in lines]
    return [FlatEvent("", 0, each["timestamp"], flatten(each["value"])) for each in records]


# --- Snowplow's warehouse model -------------------------------------------------------------------

#: Where a stream must differ: the last letters of the session's id, and why.
EXPLAINED = {
    "77bd35": "the model cuts a session after three days; here it goes on",
    "31b12d": "the model leaves out an event that comes eight months after its session's first",
    "f9140d": "the model takes a lone page ping for a view that began 5 s before",
    "f9140e": "the same",
    "30fce8": "the same",
}


@needs(SNOWPLOW)
def test_sessions_are_those_of_snowplows_model(store: Store) -> None:
    events = events_of((SNOWPLOW / "events.ndjson").read_bytes().splitlines())
    lines = (SNOWPLOW / "expected_sessions.ndjson").read_bytes().splitlines()
    sessions = {each["domain_sessionid"]: each for each in map(json.loads, lines)}
    assert (len(events), len(sessions)) == (160, 18)
    with closing(Runner(store.url, load_rules(str(RULES / "snowplow-web.toml")))) as runner:
        for seed in range(3):
            runner.clear()
            runner.answers(Random(seed).sample(events, len(events)), [7])
            differing = {
                session_id[-6:]
                for session_id, session in sessions.items()
                if session_of(runner.stored(session_id)) != as_modelled(session)
            }
            assert differing == EXPLAINED.keys()


def session_of(profile: Fields) -> list[object]:
    """What is compared, of a profile."""
    names = ("start", "end", "visits", "events", "first_page", "last_page")
    return [profile[f"visitor_{name}"] for name in names]


def as_modelled(session: dict[str, Any]) -> list[object]:
    """What is compared, of a session of the model."""
    times = [session["start_tstamp"], session["end_tstamp"]]
    counts = [int(session["page_views"]), int(session["total_events"])]
    return [*times, *counts, session["first_page_url"], session["last_page_url"]]


# --- a real web site's access log -----------------------------------------------------------------


@pytest.fixture(scope="module")
def requests() -> list[FlatEvent]:
    """The log, in the order of its file; a longer referrer would be no id of a visit."""
    read = events_of(gzip.decompress(WEB_LOG.read_bytes()).splitlines())
    return [each for each in read if len(each.fields.get("log-referrer", "")) <= MOST_ID_BYTES]


def arrivals_of(requests: list[FlatEvent], order: str) -> list[FlatEvent]:
    """The requests as they come in."""
    if order == "file":
        return requests
    if order == "time":
        return sorted(requests, key=lambda request: request.timestamp)
    return Random(order).sample(requests, len(requests))


ORDERS = ("file", "time", "shuffle 1", "shuffle 2", "shuffle 3")


def folded(runner: Runner, arrivals: list[FlatEvent]) -> tuple[dict[str, Fields], set[str]]:
    """All visitors' profiles at the end, and the visitors of whom an output was flagged.

    The number of a visit depends on arrival by nature.
    """
    runner.clear()
    flagged: set[str] = set()
    profiles: dict[str, Fields] = {}
    answers = runner.profiles(arrivals, [500])
    for request, answer in zip(arrivals, answers, strict=True):
        visitor = request.fields["log-visitor"]
        if answer["late"] or answer["truncated"]:
            flagged.add(visitor)
        profiles[visitor] = {}
    for visitor in profiles:
        stored = runner.stored(visitor)
        profiles[visitor] = {k: v for k, v in stored.items() if k != "visit_number"}
    return profiles, flagged


@needs(WEB_LOG)
def test_a_web_log_gives_the_same_profiles_in_any_order(
    store: Store, requests: list[FlatEvent]
) -> None:
    """With limits that no visitor meets; and with the default ones each difference is flagged."""
    wide = load_rules(str(RULES / "web-log.toml"))
    narrow = wide.model_copy(update={"limits": Limits()})
    with closing(Runner(store.url, wide)) as runner:
        right, flagged = folded(runner, requests)
        assert (len(right), flagged) == (1_860, set())
        assert sum(profile["visitor_requests"] for profile in right.values()) == 9_996
        for order in ORDERS[1:]:
            assert folded(runner, arrivals_of(requests, order)) == (right, set()), order
    differing = [unflagged_and_all(store, narrow, requests, order, right) for order in ORDERS]
    assert [unflagged for unflagged, _ in differing] == [set()] * len(ORDERS)
    assert any(different for _, different in differing)


def unflagged_and_all(
    store: Store, rules: Rules, requests: list[FlatEvent], order: str, right: dict[str, Fields]
) -> tuple[set[str], set[str]]:
    """The visitors whose profiles are not right: those never flagged, and all."""
    with closing(Runner(store.url, rules)) as runner:
        profiles, flagged = folded(runner, arrivals_of(requests, order))
    different = {visitor for visitor, profile in profiles.items() if profile != right[visitor]}
    return different - flagged, different
