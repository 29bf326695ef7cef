"""One test of a predicate: what a field of the event must be, or how several tests go together."""

import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
)
from pydantic import model_validator as after_validation

from profiler.rules.identity import FieldOfEvent, Table
from profiler.rules.pattern import checked

#: Decimals that numbers are compared with, and the first number of units that is too large.
DECIMALS, _TOO_LARGE = 4, 2**53

#: How deep `all`, `any` and `none` may stand in each other.
_MOST_DEPTH = 4

#: Of these a condition has one. The first ones are tests of a field.
_OF_FIELD = ("equals", "present", "in", "contains", "starts_with", "matches", "<", ">", "between")
_OTHERS = ("flag", "all", "any", "none")


def _exact(number: float) -> float:
    is_whole = isinstance(number, int) and abs(number) < 10**15
    if not is_whole and not (math.isfinite(number) and abs(units(number)) < _TOO_LARGE):
        raise ValueError("the number is too large")
    if Decimal(str(number)).scaleb(DECIMALS) != units(number):
        raise ValueError(f"a number has at most {DECIMALS} decimals")
    return number


def units(number: float) -> int:
    """A number of the rules as whole units of its last decimal."""
    return int(Decimal(str(number)).scaleb(DECIMALS))


Text = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Number = Annotated[StrictInt | StrictFloat, AfterValidator(_exact)]
Conditions = Annotated[list["Condition"], Field(min_length=1, max_length=64)]


class Condition(Table):
    """One test of a predicate.

    An empty value counts as absent, and no test of a field holds for it. Numbers are compared by
    value; a text that is no number is neither below nor above one. Of the event's fields `equals`
    takes a text; numbers and booleans are of the profile's, which triggers ask.
    """

    field: FieldOfEvent | None = None
    equals: StrictBool | Number | str | None = None
    present: Literal[True] | None = None
    is_in: Annotated[list[Text] | None, Field(alias="in", min_length=1, max_length=64)] = None
    contains: Text | None = None
    starts_with: Text | None = None
    matches: Annotated[Text | None, AfterValidator(lambda text: text and checked(text))] = None
    less: Annotated[Number | None, Field(alias="<")] = None
    greater: Annotated[Number | None, Field(alias=">")] = None
    between: tuple[Number, Number] | None = None
    flag: Literal["new_visit", "new_visitor"] | None = None
    all_of: Annotated[Conditions | None, Field(alias="all")] = None
    any_of: Annotated[Conditions | None, Field(alias="any")] = None
    none_of: Annotated[Conditions | None, Field(alias="none")] = None

    @after_validation(mode="after")
    def _one_test(self) -> "Condition":
        said = self.model_dump(by_alias=True, exclude_none=True).keys() - {"field"}
        tests = [name for name in (*_OF_FIELD, *_OTHERS) if name in said]
        if len(tests) != 1:
            raise ValueError(f"a condition has either {' or '.join(_OF_FIELD + _OTHERS)}")
        if (tests[0] in _OF_FIELD) != (self.field is not None):
            raise ValueError(f"{tests[0]} needs {'a' if tests[0] in _OF_FIELD else 'no'} field")
        if self.equals == "":
            raise ValueError('an empty value counts as absent, so `equals = ""` never holds')
        if self.between is not None and self.between[0] > self.between[1]:
            raise ValueError("between has the smaller number first")
        if self.depth > _MOST_DEPTH:
            raise ValueError(f"all, any and none stand at most {_MOST_DEPTH} deep in each other")
        return self

    @property
    def test(self) -> str:
        """Its one test, as the rules write it."""
        said = self.model_dump(by_alias=True, exclude_none=True).keys() - {"field"}
        return next(name for name in (*_OF_FIELD, *_OTHERS) if name in said)

    @property
    def parts(self) -> list["Condition"]:
        """The conditions inside."""
        return self.all_of or self.any_of or self.none_of or []

    @property
    def depth(self) -> int:
        """How deep conditions stand in each other here."""
        return 1 + max((part.depth for part in self.parts), default=0)

    @property
    def compares_numbers(self) -> bool:
        """Whether its own test compares numbers."""
        return bool(self.bounds)

    @property
    def bounds(self) -> list[tuple[str, float]]:
        """The comparisons that must all hold: each a sign, as Lua has it, and a number."""
        low, high = self.between or (None, None)
        signs = [(">", self.greater), ("<", self.less), (">=", low), ("<=", high)]
        return [(sign, n) for sign, n in signs if n is not None]

    @property
    def asks_flags(self) -> bool:
        """Whether it looks at a flag."""
        return self.flag is not None or any(part.asks_flags for part in self.parts)

    def tests(self) -> Iterator["Condition"]:
        """The tests of fields, its own or those inside."""
        if self.field is not None:
            yield self
        for part in self.parts:
            yield from part.tests()


def tests_in(conditions: Iterable[Condition]) -> Iterator[Condition]:
    """The tests of fields, those inside of others too."""
    return (test for each in conditions for test in each.tests())
