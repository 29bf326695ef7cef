"""Workers with old and new rules share visitors during a rolling deployment."""

import pytest
import redis

from profiler.rules.model import Rules, load_rules
from tests.lua.raw import Script, event

STANDARD = load_rules("lean")


def with_page_view_called(kind: str) -> Rules:
    """The standard rules, in which another event type is a page view."""
    changed = {
        name: [tests[0].model_copy(update={"equals": kind}), *tests[1:]]
        for name, tests in STANDARD.predicates.items()
    }
    return STANDARD.model_copy(update={"predicates": changed})


@pytest.mark.parametrize("plain", [False, True], ids=["packed", "plain"])
def test_values_follow_the_rules_that_read_them(
    redis_client: redis.Redis, key_prefix: str, *, plain: bool
) -> None:
    """What starts anew is stored as it is replied, not as the old rules left it."""
    key = f"{key_prefix}{{v}}"
    old = Script(redis_client, key, STANDARD.model_copy(update={"plain": plain}))
    changed = with_page_view_called("Screen view")
    new = Script(redis_client, key, changed.model_copy(update={"plain": plain}))
    old.raw(event(event_id="1", ms=1_000), event(event_id="2", ms=2_000))
    assert seen(old) == (2, b"home")

    new.raw(event(event_id="3", ms=3_000, kind="Page ping"))
    assert seen(new) == (0, None)

    old.raw(event(event_id="4", ms=4_000))
    assert seen(old) == (3, b"home")


def seen(script: Script) -> tuple[int, bytes | None]:
    """What is known of the page views; the hash shows the same, where the rules are plain."""
    current = script.read()
    page = current.get("visit_first_page")
    assert script.stored().get(b"visit_first_page") == (page if script.rules.plain else None)
    return current["visitor_pageviews"], page


def test_values_of_unknown_rules_are_carried_along(
    redis_client: redis.Redis, key_prefix: str
) -> None:
    """Also through rules that know neither, among visits that move and texts that are shared."""
    key = f"{key_prefix}{{v}}"
    gone = ("visitor_first_page", "visit_last_page", "visit_events")
    fewer = STANDARD.model_copy(
        update={"fields": [rule for rule in STANDARD.fields if rule.name not in gone]}
    )
    full, without = Script(redis_client, key), Script(redis_client, key, fewer)
    full.raw(event(event_id="1", ms=1, page="first"), event(event_id="2", ms=2, page="last"))
    full.raw(event(event_id="3", ms=3, visit="B", page="once"))
    without.raw(event(event_id="4", ms=4, page="unseen"))
    without.raw(*(event(ms=5 + n, visit=f"C{n}", page=f"C{n}") for n in range(6)))
    without.raw(event(ms=11, visit="C6", page="C6"))
    # A is still kept: its latest event came after B's, which had to go.
    (answer,) = full(event(event_id="5", ms=2, page="again"))

    profile = answer.profile
    assert profile["visitor_first_page"] == b"first"
    assert profile["visit_last_page"] == b"last"
    # The fourth was counted by nobody: the script that took it knows no such field.
    assert profile["visit_events"] == 3
    assert profile["visitor_events"] == 12
    assert profile["visitor_pageviews"] == 12


@pytest.mark.parametrize("ms", [0, 10**15 - 1])
def test_a_page_stored_once_is_known_in_all_its_places(
    redis_client: redis.Redis, key_prefix: str, ms: int
) -> None:
    """At the first and the last time there is, by the rules that stored it and by others."""
    last = next(rule for rule in STANDARD.fields if rule.name == "visit_last_page")
    title = last.model_copy(update={"name": "visit_last_title", "when": None})
    more = STANDARD.model_copy(update={"fields": [*STANDARD.fields, title]})
    key = f"{key_prefix}{{v}}"
    with_title, without = Script(redis_client, key, more), Script(redis_client, key)

    with_title.raw(event(ms=ms, event_id="1", page="home"))
    assert pages(with_title) == [b"home"] * 5
    assert pages(without) == [b"home"] * 4
    # What the title shared its text with is another text now.
    without.raw(event(ms=ms, event_id="2", page="about"))
    assert pages(without) == [b"about", b"home"] * 2
    assert pages(with_title) == [b"about", b"home"] * 2 + [b"home"]


