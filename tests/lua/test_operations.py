"""Every operation keeps its promises. They are found in their folder, and none is named here."""

from __future__ import annotations

import re
from itertools import combinations, product, starmap
from typing import TYPE_CHECKING

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from profiler.rules.operations import operations
from profiler.rules.render import templates
from tests.lua.algebra import EMPTY, RETURNED, Algebra, Event, cases, fold, merge
from tests.lua.plain_values import plain_value
from tests.lua.runner import examples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from servers.redis import Store

MACROS = {"empty", "add", "merge", "packed", "public"}

DAYS = [str(86_400_000 * day - early) for day in (1, 2, 3, 4, 7) for early in (0, 1)]
TIMES = [*"1122", "", "0", "100000000000", "999999999999999", *DAYS]
CREATED = [*"0011", "-1", "999999999999999"]
TEXTS = [b"a", b"a", b"b", b"", b"B", b"ab", b"a\0", b"\0", b"\xff", "é".encode()]
#: The largest is small enough for eight of them: what a double cannot hold is refused, and a sum
#: that refuses depends on the order.
NUMBERS = [
    *(b"", b"0", b"-0", b"1", b"-1", b"7", b"19.99", b"-19.99", b"0.0001", b"-0.0001"),
    *(b"99999999999", b"-99999999999", b"much", b"1.00001", b"1" * 16),
]

MOSTLY = st.sampled_from([True, True, True, False])
EVENTS = st.builds(
    Event, *map(st.sampled_from, (TIMES, CREATED, TEXTS, NUMBERS)), counted=MOSTLY, is_taken=MOSTLY
)
WHOLE = Event(ms="1", created="0", text=b"a", number=b"7")
SOME = st.lists(EVENTS, max_size=2)


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(store.url) as client:
        yield client


@pytest.fixture(scope="module", params=cases(), ids=str)
def algebra(client: redis.Redis, request: pytest.FixtureRequest) -> Algebra:
    return Algebra(client, request.param)


@examples(40)
@given(a=SOME, b=SOME, c=SOME)
def test_merging_knows_no_order_and_nothing_is_its_neutral(
    algebra: Algebra, a: list[Event], b: list[Event], c: list[Event]
) -> None:
    one, two, three = fold(a), fold(b), fold(c)

    assert algebra.are_equal(one, merge(EMPTY, one), merge(one, EMPTY))
    assert algebra.are_equal(merge(one, two), merge(two, one))
    assert algebra.are_equal(merge(one, two, three), merge(one, merge(two, three)))


@examples(40)
@given(a=SOME, b=SOME, c=SOME, chance=st.randoms(use_true_random=False))
def test_events_in_any_order_are_the_merge_of_their_parts(
    algebra: Algebra, a: list[Event], b: list[Event], c: list[Event], chance: Random
) -> None:
    together = [*a, *b, *c]
    shuffled = chance.sample(together, len(together))

    assert algebra.are_equal(
        fold(together),
        fold(shuffled),
        merge(fold(a), fold(b), fold(c)),
        merge(EMPTY, *(fold([event]) for event in shuffled)),
    )


def test_no_tie_is_broken_by_arrival(algebra: Algebra) -> None:
    """All pairs of a few events, in both orders: chance meets equal times too seldom."""
    few = list(starmap(Event, product(["1", "2", ""], ["0", "1"], [b"a", b"b"], [b"1", b"-1"])))
    pairs = list(combinations(few, 2))
    answers = algebra.answers(*map(fold, pairs))

    assert algebra.answers(*(fold([b, a]) for a, b in pairs)) == answers
    assert algebra.answers(*(merge(fold([b]), fold([a])) for a, b in pairs)) == answers


@examples(40)
@given(some=SOME, more=SOME)
def test_a_repeat_changes_nothing(algebra: Algebra, some: list[Event], more: list[Event]) -> None:
    """What does not ask whether an event counts must be idempotent."""
    state = fold([*some, *more])
    repeats = [event._replace(counted=False) for event in some]

    assert algebra.are_equal(state, fold(repeats, state))
    if "counted" not in algebra.rule.add:
        assert algebra.are_equal(state, merge(state, state), merge(state, fold(some)))
    if algebra.declared.late:  # a late event does not count, and moves the value all the same
        assert algebra.are_equal(fold(some), fold(e._replace(counted=True) for e in some))


