"""What `standard` stores: for how long, what a read shows of it, and what the hash shows."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from profiler.records.types import NO_TIMESTAMP
from profiler.rules.model import load_rules
from tests.lua.runner import T0, Runner, ping, view

if TYPE_CHECKING:
    from servers.redis import Store

HOUR = 3_600_000
DAY = 24 * HOUR
TTL_MS = 395 * DAY


def test_a_day_s_first_event_sets_the_ttl_that_the_article_does_not_have(standard: Runner) -> None:
    """Within a day of received times it stays: the cost of a TTL is exact to a day."""
    client, key = standard.client, standard.key("v")
    client.hset(standard.key("as the article stores"), "visitor_id", "v")
    assert client.pttl(standard.key("as the article stores")) == -1
    midnight = -T0 % DAY
    for at, is_set_anew in [(midnight - 1, True), (midnight, True), (midnight + DAY - 1, False)]:
        standard.answers([view(at, "A", "a1", str(at))])
        left = client.pttl(key)
        assert (0 <= TTL_MS - left < 5_000) is is_set_anew
        client.pexpire(key, HOUR)
    # A repeat is an event, too; and an older day is another one.
    for at in (midnight + DAY, midnight - 1):
        standard.answers([view(at, "A", "a1", str(midnight))])
        assert 0 <= TTL_MS - client.pttl(key) < 5_000
        client.pexpire(key, HOUR)


def test_an_event_without_a_received_time_sets_the_ttl(standard: Runner) -> None:
    client, key = standard.client, standard.key("v")
    for event_id in "12":
        standard.answers([view(0, "A", "a1", event_id)._replace(timestamp=NO_TIMESTAMP)])
        assert 0 <= TTL_MS - client.pttl(key) < 5_000
        client.pexpire(key, HOUR)


def test_a_read_shows_the_latest_visit(standard: Runner) -> None:
    standard.answers([view(0, "A", "a1", "1"), view(9, "B", "b1", "2"), view(5, "A", "a2", "3")])
    assert standard.stored() == {
        "visitor_id": "v",
        "visitor_first_page": "a1",
        "visitor_last_page": "b1",
        "visitor_first_seen": T0,
        "visitor_last_seen": T0 + 9,
        "visitor_visits": 2,
        "visitor_pageviews": 3,
        "visitor_events": 3,
        "visit_id": "B",
        "visit_number": 2,
        "visit_first_page": "b1",
        "visit_last_page": "b1",
        "visit_start": T0 + 9,
        "visit_end": T0 + 9,
        "visit_pageviews": 1,
        "visit_events": 1,
        "visit_bounce": 1,
    }
    assert standard.shown() == {}


def test_hgetall_shows_no_page_of_another_visit(store: Store, article: Runner) -> None:
    """Where the rules say `plain`; `Runner.stored` holds the hash beside the read."""
    rules = load_rules("lean").model_copy(update={"plain": True})
    switch = [view(0, "A", "a1", "1"), ping(1, "B", "2")]
    with closing(Runner(store.url, rules)) as plain:
        for event in switch:
            plain.answers([event])
            article.answers([event])
        assert article.stored()["visit_first_page"] == "a1"
        stored = plain.stored()
        assert (stored["visit_id"], stored["visit_pageviews"]) == ("B", 0)
        assert plain.shown().keys() == {
            *("visitor_id", "visitor_first_page", "visitor_last_page", "visit_id")
        }
        plain.answers([view(2, "A", "a2", "3")])
        assert plain.stored()["visit_first_page"] == "a1"
