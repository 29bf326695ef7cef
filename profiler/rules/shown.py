"""Which fields tell a person what happens, found in the rules: any rules file can be shown."""

from typing import Any, NamedTuple

from profiler.records.types import OUTPUT_PREFIX
from profiler.rules.contract import PublicField, contract_of
from profiler.rules.model import Rules
from profiler.rules.rule import BUILT_IN_FIELDS, Rule
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
    #: Where the visit came from; empty without such a rule.
    channel: str
    source: str
    #: Of the flattened event: the text that an entry page is taken from, and what kind of event
    #: it is; empty likewise.
    page_input: str
    kind_input: str
    fields: list[PublicField]
    #: The fields that hold ms since the epoch.
    times: frozenset[str]


def names_of(rules: Rules) -> Names:
    """Find the names in the rules."""
    texts = {
        rule.operation: rule
        for rule in reversed(rules.fields)
        if rule.scope == "visit" and rule.type == "string"
    }
    entry, last = texts.get("first"), texts.get("last")
    return Names(
        visitor=_VISITOR,
        visit=_VISIT,
        number=_NUMBER,
        entry=entry.name if entry else "",
        last=last.name if last else "",
        channel=_touched(rules, "derived.channel"),
        source=_touched(rules, "derived.source"),
        page_input=entry.taken[0] if entry and entry.taken else "",
        kind_input=_kind_input(rules, entry) if entry else "",
        fields=contract_of(rules).fields,
        times=frozenset(
            rule.name
            for rule in rules.fields
            if rule.value == EVENT_TIME and rule.operation in {"first", "last"}
        ),
    )


def profile_part(flat: dict[str, Any]) -> dict[str, Any]:
    """The profile in a record of ``tracking_persisted``, without the prefix."""
    return {
        name.removeprefix(OUTPUT_PREFIX): value
        for name, value in flat.items()
        if name.startswith(OUTPUT_PREFIX)
    }


def _touched(rules: Rules, value: str) -> str:
    """The visit's field that has this part of a touch."""
    for rule in rules.fields:
        for part, taken in (rule.values or {}).items():
            if rule.scope == "visit" and taken == value:
                return f"{rule.name}_{part}"
    return ""


def _kind_input(rules: Rules, entry: Rule) -> str:
    """What must equal a text in an event that gives an entry page."""
    for condition in rules.predicates.get(entry.when or "", []):
        for test in condition.tests():
            if isinstance(test.equals, str) and test.field:
                return test.field
    return ""