@examples(40)
@given(some=SOME, event=EVENTS)
def test_what_an_event_does_not_have_changes_nothing(
    algebra: Algebra, some: list[Event], event: Event
) -> None:
    rule, nothing = algebra.rule, [event._replace(is_taken=False)]
    if rule.kind == "text":
        nothing.append(event._replace(text=b""))
    if rule.kind == "number":
        nothing += [event._replace(number=number) for number in (b"", b"much")]
    # Neither a time that is not known, nor what is ordered by it.
    if re.search(r"\bms\b", rule.add) and "ms or NEVER" not in rule.add:
        nothing.append(event._replace(ms=""))
    state = fold(some)

    assert algebra.are_equal(state, *(fold([each], state) for each in nothing))


@examples(40)
@given(some=SOME)
def test_the_public_value_has_the_type_of_the_contract(algebra: Algebra, some: list[Event]) -> None:
    (value,) = [answer.public for answer in algebra.answers(fold(some))]

    if value is None:
        assert algebra.declared.null
    elif algebra.type == "integer":
        assert isinstance(value, int)
    elif algebra.type == "counts":
        assert isinstance(value, list)
        assert all(isinstance(each, bytes) for each in value[::2])
        assert all(isinstance(each, int) for each in value[1::2])
    elif algebra.rule.parts:
        assert isinstance(value, list)
        assert all(each is None or isinstance(each, bytes) for each in value)
    elif algebra.type == "list":
        assert isinstance(value, list)
        assert all(isinstance(each, bytes) for each in value)
    else:
        assert isinstance(value, bytes)
        assert algebra.type == "string" or re.fullmatch(rb"-?\d+(\.\d*[1-9])?", value)


@examples(40)
@given(some=SOME)
def test_what_a_forgotten_visit_began_with_stays_unknown(
    algebra: Algebra, some: list[Event]
) -> None:
    """An operation without the macro `returned` begins anew."""
    if algebra.rule.returned:
        assert algebra.are_equal(RETURNED, fold(some, RETURNED))
        assert algebra.answers(RETURNED)[0].public is None
    else:
        assert algebra.are_equal(RETURNED, EMPTY)


@examples(60)
@given(
    some=st.lists(EVENTS, max_size=8),
    chance=st.randoms(use_true_random=False),
    now=st.sampled_from(TIMES),
)
def test_the_value_is_what_plain_python_makes_of_all_events(
    algebra: Algebra, some: list[Event], chance: Random, now: str
) -> None:
    """In any order: the oracle looks at all events at once and shares no code with the script."""
    expected = plain_value(algebra.case, some, int(now) if now else None)
    parts = [fold([event]) for event in chance.sample(some, len(some))]

    both = fold(some), merge(EMPTY, *parts)
    shown = [answer.public for answer in algebra.answers(*both, now=now)]

    assert shown == [expected, expected]


def test_an_event_that_has_everything_moves_it(algebra: Algebra) -> None:
    before, after = algebra.answers(EMPTY, fold([WHOLE]))

    assert after.packed != before.packed
    assert after.public is not None


def test_nothing_is_known_before_any_event_where_it_may_be_null(algebra: Algebra) -> None:
    (before,) = algebra.answers(EMPTY)

    assert (before.public is None) == algebra.declared.null


def test_it_is_packed_as_layout_2_has_it(algebra: Algebra) -> None:
    """Scripts of other rules, which carry it along, must know where it ends."""
    assert algebra.rule.formats in (["i7", "i7", "text"], ["i7"])
    assert algebra.answers(EMPTY)[0].packed == algebra.start


@pytest.mark.parametrize("name", operations())
def test_a_file_has_the_macros_that_it_needs(name: str) -> None:
    declared = operations()[name]
    macros = {
        each
        for each in dir(templates().get_template(declared.file).module)
        if not each.startswith("_")
    }

    assert macros - {"returned", "arrive", "incomplete", "shown"} == MACROS
    assert ("arrive" in macros) == ("arrival" in declared.orders)
