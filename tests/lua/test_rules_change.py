"""Workers with old and new rules share visitors during a rolling deployment."""

import redis

from profiler.rules import Rules, load_rules
from tests.lua.raw import Script, event

STANDARD = load_rules("standard")


def with_page_view_called(kind: str) -> Rules:
    """The standard rules, in which another event type is a page view."""
    predicate = STANDARD.predicates["page_view"]
    changed = [predicate[0].model_copy(update={"equals": kind}), predicate[1]]
    return STANDARD.model_copy(update={"predicates": {"page_view": changed}})


def test_plain_fields_follow_the_rules_that_wrote_them(
    redis_client: redis.Redis, key_prefix: str
) -> None:
    """A count that starts anew is stored as it is replied, not as the old rules left it."""
    key = f"{key_prefix}{{v}}"
    old = Script(redis_client, key)
    new = Script(redis_client, key, with_page_view_called("Screen view"))
    old.raw(event(event_id="1", ms=1_000), event(event_id="2", ms=2_000))
    assert redis_client.hmget(key, "visitor_pageviews", "visit_first_page") == [b"2", b"home"]

    new.raw(event(event_id="3", ms=3_000, kind="Page ping"))
    assert redis_client.hmget(key, "visitor_pageviews", "visit_first_page") == [b"0", None]

    old.raw(event(event_id="4", ms=4_000))
    assert redis_client.hmget(key, "visitor_pageviews", "visit_first_page") == [b"3", b"home"]


def test_values_of_unknown_rules_are_carried_along(
    redis_client: redis.Redis, key_prefix: str
) -> None:
    key = f"{key_prefix}{{v}}"
    fewer = STANDARD.model_copy(
        update={"fields": [rule for rule in STANDARD.fields if rule.name != "visit_events"]}
    )
    full, without = Script(redis_client, key), Script(redis_client, key, fewer)
    full.raw(event(event_id="1"), event(event_id="2"))
    without.raw(event(event_id="3"))

    full.raw(event(event_id="4"))
    # The third was counted by nobody: the script that took it knows no such field.
    assert redis_client.hmget(key, "visit_events", "visitor_events") == [b"3", b"4"]
