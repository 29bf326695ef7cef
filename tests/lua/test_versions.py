"""Old and new renderings at once on the same visitors: what docs/contract.md promises of that."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.profiles.reply import Applied
from profiler.rules.compatibility import conflicts
from profiler.rules.contract import contract_json
from profiler.rules.model import Rules, load_rules
from profiler.rules.rule import Rule
from tests.lua.runner import Fields, Runner, examples
from tests.lua.streams import arbitrary, delivered, distinct
from tests.oracles.article import VISIT, VISITOR

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from profiler.profiles.reply import Outcome
    from profiler.records.types import FlatEvent
    from servers.redis import Store

STANDARD, ARTICLE = load_rules("lean"), load_rules("article")
REMOVED = ("visitor_last_page", "visit_end")
#: Fields of the newer rules only: the latest event type, and what the newer ones took.
ADDED = [
    Rule.model_validate(
        {"name": f"{scope}_{name}", "scope": scope, "operation": operation, "value": value}
    )
    for scope in ("visitor", "visit")
    for name, operation, value in (
        ("last_type", "last", "query-other_eventtype"),
        ("taken_by_newer", "count", None),
    )
]


def changed(rules: Rules, **parts: dict[str, int]) -> Rules:
    """The rules with other limits, or another time to live."""
    return rules.model_copy(
        update={name: getattr(rules, name).model_copy(update=part) for name, part in parts.items()}
    )


def with_fields(*, added: Sequence[Rule] = (), removed: Sequence[str] = ()) -> Rules:
    kept = [rule for rule in STANDARD.fields if rule.name not in removed]
    return STANDARD.model_copy(update={"fields": [*added, *kept]})


#: All may stand beside STANDARD; the limits are met by no stream of the first test.
VERSIONS = {
    "same": STANDARD,
    "named": STANDARD.model_copy(update={"name": "next"}),
    "added": with_fields(added=ADDED),
    "removed": with_fields(removed=REMOVED),
    "reordered": STANDARD.model_copy(update={"fields": STANDARD.fields[::-1]}),
    "limits": changed(STANDARD, limits={"streams": 65}, store={"ttl_days": 3}),
}
VISITS = "ABCDEFGH"


class Versions(NamedTuple):
    """Renderings that share visitors, and one that has the same events by itself."""

    shared: list[Runner]
    alone: Runner

    def clear(self) -> None:
        """Forget all visitors."""
        self.shared[0].clear()
        self.alone.clear()

    def outcomes(self, events: Sequence[FlatEvent], takers: Sequence[int]) -> list[Outcome]:
        """Let each event be taken by one rendering, the takers in turn."""
        return [
            outcome
            for number, each in enumerate(events)
            for outcome in self.taker(number, takers).outcomes([each])
        ]

    def taker(self, number: int, takers: Sequence[int]) -> Runner:
        """Return who takes the event of this number."""
        return self.shared[takers[number % len(takers)] % len(self.shared)]


def versions_of(store: Store, stack: ExitStack, *rules: Rules) -> Versions:
    alone, first = (stack.enter_context(closing(Runner(store.url, rules[0]))) for _ in range(2))
    others = [
        stack.enter_context(closing(Runner(store.url, each, first.prefix))) for each in rules[1:]
    ]
    return Versions([first, *others], alone)


@pytest.fixture(scope="module")
def standards(store: Store) -> Iterator[Versions]:
    with ExitStack() as stack:
        yield versions_of(store, stack, *VERSIONS.values())


@pytest.fixture(scope="module")
def limits(store: Store) -> Iterator[Versions]:
    """The second forgets before the others, beyond two visits of 30 events in two streams."""
    larger = changed(STANDARD, limits={"visits": 64, "event_ids": 1_024})
    smaller = changed(STANDARD, limits={"visits": 2, "event_ids": 30, "streams": 2})
    with ExitStack() as stack:
        yield versions_of(store, stack, STANDARD, smaller, larger)


@pytest.fixture(scope="module")
def articles(store: Store) -> Iterator[Versions]:
    with ExitStack() as stack:
        other = changed(ARTICLE, limits={"streams": 65}, store={"ttl_days": 3})
        yield versions_of(store, stack, ARTICLE, other.model_copy(update={"name": "next"}))


TAKERS = st.lists(st.integers(0, 5), min_size=1, max_size=12)


def comparable(outcome: Outcome, names: set[str]) -> Any:  # noqa: ANN401 - any outcome
    """What all versions must say alike: these fields, and all flags but those about fields."""
    if not isinstance(outcome, Applied):
        return outcome
    profile = {n: v for n, v in outcome.profile.items() if n.removeprefix("profile_") in names}
    return profile, outcome.flags


def names_of(versions: Versions) -> set[str]:
    """The fields that all of them know."""
    names = [
        {field["name"] for field in contract_of(runner.rules)["reply"]["fields"]}
        for runner in versions.shared
    ]
    return set.intersection(*names)


def contract_of(rules: Rules) -> dict[str, Any]:
    return contract_json(rules, "sha", "function")


def assert_shared_fields_are_those_of_one_rendering_alone(
    versions: Versions, events: list[FlatEvent], takers: list[int]
) -> None:
    versions.clear()
    names = names_of(versions)

    together = versions.outcomes(events, takers)
    alone = versions.alone.outcomes(events)

    assert [comparable(o, names) for o in together] == [comparable(o, names) for o in alone]


@examples(60)
@given(events=arbitrary(), takers=TAKERS)
def test_whoever_takes_which_event_shared_fields_are_those_of_one_rendering_alone(
    standards: Versions, events: list[FlatEvent], takers: list[int]
) -> None:
    """In any order, with streams, late events and repeats."""
    assert len(names_of(standards)) == 17 - len(REMOVED)
    assert_shared_fields_are_those_of_one_rendering_alone(standards, events, takers)


@examples(60)
@given(events=arbitrary(), takers=TAKERS)
def test_so_are_those_in_order_of_arrival(
    articles: Versions, events: list[FlatEvent], takers: list[int]
) -> None:
    assert len(names_of(articles)) == 6
    assert_shared_fields_are_those_of_one_rendering_alone(articles, events, takers)


@examples(60)
@given(data=st.data(), takers=TAKERS)
def test_within_the_smaller_limits_any_order_and_redelivery_give_one_profile(
    limits: Versions, data: st.DataObject, takers: list[int]
) -> None:
    limits.clear()
    events = data.draw(distinct("AB"))
    limits.outcomes(data.draw(delivered(events)), takers)
    limits.alone.outcomes(events)

    for visitor in {e.fields[VISITOR] for e in events}:
        expected = without_number(limits.alone.script.read(visitor))
        for runner in limits.shared:
            assert without_number(runner.script.read(visitor)) == expected


def without_number(profile: Fields | None) -> Fields:
    """Without what depends on the order of arrival by nature."""
    assert profile is not None
    return {name: value for name, value in profile.items() if name != "visit_number"}


@examples(40)
@given(data=st.data(), takers=TAKERS)
def test_what_only_the_newer_rules_know_is_kept_by_the_older(
    standards: Versions, data: st.DataObject, takers: list[int]
) -> None:
    """Counts of the newer alone are exact, however often the older wrote in between."""
    standards.clear()
    events = data.draw(distinct(VISITS))
    standards.outcomes(events, takers)

    newer = standards.shared[list(VERSIONS).index("added")]
    took = [e for number, e in enumerate(events) if standards.taker(number, takers) is newer]
    for visitor, count in Counter(e.fields[VISITOR] for e in events).items():
        visits = Counter(e.fields[VISIT] for e in took if e.fields[VISITOR] == visitor)
        stored = newer.script.read(visitor)
        assert stored is not None
        assert stored["visitor_events"] == count
        assert stored["visitor_taken_by_newer"] == visits.total()
        assert stored["visit_taken_by_newer"] == visits[stored["visit_id"]]


def test_their_contracts_say_that_they_may() -> None:
    mine = contract_of(STANDARD)
    assert {name: conflicts(mine, contract_of(rules)) for name, rules in VERSIONS.items()} == {
        name: [] for name in VERSIONS
    }
