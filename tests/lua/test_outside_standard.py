"""The fields of `standard` against what others made: where the folder ../shared/data is there.

The rules are the preset's, by the names of that data: its fields, predicates and derived inputs
take part as they are.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from profiler.records.types import FlatEvent
from profiler.rules.model import Rules, load_rules
from tests.lua.runner import T0, Fields, Runner
from tests.oracles.article import VISIT, VISITOR
from tests.oracles.compare import flatten
from tests.oracles.standard_shape import URL

if TYPE_CHECKING:
    from servers.redis import Store

DATA = Path(__file__).parents[3] / "shared" / "data"
SNOWPLOW, CHANNELS = DATA / "snowplow-web", DATA / "channels" / "channels.ndjson"


def needs(path: Path) -> pytest.MarkDecorator:
    """Skip loudly: the project must pass without what others made, in CI too."""
    return pytest.mark.skipif(
        not path.exists(),
        reason=f"no ../shared/data/{path.relative_to(DATA)} beside the repository: an outside "
        "oracle was not asked",
    )


# --- Snowplow's warehouse model -------------------------------------------------------------------

#: What the preset reads, and what it is called in Snowplow's table. A session stands for the
#: visitor too, since the data has sessions without one and with several. Times are the model's own.
NAMES = {
    "query-other_domain_userid": "event-domain_sessionid",
    "query-other_domain_sessionid": "event-domain_sessionid",
    "query-other_dvce_created_tstamp": "event-derived_ms",
    "query-other_dvce_sent_tstamp": "event-none",
    "query-other_eventtype": "event-event_name",
    "query-other_": "event-",
    "Pageview": "page_view",
    "Page ping": "page_ping",
}
#: The model's pages are addresses, of any event, and it counts a page view by its id.
OVERRIDES = {
    "visit_first_page": {"value": "event-page_url", "when": "located"},
    "visit_last_page": {"value": "event-page_url", "when": "located"},
    "visit_landing_url": {"when": "located"},
    "visit_pageviews": {
        "operation": "unique_count",
        "value": "event-page_view_id",
        "when": "seen",
    },
}
SEEN = [{"field": "event-event_name", "in": ["page_view", "page_ping"]}]

#: By column of the model: the sessions of which a stream says something else, by their last
#: letters. docs/data-model.md says why.
LONG, UNEXPIRED, SEARCHED = "77bd35", "31b12d", "f32c60"
LONE_PINGS = {"f9140d", "f9140e", "30fce8"}
DIFFERENT = {
    "start_tstamp": LONE_PINGS,
    "end_tstamp": {LONG, UNEXPIRED},
    "page_views": {LONG, UNEXPIRED},
    "total_events": {LONG, UNEXPIRED},
    "first_page_url": set[str](),
    "last_page_url": {LONG, UNEXPIRED},
    "engaged_time_in_s": set[str](),
    "mkt_source": {SEARCHED},
    "mkt_medium": {SEARCHED},
    "mkt_campaign": set[str](),
    "mkt_clickid": set[str](),
}


def snowplow_rules() -> Rules:
    """The preset by Snowplow's names."""
    text = load_rules("standard").model_dump_json(by_alias=True, exclude_none=True)
    for ours, theirs in NAMES.items():
        text = text.replace(ours, theirs)
    written = json.loads(text)
    written["predicates"]["seen"] = SEEN
    written["fields"] = [rule | OVERRIDES.get(rule["name"], {}) for rule in written["fields"]]
    return Rules.model_validate(written)


def as_modelled(profile: Fields) -> dict[str, Any]:
    """A profile of a session in the model's columns and units."""
    return {
        "start_tstamp": profile["visit_start"],
        "end_tstamp": profile["visit_end"],
        "page_views": str(profile["visit_pageviews"]),
        "total_events": str(profile["visit_events"]),
        "first_page_url": profile["visit_first_page"],
        "last_page_url": profile["visit_last_page"],
        "engaged_time_in_s": str(profile["visit_engaged_time"] // 1_000),
        "mkt_source": profile["visit_touch_source"],
        "mkt_medium": profile["visit_touch_medium"],
        "mkt_campaign": profile["visit_touch_campaign"],
        "mkt_clickid": profile["visit_touch_click_id"],
    }


@needs(SNOWPLOW)
def test_sessions_are_those_of_snowplows_model(store: Store) -> None:
    lines = (SNOWPLOW / "events.ndjson").read_bytes().splitlines()
    records = [json.loads(line) for line in lines]
    events = [FlatEvent("", 0, each["timestamp"], flatten(each["value"])) for each in records]
    lines = (SNOWPLOW / "expected_sessions.ndjson").read_bytes().splitlines()
    sessions = {each["domain_sessionid"]: each for each in map(json.loads, lines)}
    assert (len(events), len(sessions)) == (160, 18)
    with closing(Runner(store.url, snowplow_rules())) as runner:
        for seed in range(2):
            runner.clear()
            arrivals = Random(seed).sample(events, len(events))
            answers = runner.profiles([e for e in arrivals if session_of(e)], [7])
            shown = {answer["visit_id"]: as_modelled(answer) for answer in answers}
            found = {
                column: {
                    session_id[-6:]
                    for session_id, session in sessions.items()
                    if shown[session_id][column] != session[column]
                }
                for column in DIFFERENT
            }
            assert found == DIFFERENT
            for session_id, session in sessions.items():
                if session_id[-6:] in LONE_PINGS:
                    # The view begins so long before as its first heartbeat stands for.
                    first = 1_000 * int(shown[session_id]["engaged_time_in_s"])
                    assert shown[session_id]["start_tstamp"] - first == session["start_tstamp"]


def session_of(event: FlatEvent) -> str:
    return str(event.fields.get("event-domain_sessionid") or "")


# --- GA4's channels -------------------------------------------------------------------------------


@needs(CHANNELS)
def test_channels_of_visits_are_those_of_ga4(store: Store) -> None:
    cases = [json.loads(line) for line in CHANNELS.read_text("utf-8").splitlines()]
    events = [event_of(number, case) for number, case in enumerate(cases)]
    with closing(Runner(store.url, load_rules("standard"))) as runner:
        shown = [each["visit_touch_channel"] for each in runner.profiles(events, [10])]
    wrong = [
        (case["source"], case["medium"])
        for case, channel in zip(cases, shown, strict=True)
        if channel != case["expected_channel"]
    ]
    # Its README: the case contradicts its own rule, since nothing in it is paid.
    assert wrong == [("alibaba", "")]
    assert len(cases) >= 30


def event_of(number: int, case: dict[str, str]) -> FlatEvent:
    """A visitor's first event, whose address has the case's campaign."""
    campaign = {f"utm_{name}": case[name] for name in ("source", "medium", "campaign")}
    query = urlencode({name: value for name, value in campaign.items() if value})
    fields = {VISITOR: f"v{number}", VISIT: "A", URL: f"https://shop.example/?{query}"}
    return FlatEvent("", 0, T0 + number, fields)
