"""What a rules file says, in words: its fields, the event's fields that it reads, its limits."""

import json
from typing import Any, NamedTuple

from profiler.rules.condition import Condition
from profiler.rules.contract import contract_of
from profiler.rules.costs import Cost, cost_of
from profiler.rules.derived.names import derived_input, is_derived
from profiler.rules.derived.table import Derived
from profiler.rules.model import Rules
from profiler.rules.rule import Rule

#: What is said of a rule elsewhere; all other keys are told as they are.
_SAID = {"name", "scope", "operation", "value", "values", "was"}

#: Fields that are there without a rule.
_BUILT_IN = {
    "visitor_id": "whose profile it is",
    "visitor_visits": "how many visits were opened",
    "visit_id": "the visit of this event",
    "visit_number": "its number among the visitor's visits",
    "visit_bounce": "whether at most one of what `bounce` counts came",
}


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
        meaning: where it is derived: what it is, and of which fields.
        used_by: rules and predicates that read it, and keys of the identity.
    """

    name: str
    meaning: str
    used_by: list[str]


def explained_fields(rules: Rules) -> list[FieldWords]:
    """All fields of the profile, in the order of the answers."""
    by_name = {name: rule for rule in rules.fields for name in rule.names}
    words = []
    for field in contract_of(rules).fields:
        rule = by_name.get(field.name)
        if rule is None:
            meaning = _BUILT_IN.get(field.name, "built in")
            words.append(FieldWords(field.name, field.scope, meaning, field.type, "", "", None))
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
    """The event's fields that the rules read: those of the identity, and the inputs."""
    used: dict[str, list[str]] = {}
    for key, names in rules.identity.model_dump(exclude_none=True).items():
        for name in [names] if isinstance(names, str) else names if key != "nobody" else []:
            used.setdefault(name, []).append(f"identity.{key}")
    inputs = {name: used.setdefault(name, []) for name in rules.inputs}
    for predicate, tests in rules.predicates.items():
        fields = {test.field for each in tests for test in each.tests()}
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


def _meaning(rule: Rule) -> str:
    taken = f" of {', '.join(rule.taken)}" if rule.taken else ""
    if rule.kind == "event_time":
        taken = " of the event's time"
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
    needs = [*map(condition_words, rules.predicates.get(rule.when or "", []))]
    tested = {t.field for test in rules.predicates.get(rule.when or "", []) for t in test.tests()}
    missing = [name for name in rule.taken if name not in tested]
    if missing and rule.default is None:
        needs.append(" or ".join(missing))
    if rule.scope == "visit" and rules.identity.visit:
        needs.append(str(rules.identity.visit))
    return "; ".join(needs)


def _derivation(name: str, rules: Rules) -> str:
    if not is_derived(name):
        return ""
    table = rules.derived or Derived()
    return f"{derived_input(name).meaning}, of {', '.join(table.fields_of(name))}"
