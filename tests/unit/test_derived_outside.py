"""Channels, sources and campaigns as others have them: where the folder ../shared/data is there."""

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from profiler.rules.derived.inputs import DerivedInputs
from profiler.rules.derived.table import Derived

#: What the capture says of the page's address, as its collector read it.
CAPTURED = (
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
    *("gclid", "fbclid", "msclkid", "ttclid"),
)

DATA = Path(__file__).parents[3] / "shared" / "data"
CAPTURE = DATA / "capture-dev.ndjson"
CHANNELS, SNOWPLOW = DATA / "channels", DATA / "snowplow-web"

DERIVED = Derived(url="url", referrer="referrer")


def needs(path: Path) -> pytest.MarkDecorator:
    """Skip loudly: the project must pass without what others made, in CI too."""
    return pytest.mark.skipif(
        not path.exists(),
        reason=f"no ../shared/data/{path.relative_to(DATA)} beside the repository: an outside "
        "oracle was not asked",
    )


# --- GA4's channels -------------------------------------------------------------------------------


@needs(CHANNELS)
def test_channels_are_those_of_ga4() -> None:
    sources = DERIVED.known_sources
    channels = DERIVED.known_channels(sources)
    lines = (CHANNELS / "channels.ndjson").read_text("utf-8").splitlines()
    cases = [json.loads(line) for line in lines]

    wrong = [
        case
        for case in cases
        if channels.of(case["source"], case["medium"], case["campaign"]) != case["expected_channel"]
    ]

    # Its README: the case contradicts its own rule, since nothing in it is paid.
    assert [(each["source"], each["medium"]) for each in wrong] == [("alibaba", "")]
    assert len(cases) >= 30


#: What we say of a source that Google puts elsewhere. Pages of a search engine that are no search,
#: mail that Google calls search, and a part of Amazon that sells nothing.
DIFFERENT = {
    *("blog.yahoo.co.jp", "bookmarks.yahoo.co.jp", "bookmarks.yahoo.com", "lifestream.aol.com"),
    *("messages.yahoo.co.jp", "plus.google.com", "plus.url.google.com", "pulse.yahoo.com"),
    *("sites.google.com", "webmaster.yandex.ru"),
    *("email.seznam.cz", "mail.rambler.ru", "mail.yandex.ru"),
    "s3.amazonaws.com",
}


@needs(CHANNELS)
def test_sources_are_of_the_kind_that_google_says() -> None:
    sources = DERIVED.known_sources
    with (CHANNELS / "source_categories.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    known: Counter[str] = Counter()
    all_of: Counter[str] = Counter()
    different = set()
    for row in rows:
        kind = row["source_category"].removeprefix("SOURCE_CATEGORY_").lower()
        site = sources.find(row["source"])
        all_of[kind] += 1
        known[kind] += site is not None
        if site and site.kind != kind:
            different.add(row["source"])

    assert different == DIFFERENT
    # Our table is our own: of social sites it has those that still send somebody.
    assert {kind: known[kind] / all_of[kind] > 0.9 for kind in all_of} == {
        "search": True,
        "video": True,
        "shopping": True,
        "social": False,
    }


# --- Snowplow's campaign columns ------------------------------------------------------------------

MARKETING = ("medium", "source", "campaign", "term", "content", "click_id", "network")
COLUMNS = {"click_id": "mkt_clickid"}


@needs(SNOWPLOW)
def test_touches_of_sessions_are_those_of_snowplow() -> None:
    lines = (SNOWPLOW / "expected_sessions.ndjson").read_text("utf-8").splitlines()
    sessions = [json.loads(line) for line in lines]
    inputs = DerivedInputs(DERIVED, [f"derived.{name}" for name in MARKETING])

    different = []
    for session in sessions:
        event = {"url": session["first_page_url"], "referrer": session["referrer"]}
        ours = inputs.of(event)
        columns = [COLUMNS.get(name, f"mkt_{name}") for name in MARKETING]
        theirs = tuple(session[column] or "" for column in columns)
        if ours != theirs:
            different.append((ours, theirs))

    assert len(sessions) == 18
    # It calls no search engine a source of a campaign: it has columns of its own for referrers.
    assert different == [(("organic", "google", *[""] * 5), ("",) * 7)]


@needs(SNOWPLOW)
def test_hosts_paths_and_bots_of_events_are_those_of_snowplow() -> None:
    derived = Derived(url="page_url", user_agent="useragent")
    inputs = DerivedInputs(derived, ["derived.host", "derived.path", "derived.bot"])
    lines = (SNOWPLOW / "events.ndjson").read_text("utf-8").splitlines()
    for line in lines:
        event = {each["name"]: each["value"] for each in json.loads(line)["value"]["event"]}
        host, path, bot = inputs.of(event)
        assert (host, path) == (event["page_urlhost"], event["page_urlpath"])
        assert bool(bot) == event["spider_or_robot"]


# --- the capture's collector ----------------------------------------------------------------------


@needs(CAPTURE)
def test_parameters_are_those_that_the_collector_read() -> None:
    names = [f"derived.query.{name}" for name in CAPTURED]
    inputs = DerivedInputs(Derived(url="other_page_url"), names)
    tagged = 0
    with CAPTURE.open(encoding="utf-8") as lines:
        for line in lines:
            value = json.loads(line)["value"]
            event = {each["name"]: each["value"] for each in value["query"]}
            theirs = tuple(event.get(f"other_{name}", "") for name in CAPTURED)
            assert inputs.of(event) == theirs
            tagged += any(theirs)

    assert tagged > 800
