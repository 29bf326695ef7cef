"""A trigger: what a profile must show for a record of its own to leave."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from profiler.rules.computed import Computed
from profiler.rules.condition import Condition, tests_in
from profiler.rules.identity import Table
from profiler.rules.operations import FieldType
from profiler.rules.places import PlacedError, nearest
from profiler.rules.rule import BUILT_IN_FIELDS, Name, Rule

_TEXT = ("equals", "in", "contains", "starts_with", "present")
_NUMBER = ("equals", "<", ">", "between", "present")

#: What can be asked of a field, by its type.
_TESTS: dict[FieldType, tuple[str, ...]] = {
    "string": _TEXT,
    "integer": _NUMBER,
    "decimal": _NUMBER,
    "boolean": ("equals", "present"),
    "list": ("contains", "present"),
    "counts": ("contains", "present"),
}

#: What `equals` takes, by the type of the field.
_EQUALS: dict[FieldType, tuple[str, tuple[type, ...]]] = {
    "string": ("a text", (str,)),
    "integer": ("a number", (int, float)),
    "decimal": ("a number", (int, float)),
    "boolean": ("true or false", (bool,)),
}


class Trigger(Table):
    """Fires once for a visitor or a visit, when its conditions hold of the profile."""

    name: Name
    scope: Literal["visitor", "visit"]
    when: Annotated[list[Condition], Field(min_length=1, max_length=64)]

    @property
    def fields(self) -> list[str]:
        """The profile's fields that the conditions name, sorted."""
        return sorted({test.field for test in tests_in(self.when) if test.field})

    @property
    def can_be_undone(self) -> bool:
        """Whether later events may undo it: what one event brought about, stays."""
        return not any(test.asks_flags for test in self.when)

    def findings(self, types: Mapping[str, FieldType]) -> Iterator[str]:
        """What is wrong with the conditions, given the types of the profile's fields."""
        for test in tests_in(self.when):
            name = test.field or ""
            if name not in types:
                near = nearest(name, types)
                yield f"the profile has no field {name}" + (
                    f"; did you mean {near}?" if near else ""
                )
            elif self.scope == "visitor" and not name.startswith("visitor_"):
                yield f"{name} is the visit's: a visitor's trigger sees the visitor's fields only"
            elif test.test not in _TESTS[types[name]]:
                asked = ", ".join(_TESTS[types[name]])
                yield f"{name} is of type {types[name]}; a trigger can ask: {asked}"
            elif test.equals is not None:
                words, wanted = _EQUALS[types[name]]
                if not isinstance(test.equals, wanted) or isinstance(test.equals, bool) != (
                    types[name] == "boolean"
                ):
                    yield f"{name} is of type {types[name]}: equals takes {words}"


def check_triggers(
    triggers: list[Trigger],
    rules: list[Rule],
    computed: Iterable[Computed],
    code_of: Callable[[Rule | Trigger], bytes],
) -> None:
    """Refuse triggers that do not fit the rules, or each other.

    Args:
        triggers: all of them.
        rules: the declared fields.
        computed: the fields that are computed from them.
        code_of: the name of a rule, or of a trigger, in packed state.

    Raises:
        PlacedError: the first finding.
    """
    codes = {code_of(rule): rule.name for rule in rules}
    names = [trigger.name for trigger in triggers]
    types = types_of(rules, computed)
    for index, trigger in enumerate(triggers):
        if names.index(trigger.name) != index:
            raise PlacedError(("triggers", index, "name"), f"{trigger.name} is declared twice")
        for message in trigger.findings(types):
            raise PlacedError(("triggers", index, "when"), message)
        if (twin := codes.setdefault(code_of(trigger), trigger.name)) != trigger.name:
            message = f"shares its state code with {twin}, rename one"
            raise PlacedError(("triggers", index, "name"), message)


class TriggerFields(NamedTuple):
    """What a caller must know of a trigger."""

    name: str
    scope: str
    fields: list[str]


def types_of(rules: Iterable[Rule], computed: Iterable[Computed]) -> dict[str, FieldType]:
    """The types of a profile's fields, by their names."""
    declared = {name: rule.type for rule in rules for name in rule.names}
    return BUILT_IN_FIELDS | declared | {field.name: field.type for field in computed}
