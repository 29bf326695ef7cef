"""The events of the race, what must come of them, and the processes that apply them at once."""

import multiprocessing
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path
from threading import Barrier
from typing import Any, NamedTuple

import redis

from profiler.profiles.keys import key_of
from profiler.profiles.redis.connections import connect
from profiler.profiles.reply import Applied
from profiler.profiles.script import ProfileScript
from profiler.records.types import FlatEvent
from profiler.rules.model import load_rules
from tests.integration import nonatomic_twin
from tests.integration.pipeline_runs import stored_profile

PROCESSES = 8
VISITORS = [f"visitor-{number}" for number in range(50)]
VISITS, EVENTS = 8, 50  # per visitor; per visit
START_MS = 1_700_000_000_000
AT_ONCE = 20

VISITOR = "query-other_domain_userid"
VISIT = "query-other_domain_sessionid"
TIME = "query-other_dvce_created_tstamp"
PAGE = "query-other_page_title"

Fields = dict[str, str]


class Share(NamedTuple):
    """What one process has to do."""

    number: int
    redis_url: str
    rules_path: str
    events: list[Fields]


class Seen(NamedTuple):
    """What the script answered to one event."""

    visitor: str
    visit: str
    page: str | None
    flags: frozenset[str]
    profile: dict[str, Any]


def race_events() -> list[Fields]:
    """20,000 events of 50 visitors; their order has nothing to do with their times."""
    chance = random.Random(20_000)
    events = []
    for visitor in VISITORS:
        for number in range(VISITS * EVENTS):
            visit, time = number // EVENTS, START_MS + number * 1_000 + chance.randrange(1_000)
            events.append(
                {
                    VISITOR: visitor,
                    VISIT: f"{visitor}.{visit}",
                    TIME: str(time),
                    PAGE: f"page {chance.randrange(10**6)}",
                    "query-other_event_id": f"{visitor}.{number}",
                    "query-other_eventtype": chance.choice(["Pageview", "Scroll"]),
                }
            )
    chance.shuffle(events)
    return events


def page_of(fields: Fields) -> str | None:
    """The page of a page view."""
    return fields[PAGE] if fields["query-other_eventtype"] == "Pageview" else None


def expected_profiles(events: Sequence[Fields]) -> dict[str, Fields]:
    """What must be stored of each visitor, whatever the order, by counting."""
    by_visitor = defaultdict(list)
    for fields in events:
        by_visitor[fields[VISITOR]].append(fields)
    expected = {}
    for visitor, own in by_visitor.items():
        views = [fields for fields in own if page_of(fields)]
        expected[visitor] = {
            "visitor_id": visitor,
            "visitor_events": str(len(own)),
            "visitor_pageviews": str(len(views)),
            "visitor_visits": str(len({fields[VISIT] for fields in own})),
            "visitor_first_page": min(views, key=lambda fields: int(fields[TIME]))[PAGE],
        }
    return expected


def wrong_profiles(
    expected: dict[str, Fields], redis_url: str, key_prefix: str
) -> dict[str, dict[str, str | None]]:
    """What is stored and should not be, by visitor."""
    found = {visitor: stored_profile(redis_url, key_prefix, visitor) for visitor in expected}
    return {
        visitor: {name: found[visitor].get(name) for name in fields}
        for visitor, fields in expected.items()
        if not fields.items() <= found[visitor].items()
    }


def at_once(work: Callable[[Share], list[Seen]], shares: Sequence[Share]) -> list[Seen]:
    """Let one process do each share; none begins before all have started."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # imported once, not by every process anew
    barrier = context.Barrier(len(shares))
    with ProcessPoolExecutor(len(shares), context, _remember, (barrier,)) as pool:
        return [seen for part in pool.map(_begin, repeat(work), shares) for seen in part]


def shares_of(
    events: Sequence[Fields], redis_url: str, rules: Path, processes: int = PROCESSES
) -> list[Share]:
    """Deal the events out."""
    return [
        Share(number, redis_url, str(rules), list(events[number::processes]))
        for number in range(processes)
    ]


def apply_by_script(share: Share) -> list[Seen]:
    """Apply a share by the script, which is flushed in the middle."""
    client = connect(share.redis_url)
    script = ProfileScript(client, load_rules(share.rules_path))
    seen = []
    for start in range(0, len(share.events), AT_ONCE):
        if start == len(share.events) // 2 // AT_ONCE * AT_ONCE:
            client.script_flush()
        batch = share.events[start : start + AT_ONCE]
        stream = f"race:{share.number}"
        flat = [
            FlatEvent(stream, start + place, int(fields[TIME]), dict(fields))
            for place, fields in enumerate(batch)
        ]
        for fields, outcome in zip(batch, script.apply(flat), strict=True):
            assert isinstance(outcome, Applied)
            page = page_of(fields)
            seen.append(Seen(fields[VISITOR], fields[VISIT], page, outcome.flags, outcome.profile))
    client.close()
    return seen


def apply_by_twin(share: Share) -> list[Seen]:
    """Apply a share by the non-atomic twin."""
    pattern = load_rules(share.rules_path).store.key
    with redis.Redis.from_url(share.redis_url, decode_responses=True) as client:
        for fields in share.events:
            nonatomic_twin.apply(client, key_of(pattern, fields[VISITOR]), fields)
    return []


_barrier: list[Barrier] = []


def _remember(barrier: Barrier) -> None:
    _barrier.append(barrier)


def _begin(work: Callable[[Share], list[Seen]], share: Share) -> list[Seen]:
    _barrier[0].wait(60)
    return work(share)
