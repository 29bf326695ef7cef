"""What a rules file says, in words: its fields, the event's fields that it reads, its limits."""

import json
from typing import Any, NamedTuple

from profiler.rules.computed import BOUNCE, Computed
from profiler.rules.condition import Condition, tests_in
from profiler.rules.contract import contract_of
from profiler.rules.costs import Cost, cost_of
from profiler.rules.derived.names import derived_input, is_derived
from profiler.rules.derived.table import Derived
from profiler.rules.model import Rules
from profiler.rules.rule import Rule
from profiler.rules.value import EVENT_DAY

#: What is said of a rule elsewhere; all other keys are told as they are.
_SAID = {"name", "scope", "operation", "value", "values", "was"}

#: Fields that are there without a rule.
_BUILT_IN = {
    "visitor_id": "whose profile it is",
    "visitor_visits": "how many visits were opened",
    "visit_id": "the visit of this event",
    "visit_number": "its number among the visitor's visits",
}
#: What Redis gets in the place of a personal field.
_PERSONAL = {"hash": "personal: Redis gets its keyed hash", "drop": "personal: as if absent"}
_UNITS = {"visitor_visits": "visits"}


class FieldWords(NamedTuple):
    """One field of the profile.

    Attributes:
        name: in the profile.
        scope: visitor or visit.
        meaning: in one line.
        type: as the contract has it.
        unit: of a number; else empty.
        needs: what an event must carry to move it.
        cost: of its rule; None where it has none.
    """

    name: str
    scope: str
    meaning: str
    type: str
    unit: str
    needs: str
    cost: Cost | None

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return self._asdict() | {"cost": self.cost and self.cost._asdict()}


class InputWords(NamedTuple):
    """A field of the event that the rules read.

    Attributes:
        name: of the flattened event, or derived.
        meaning: where it is derived: what it is, and what it is made of; where it is personal: what
            becomes of it.
        used_by: rules and predicates that read it, and keys of the identity.
    """

    name: str
    meaning: str
    used_by: list[str]


def explained_fields(rules: Rules) -> list[FieldWords]:
    """All fields of the profile, in the order of the answers."""
    by_name = {name: rule for rule in rules.fields for name in rule.names}
    computed = {field.name: field for field in rules.computed or ()}
    words = []
    for field in contract_of(rules).fields:
        rule = by_name.get(field.name)
        if rule is None:
            form = computed.get(field.name)
            meaning = _computed(form) if form else _built_in(field.name, rules)
            unit = "ms" if form and form.minus else _UNITS.get(field.name, "")
            words.append(FieldWords(field.name, field.scope, meaning, field.type, unit, "", None))
            continue
        words.append(
            FieldWords(
                field.name,
                field.scope,
                _meaning(rule),
                field.type,
                _unit(rule),
                _needs(rule, rules),
                cost_of(rule, rules),
            )
        )
    return words


def explained_inputs(rules: Rules) -> list[InputWords]:
    """The event's fields that the rules read: the identity's, and the inputs."""
    used: dict[str, list[str]] = {}
    for key, names in rules.identity.model_dump(exclude_none=True).items():
        for name in [names] if isinstance(names, str) else names if key != "nobody" else []:
            used.setdefault(name, []).append(f"identity.{key}")
    inputs = {name: used.setdefault(name, []) for name in rules.inputs}
    for predicate, tests in rules.predicates.items():
        fields = {test.field for test in tests_in(tests)}
        for name in inputs.keys() & fields:
            inputs[name].append(predicate)
    for rule in rules.fields:
        for name in dict.fromkeys(rule.taken):
            inputs[name].append(rule.name)
    return [InputWords(name, _derivation(name, rules), by) for name, by in used.items()]


def condition_words(test: Condition) -> str:
    """One condition as a person reads it, whatever tests there are."""
    said = test.model_dump(mode="json", by_alias=True, exclude_none=True)
    return _said(said)


def _said(said: dict[str, Any]) -> str:
    field = said.pop("field", "")
    words = []
    for name, value in said.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            words.append(f"{name} of ({'; '.join(map(_said, value))})")
        elif value is True:
            words.append(name)
        else:
            words.append(f"{name} {json.dumps(value, ensure_ascii=False)}")
    return f"{field} {' '.join(words)}".strip()


def _built_in(name: str, rules: Rules) -> str:
    if name == BOUNCE and rules.visit:
        return f"whether {rules.visit.bounce} is at most 1"
    return _BUILT_IN[name]


def _computed(field: Computed) -> str:
    if field.minus:
        said = " less ".join(field.minus)
    elif field.not_field:
        said = f"not {field.not_field}"
    else:
        said = " or ".join(map(condition_words, field.any_of or []))
    known = " or ".join(map(condition_words, field.known or []))
    return f"computed when it is shown: {said}" + f"; null until {known}" * bool(known)


class TriggerWords(NamedTuple):
    """A trigger.

    Attributes:
        name: of the rules file.
        scope: whether it fires once for a visitor, or for each visit.
        when: what must hold of the profile.
        is_undone: whether later events may undo it.
    """

    name: str
    scope: str
    when: list[str]
    is_undone: bool


def explained_triggers(rules: Rules) -> list[TriggerWords]:
    """All triggers, in their order."""
    return [
        TriggerWords(
            each.name, each.scope, [*map(condition_words, each.when)], is_undone=each.can_be_undone
        )
        for each in rules.triggers or ()
    ]


def _meaning(rule: Rule) -> str:
    taken = f" of {', '.join(rule.taken)}" if rule.taken else ""
    if rule.kind == "event_time":
        taken = " of the event's time"
    if rule.value == EVENT_DAY:
        taken = " of the event's day"
    said = rule.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=_SAID)
    options = "".join(f", {name} {value}" for name, value in said.items())
    return f"{rule.operation}{taken}{options}: {rule.declared.summary}"


def _unit(rule: Rule) -> str:
    if rule.declared.unit:
        return rule.declared.unit
    if rule.kind == "event_time":
        return "ms since the epoch"
    return f"as {' or '.join(rule.taken)}" if rule.kind == "number" and rule.taken else ""


def _needs(rule: Rule, rules: Rules) -> str:
    tests = rules.predicates.get(rule.when or "", [])
    needs = [*map(condition_words, tests)]
    tested = {test.field for test in tests_in(tests)}
    missing = [name for name in rule.taken if name not in tested]
    if missing and rule.default is None:
        needs.append(" or ".join(missing))
    if rule.scope == "visit" and rules.identity.visit:
        needs.append(str(rules.identity.visit))
    return "; ".join(needs)


def _derivation(name: str, rules: Rules) -> str:
    if not is_derived(name):
        return _PERSONAL.get((rules.personal or {}).get(name, ""), "")
    table = rules.derived or Derived()
    return f"{derived_input(name).meaning}, of {', '.join(table.fields_of(name))}"
