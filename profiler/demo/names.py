"""The names the demo displays, taken from the rules: any rules file can be shown."""

from typing import Any, NamedTuple

from profiler.records.types import OUTPUT_PREFIX
from profiler.rules.contract import PublicField, contract_of
from profiler.rules.model import Rules
from profiler.rules.rule import BUILT_IN_FIELDS
from profiler.rules.value import EVENT_TIME

_VISITOR, _VISITS, _VISIT, _NUMBER, _BOUNCE = BUILT_IN_FIELDS


class Names(NamedTuple):
    """Names of public profile fields, without the output's prefix."""

    visitor: str
    visit: str
    number: str
    #: The visit's first and last text, i.e. pages with both presets; empty without such a rule.
    entry: str
    last: str
    fields: list[PublicField]
    #: Those that hold ms since the epoch.
    times: frozenset[str]


def names_of(rules: Rules) -> Names:
    """Find the names in the rules."""
    texts = {
        rule.operation: rule.name
        for rule in reversed(rules.fields)
        if rule.scope == "visit" and rule.type == "string"
    }
    return Names(
        visitor=_VISITOR,
        visit=_VISIT,
        number=_NUMBER,
        entry=texts.get("first", ""),
        last=texts.get("last", ""),
        fields=contract_of(rules).fields,
        times=frozenset(rule.name for rule in rules.fields if rule.value == EVENT_TIME),
    )


def profile_part(flat: dict[str, Any]) -> dict[str, Any]:
    """The profile in a record of ``tracking_persisted``, without the prefix."""
    return {
        name.removeprefix(OUTPUT_PREFIX): value
        for name, value in flat.items()
        if name.startswith(OUTPUT_PREFIX)
    }


def example_event(rules: Rules, *, visitor: str, visit: str, text: str) -> dict[str, Any]:
    """The smallest input record that gives a visit its entry page under these rules."""
    wanted = {rules.identity.visitor[0]: visitor}
    if rules.identity.visit:
        wanted[rules.identity.visit] = visit
    for rule in rules.fields:
        if rule.name == names_of(rules).entry and rule.taken:
            for condition in rules.predicates.get(rule.when or "", []):
                for test in condition.tests():
                    wanted[test.field or ""] = str(test.equals or text)
            wanted[rule.taken[0]] = wanted.get(rule.taken[0], text)
    event: dict[str, Any] = {}
    for flattened, value in wanted.items():
        section, _, name = flattened.partition("-")
        event.setdefault(section, []).append({"name": name, "value": value})
    return event
