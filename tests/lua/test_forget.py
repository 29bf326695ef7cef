"""The mark that a forget leaves: what was before is nobody's, what comes begins anew."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

from profiler.profiles.keys import sidecar_of
from profiler.rules.contract import STATE_FIELD
from tests.lua.raw import TTL_MS, Argument, Script, event
from tests.presets import ONE_OF_EACH_ORDER

if TYPE_CHECKING:
    import redis

#: 10 May 2026; what is forgotten is before it.
TILL = 1_778_400_000_000
KEEP_MS = 2 * TTL_MS
BEFORE, AFTER = TILL - 1, TILL
MARK = b"f" + TILL.to_bytes(7, "big")


@pytest.fixture(params=ONE_OF_EACH_ORDER)
def script(redis_client: redis.Redis, key_prefix: str, request: pytest.FixtureRequest) -> Script:
    script = Script(redis_client, f"{key_prefix}visitor:{{v}}", request.param)
    script.sidecar = sidecar_of(script.key)
    return script


def forget(script: Script, till: int = TILL, keep_ms: int = KEEP_MS, only_new: int = 0) -> int:
    text = (files("profiler") / "_lua" / "forget.lua").read_text("utf-8")
    answer = script.client.eval(text, 2, script.key, script.sidecar, till, keep_ms, only_new)
    assert isinstance(answer, int)
    return answer


def pageviews(script: Script) -> object:
    """The count of `lean`; `article` has none, and its first page says as much."""
    return script.read().get("visitor_pageviews")


def test_nothing_is_left_but_a_mark_without_the_id(script: Script) -> None:
    script(event(1, ms=BEFORE), stream="s")
    assert script.client.exists(script.sidecar)

    assert forget(script) == 1

    assert script.stored() == {STATE_FIELD.encode(): MARK}
    assert not script.client.exists(script.sidecar)
    assert KEEP_MS - 5_000 < script.client.pttl(script.key) <= KEEP_MS
    assert script.read() == {}
    assert forget(script) == 0


@pytest.mark.parametrize(
    "times",
    [
        {"ms": BEFORE},
        {"received": BEFORE, "created": AFTER},
        {"received": AFTER, "created": BEFORE},
        {"received": BEFORE, "created": ""},
        {"received": "", "created": BEFORE},
        {"received": "", "created": ""},
        {"received": "", "created": "?"},
    ],
)
def test_what_is_from_before_brings_nobody_back(script: Script, times: dict[str, int]) -> None:
    forget(script)

    [answer] = script(event(5, **times), stream="s")

    assert answer.flags == {"forgotten"}
    assert script.stored() == {STATE_FIELD.encode(): MARK}
    assert not script.client.exists(script.sidecar)


def test_what_comes_later_begins_anew_and_keeps_the_mark(script: Script) -> None:
    script(event(1, ms=BEFORE, page="old"), stream="s")
    forget(script)

    first, second = script(
        event(2, ms=BEFORE, page="old"), event(3, ms=AFTER, page="new"), stream="s"
    )

    assert first.flags == {"forgotten"}
    assert {"new_visitor", "new_visit"} <= second.flags
    assert script.stored()[STATE_FIELD.encode()].startswith(MARK)
    [third] = script(event(4, ms=BEFORE, page="old"), stream="s")
    assert third.flags == {"forgotten"}
    [fourth] = script(event(9, ms=AFTER + 1, page="newer"), stream="s")
    assert "new_visitor" not in fourth.flags
    assert script.read()["visitor_first_page"] == b"new"
    assert script.read()["visitor_last_page"] == b"newer"
    assert pageviews(script) in {None, 2}
    # The profile ends no sooner than the mark.
    assert script.client.pttl(script.key) > TTL_MS + 5_000


def test_a_blocked_visitor_begins_no_more(script: Script) -> None:
    forget(script, 10**15 - 1)

    [answer] = script(event(1, ms=AFTER), stream="s")
    assert answer.flags == {"forgotten"}

    forget(script)
    [answer] = script(event(2, ms=AFTER), stream="s")
    assert "new_visitor" in answer.flags


def test_what_was_under_way_comes_again_as_it_came_first(script: Script) -> None:
    """Of what is forgotten nothing is stored; of what came since its answers are."""
    forget(script)
    calls = [
        [event(1, ms=BEFORE)],
        [event(2, ms=BEFORE), event(3, ms=AFTER, page="a"), event(4, ms=BEFORE)],
        [event(5, ms=BEFORE)],
        [event(6, ms=AFTER + 1, page="b")],
    ]
    first = answers_to(script, calls)
    state = script.stored()

    events = [each for call in calls for each in call]
    for again in (calls, [events], [events[:1], events[1:]]):
        assert answers_to(script, again) == first
    assert script.stored() == state


def answers_to(script: Script, calls: list[list[list[Argument]]]) -> list[list[object]]:
    """Their answers in order; what is forgotten has no profile, whatever values stand there."""
    answers = [answer for call in calls for answer in script.raw(*call, stream="s")]
    return [answer[:1] if answer[0] == b" forgotten" else answer for answer in answers]


def test_a_redelivery_over_a_forget_counts_nothing_twice(script: Script) -> None:
    script(event(1, ms=BEFORE), event(2, ms=BEFORE + 5), stream="s")
    forget(script)

    answers = script(event(1, ms=BEFORE), event(2, ms=BEFORE + 5), event(3, ms=AFTER), stream="s")

    assert [a.flags & {"forgotten", "replayed"} for a in answers[:1]] == [{"forgotten"}]
    assert pageviews(script) in {None, 2}
    script(event(2, ms=BEFORE + 5), event(3, ms=AFTER), stream="s")
    assert pageviews(script) in {None, 2}


def test_other_rules_keep_the_mark(script: Script) -> None:
    forget(script)
    script(event(1, ms=AFTER), stream="s")
    rules = script.rules.model_copy(update={"name": "other"})
    other = Script(script.client, script.key, rules)

    old, new = other(event(2, ms=BEFORE), event(3, ms=AFTER + 1), stream="s")

    assert old.flags == {"forgotten"}
    assert "new_visitor" not in new.flags
    assert pageviews(script) in {None, 2}
    assert script.stored()[STATE_FIELD.encode()].startswith(MARK)


def test_a_mark_is_given_once_where_that_is_wanted(script: Script) -> None:
    """A replay that goes on gives it again, and must not remove what it built behind it."""
    script(event(1, ms=BEFORE), stream="s")
    assert forget(script, only_new=1) == 1
    script(event(2, ms=AFTER), stream="s")

    assert forget(script, only_new=1) == 0
    assert pageviews(script) in {None, 1}
    assert script.read()

    assert forget(script, TILL + 1, only_new=1) == 1
    assert script.read() == {}


def test_a_key_that_holds_no_hash_is_removed_too(script: Script) -> None:
    script.client.set(script.key, "of another program")

    assert forget(script) == 1

    assert script.stored() == {STATE_FIELD.encode(): MARK}


@pytest.mark.parametrize("wrong", [("x", 1), (10**15, 1), (-1, 1), (1, 0), (1, "")])
def test_wrong_arguments_remove_nothing(script: Script, wrong: tuple[int, int]) -> None:
    script(event(1, ms=BEFORE), stream="s")
    before = script.stored()

    with pytest.raises(Exception, match="EBADARG"):
        forget(script, *wrong)

    assert script.stored() == before
