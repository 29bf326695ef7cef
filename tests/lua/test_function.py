"""The same file as a Redis function, and rules that no preset has."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import redis

from profiler.rules.model import load_rules, parse_rules
from profiler.rules.render import function_of, library_of
from tests.lua.raw import TTL_MS, TTL_TOLERANCE_MS, Script, arguments, event
from tests.lua.test_vectors import VECTORS, check
from tests.presets import ONE_OF_EACH_ORDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COUNTS_IN_ORDER_OF_ARRIVAL = """
name = "counts"
order = "arrival"

[identity]
visitor = "user"
visit = "session"

[predicates]
page_view = [{ field = "type", equals = "Pageview" }]
named = [{ field = "page", present = true }]

[[fields]]
name = "visitor_events"
scope = "visitor"
operation = "count"

[[fields]]
name = "visit_events"
scope = "visit"
operation = "count"

[[fields]]
name = "visit_views"
scope = "visit"
operation = "count"
when = "page_view"

[[fields]]
name = "visitor_first_seen"
scope = "visitor"
operation = "first"
value = "event_time"

[[fields]]
name = "visit_last_seen"
scope = "visit"
operation = "last"
value = "event_time"

[[fields]]
name = "visit_first_page"
scope = "visit"
operation = "first"
value = "page"
when = "named"
"""


class Function:
    """A rendered file, loaded as a library of one function."""

    def __init__(self, client: redis.Redis, text: str) -> None:
        self.client = client
        self.name = function_of(text)
        client.function_load(library_of(text), replace=True)

    def __call__(self, key: str, *events: Any, **call: Any) -> Any:  # noqa: ANN401 - a raw reply
        """Call as `Script.raw` does."""
        return self.fcall(key, *arguments(*events, **call))

    def fcall(self, key: str, *argv: Any) -> Any:  # noqa: ANN401 - a raw reply
        """Call as `Script.evalsha` does."""
        return self.client.fcall(self.name, 1, key, *argv)


@pytest.fixture(params=ONE_OF_EACH_ORDER)
def script(redis_client: redis.Redis, key_prefix: str, request: pytest.FixtureRequest) -> Script:
    return Script(redis_client, f"{key_prefix}visitor", request.param)


@pytest.fixture
def function(script: Script) -> Iterator[Function]:
    function = Function(script.client, script.text)
    yield function
    script.client.function_delete(function.name)


def test_a_function_gives_the_script_s_replies(script: Script, function: Function) -> None:
    key = script.key + "-by-function"
    calls: list[tuple[list[Any], dict[str, Any]]] = [
        ([event(1, ms=5), event(2, visit="B", page="x")], {"stream": "s"}),
        ([event(2), event(3, ms=1, event_id="e"), event(4, event_id="e")], {"stream": "s"}),
        ([event(visit=""), event(page="", kind="Ping", visit="C", ms=99)], {}),
    ]

    for events, call in calls:
        assert function(key, *events, **call) == script.raw(*events, **call)
    for argv in (["v", ""], ["fields"]):
        assert function.fcall(key, *argv) == script.evalsha(*argv)
    assert script.client.hgetall(key) == script.stored()
    assert TTL_MS - TTL_TOLERANCE_MS < int(script.client.pttl(key)) <= TTL_MS


def test_a_function_gives_the_script_s_errors(script: Script, function: Function) -> None:
    script.client.set(script.key, "text")

    for events in ([], [event()], [event(received="x")]):
        assert answer_or_error(partial(function, script.key), events) == answer_or_error(
            script.raw, events
        )


def answer_or_error(call: Callable[..., Any], events: list[Any]) -> str:
    try:
        return f"answer: {call(*events)}"
    except redis.ResponseError as error:
        return str(error)


def test_all_vectors_hold_by_fcall(redis_client: redis.Redis, key_prefix: str) -> None:
    loaded: dict[str, Function] = {}

    def by_function(client: redis.Redis, text: str) -> tuple[str, str]:
        if text not in loaded:
            loaded[text] = Function(client, text)
        return "FCALL", loaded[text].name

    try:
        for number, vector in enumerate(VECTORS):
            check(redis_client, f"{key_prefix}{number}:", vector, by_function)
    finally:
        for function in loaded.values():
            redis_client.function_delete(function.name)
    assert len(loaded) == len({vector["script"] for vector in VECTORS}) > len(ONE_OF_EACH_ORDER)


def test_two_versions_are_loaded_side_by_side(script: Script, function: Function) -> None:
    """As in a rolling deployment: the names carry the digest."""
    rules = load_rules("lean").model_copy(update={"name": "next"})
    other = Function(script.client, Script(script.client, script.key, rules).text)

    assert other.name != function.name
    assert function(script.key, event()) != []
    assert other(script.key + "2", event()) != []
    script.client.function_delete(other.name)


@pytest.fixture
def counts(redis_client: redis.Redis, key_prefix: str) -> Script:
    rules = parse_rules(COUNTS_IN_ORDER_OF_ARRIVAL, "counts.toml")
    return Script(redis_client, f"{key_prefix}visitor", rules)


def view(visit: str, ms: int, kind: str = "Pageview", page: str = "") -> list[Any]:
    """An event of rules whose inputs are, sorted, page and type."""
    return [*event(ms=ms, visit=visit)[:6], page, kind]


def test_counts_in_order_of_arrival(counts: Script) -> None:
    """A visitor's go on; a visit's start anew whenever another visit takes its place."""
    answers = counts(
        view("A", 5), view("A", 6, "Ping"), view("B", 7, "Ping"), view("A", 8), view("", 9)
    )

    shown = [
        tuple(answer.profile[name] for name in ("visitor_events", "visit_events", "visit_views"))
        for answer in answers
    ]
    assert shown == [
        (b"1", b"1", b"1"),
        (b"2", b"2", b"1"),
        (b"3", b"1", b"0"),
        (b"4", b"1", b"1"),
        (b"5", b"1", b"1"),
    ]
    (again,) = counts(view("A", 1, "Ping"))
    assert again.profile["visitor_events"] == b"6"
    assert again.profile["visit_events"] == b"2"


def test_times_in_order_of_arrival(counts: Script) -> None:
    """`first` is what opens, `last` what arrives last, whatever the times say."""
    answers = counts(view("A", 999_999_999_999_999), view("A", 3, page="p"), view("B", 2, page="q"))

    last = answers[-1].profile
    assert last["visitor_first_seen"] == b"999999999999999"
    assert answers[1].profile["visit_last_seen"] == b"3"
    assert last["visit_last_seen"] == b"2"
    assert "visit_first_page" not in answers[1].profile
    assert last["visit_first_page"] == b"q"
