"""Asks the script itself: which conditions hold for an event, and what time it has.

Each condition becomes a rule of its own, a count of the events for which it holds, and the event is
folded into an empty profile.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from profiler.errors import ProfilerError
from profiler.ops.explain.scratch import Scratch
from profiler.profiles.reply import Applied
from profiler.records.types import OUTPUT_PREFIX, FlatEvent
from profiler.rules.condition import Condition, tests_in
from profiler.rules.explain import condition_words
from profiler.rules.model import Rules
from profiler.rules.rule import Rule
from profiler.rules.tables import Visit
from profiler.rules.value import EVENT_TIME

#: Conditions of one script: as many predicates as rules may have, less room for their inputs.
_AT_ONCE = 16

#: No profile that is explained has such a key.
_KEY = "explain-conditions:{<id>}"

_TIME = Rule(name="visitor_time", scope="visitor", operation="first", value=EVENT_TIME)
_EVENTS = Rule(name="visit_all", scope="visit", operation="count")
#: Visits that are found by time have one.
_START = Rule(name="visit_start", scope="visit", operation="first", value=EVENT_TIME)


class Told(NamedTuple):
    """One condition of a predicate.

    Attributes:
        words: as a person reads it; of several conditions how they go together.
        holds: for this event.
        parts: the conditions inside.
    """

    words: str
    holds: bool
    parts: list["Told"]


class Probe:
    """The scripts that ask about the conditions of some rules.

    Args:
        rules: whose conditions.
        scratch: where they are asked.
    """

    def __init__(self, rules: Rules, scratch: Scratch) -> None:
        self._rules = rules
        self._scratch = scratch
        found = (test for tests in rules.predicates.values() for test in tests_in(tests))
        self._tests = {_named(test): test for test in found}
        named = list(enumerate(self._tests.values()))
        parts = [named[at : at + _AT_ONCE] for at in range(0, len(named), _AT_ONCE)] or [[]]
        self._scripts = [scratch.script_of(_probing(rules, part)) for part in parts]

    def ask(self, event: FlatEvent) -> tuple[set[str], int | None]:
        """The conditions that hold for an event, by their words; and the event's time, ms.

        Raises:
            ProfilerError: the script does not take the event.
        """
        answers: dict[str, Any] = {}
        for script in self._scripts:
            calls = script.calls_of([event])
            script.execute(calls)
            [outcome] = calls.outcomes
            if not isinstance(outcome, Applied):
                raise ProfilerError(f"conditions cannot be asked: {outcome}")
            answers |= outcome.profile
            for call in calls.made:
                self._scratch.forget(call.key)
        holding = {
            name
            for number, name in enumerate(self._tests)
            if answers.get(f"{OUTPUT_PREFIX}visitor_c{number}")
        }
        return holding, answers.get(f"{OUTPUT_PREFIX}{_TIME.name}")

    def told(
        self, holding: set[str], flags: frozenset[str]
    ) -> Iterator[tuple[str, bool, list[Told]]]:
        """Each predicate, whether it holds, and its conditions.

        Args:
            holding: from `ask`.
            flags: of the event's answer.
        """
        for name, tests in self._rules.predicates.items():
            parts = [_told(test, holding, flags) for test in tests]
            yield name, all(part.holds for part in parts), parts


def _told(test: Condition, holding: set[str], flags: frozenset[str]) -> Told:
    if test.flag is not None:
        return Told(condition_words(test), test.flag in flags, [])
    if test.field is not None:
        return Told(condition_words(test), _named(test) in holding, [])
    parts = [_told(part, holding, flags) for part in test.parts]
    held = [part.holds for part in parts]
    if test.all_of:
        return Told("all of", all(held), parts)
    return (
        Told("none of", not any(held), parts) if test.none_of else Told("any of", any(held), parts)
    )


def _named(test: Condition) -> str:
    return condition_words(test)


def _probing(rules: Rules, tests: Sequence[tuple[int, Condition]]) -> Rules:
    """Rules that count for which conditions events come."""
    counts = [
        Rule(name=f"visitor_c{n}", scope="visitor", operation="count", when=f"c{n}")
        for n, _ in tests
    ]
    visit = {"bounce": _EVENTS.name}
    changed: dict[str, Any] = {
        # What else names fields of the profile, in other lists, has none here.
        **{name: [] for name, value in rules if isinstance(value, list)},
        "store": rules.store.model_copy(update={"key": _KEY}),
        "order": "event_time",
        "plain": False,
        "predicates": {f"c{number}": [test] for number, test in tests},
        "visit": rules.visit.model_copy(update=visit) if rules.visit else Visit(**visit),
        "fields": [*counts, _TIME, _EVENTS, _START],
    }
    return rules.model_copy(update=changed)