def pages(script: Script) -> list[bytes]:
    """The visitor's first and last page, the visit's, and a title where the rules have one."""
    return [v for name, v in script.read().items() if name.endswith(("_page", "_title"))]


def changed(which: str, update: dict[str, object]) -> Rules:
    """The standard rules with one rule changed, checked as a file is."""
    data = STANDARD.model_dump(exclude_none=True, by_alias=True)
    for rule in data["fields"]:
        if rule["name"] == which:
            rule.update(update)
    data["predicates"]["seen"] = [{"field": "query-other_eventtype", "equals": "Page ping"}]
    return Rules.model_validate(data)


@pytest.mark.parametrize(
    ("name", "update"),
    [
        ("visitor_pageviews", {"name": "visitor_views", "was": "visitor_pageviews"}),
        ("visit_last_page", {"name": "visit_exit", "was": {"name": "visit_last_page"}}),
        ("visitor_pageviews", {"when": "seen", "was": {"when": "any_page_view"}}),
        ("visitor_events", {"when": "seen", "was": {"when": ""}}),
        ("visitor_first_page", {"value": "title", "was": {"value": "query-other_page_title"}}),
    ],
    ids=["name", "text", "predicate", "no predicate", "value"],
)
def test_a_rule_goes_on_with_what_it_was(
    redis_client: redis.Redis, key_prefix: str, name: str, update: dict[str, object]
) -> None:
    """Old and new rules in turn, and without `was` the new one begins anew."""
    key = f"{key_prefix}{{v}}"
    rules = changed(name, update)
    old, new = Script(redis_client, key), Script(redis_client, key, rules)
    forgetful = changed(name, update | {"was": None})
    now = str(update.get("name", name))
    old.raw(event(event_id="1", ms=1_000), event(event_id="2", ms=2_000, page="b"))
    before = old.read()[name]
    assert new.read()[now] == before
    assert Script(redis_client, key, forgetful).read().get(now) in {0, None}

    more = [""] * (len(rules.inputs) - len(STANDARD.inputs))
    new.raw([*event(event_id="3", ms=3_000, page="c", kind="Pageview"), *more])
    assert new.read()[now] == old.read()[name]
    old.raw(event(event_id="4", ms=500, page="a"))
    assert new.read()[now] == old.read()[name] != before


def test_dropped_values_are_forgotten_where_the_rules_say_so(
    redis_client: redis.Redis, key_prefix: str
) -> None:
    key = f"{key_prefix}{{v}}"
    gone = ("visitor_first_page", "visit_events")
    fields = [rule for rule in STANDARD.fields if rule.name not in gone]
    fewer = STANDARD.model_copy(update={"fields": fields})
    store = fewer.store.model_copy(update={"forget_dropped": True})
    forgetting = fewer.model_copy(update={"store": store})
    old = Script(redis_client, key)
    old.raw(event(event_id="1", ms=1_000, page="a page with a name"), event(ms=2_000, visit="B"))
    Script(redis_client, key, fewer).raw(event(event_id="3", ms=3_000, page="c"))
    carried = redis_client.hstrlen(key, "~")
    assert old.read()["visitor_first_page"] == b"a page with a name"

    Script(redis_client, key, forgetting).raw(event(event_id="4", ms=4_000, page="c"))

    assert redis_client.hstrlen(key, "~") < carried - len("a page with a name")
    current = old.read()
    assert current.get("visitor_first_page") is None
    assert (current["visit_events"], current["visitor_events"]) == (0, 4)
