"""Fields that are computed from other fields when they are shown: nothing of them is stored."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import Field
from pydantic import model_validator as after_validation

from profiler.rules.condition import Condition
from profiler.rules.identity import Table
from profiler.rules.operations import FieldType
from profiler.rules.places import PlacedError
from profiler.rules.rule import BUILT_IN_FIELDS, Name, Rule

#: The built-in field that tests may look at, and the name that a computed field may take, in place
#: of `bounce` of the table `visit`.
_, VISITS, _, _, BOUNCE = BUILT_IN_FIELDS

#: Where the number of visits stands in Lua.
_VISITS_PLACE = "opened"

#: Of these a computed field has one.
_FORMS = ("minus", "any", "not")

Tests = Annotated[list[Condition], Field(min_length=1, max_length=64)]


class Computed(Table):
    """One field: the time between two others, or whether others are as they must be.

    Attributes:
        name: begins with its scope.
        minus: two times; the first less the second, in ms. Null where one is not known.
        any_of: true where one of the tests holds. A test compares a whole number that is always
            known, such as a count.
        not_field: true where this computed field, which stands before it, is false.
        known: the field is null until one of these tests holds.
    """

    name: Name
    minus: tuple[Name, Name] | None = None
    any_of: Annotated[Tests | None, Field(alias="any")] = None
    not_field: Annotated[Name | None, Field(alias="not")] = None
    known: Tests | None = None

    @after_validation(mode="after")
    def _one_form(self) -> "Computed":
        said = self.model_dump(by_alias=True, exclude_none=True)
        if sum(form in said for form in _FORMS) != 1:
            raise PlacedError((), f"a computed field has either {' or '.join(_FORMS)}")
        if not self.name.startswith(("visitor_", "visit_")):
            raise PlacedError(("name",), "the name begins with visitor_ or visit_")
        if self.name in BUILT_IN_FIELDS and self.name != BOUNCE:
            raise PlacedError(("name",), f"{self.name} is built in, choose another name")
        for place, test in self._tests():
            if not test.compares_numbers or not all(isinstance(n, int) for _, n in test.bounds):
                raise PlacedError((place,), "a test compares a field with whole numbers")
        return self

    def _tests(self) -> list[tuple[str, Condition]]:
        return [("any", test) for test in self.any_of or ()] + [
            ("known", test) for test in self.known or ()
        ]

    @property
    def scope(self) -> Literal["visitor", "visit"]:
        """Whose it is."""
        return "visit" if self.name.startswith("visit_") else "visitor"

    @property
    def type(self) -> FieldType:
        """The type of the field in the contract."""
        return "integer" if self.minus else "boolean"

    def check(self, rules: Mapping[str, Rule], before: Mapping[str, "Computed"]) -> None:
        """Refuse names that this field cannot be computed from.

        Args:
            rules: the declared fields by name.
            before: the computed fields that stand before it.

        Raises:
            PlacedError: the message names the field.
        """
        for name in self.minus or ():
            rule = rules.get(name)
            if rule is None or rule.kind != "event_time" or rule.asks_now:
                raise PlacedError(("minus",), f"{name} is no first or last event_time")
            self._require_scope("minus", name)
        if self.not_field is not None:
            other = before.get(self.not_field)
            if other is None or other.type != "boolean":
                message = (
                    f"no computed field before it is true or false and called {self.not_field}"
                )
                raise PlacedError(("not",), message)
            self._require_scope("not", self.not_field)
        for place, test in self._tests():
            name = test.field or ""
            rule = rules.get(name)
            if name != VISITS and (
                rule is None or rule.declared.null or rule.type != "integer" or rule.asks_now
            ):
                raise PlacedError((place,), f"{name} is no whole number that is always known")
            self._require_scope(place, name)

    def _require_scope(self, place: str, name: str) -> None:
        if self.scope == "visitor" and name.startswith("visit_"):
            raise PlacedError((place,), f"a visitor has no {name}: each of its visits has one")


class Shown(NamedTuple):
    """A computed field in the words of Lua.

    Attributes:
        name: of the field, and of the local that holds whether it is true.
        scope: whose it is.
        holds: an expression for that local; empty where there is none.
        value: an expression for the answer, false where the field is not known.
    """

    name: str
    scope: str
    holds: str
    value: str


def shown(
    fields: Iterable[Computed], values: Mapping[str, str], places: Mapping[str, str]
) -> list[Shown]:
    """The computed fields, in their order.

    Args:
        fields: as declared.
        values: by the names of the declared fields, what an answer has for each.
        places: and where its value stands.
    """
    values = {**values, VISITS: _VISITS_PLACE}
    found = []
    for field in fields:
        known = [f"({values[name]})" for name in field.minus or ()]
        if field.known:
            known.append(f"({_either(field.known, values)})")
        if field.minus:
            holds, value = "", " - ".join(places[name] for name in field.minus)
        else:
            holds = _either(field.any_of or [], values)
            holds, value = holds or f"not {field.not_field}", f"({field.name} and 1 or 0)"
        found.append(Shown(field.name, field.scope, holds, " and ".join([*known, value])))
    return found


def _either(tests: list[Condition], values: Mapping[str, str]) -> str:
    return " or ".join(_test(each, values[each.field or ""]) for each in tests)


def _test(test: Condition, value: str) -> str:
    return " and ".join(f"{value} {sign} {n}" for sign, n in test.bounds)
