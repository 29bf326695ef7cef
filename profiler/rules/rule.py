"""One rule: a field of the profile, and the operation that keeps it."""

from typing import Annotated, Literal, cast

from pydantic import Field
from pydantic import model_validator as after_validation

from profiler.rules.duration import Buckets, Duration, ms_of
from profiler.rules.identity import Table
from profiler.rules.operations import FieldType, Kind, Operation, operations
from profiler.rules.places import PlacedError
from profiler.rules.value import EVENT_DAY, EVENT_TIME, Choice, Scalar, Value, number_text
from profiler.rules.was import Name, WasOrName

__all__ = ["BUILT_IN_FIELDS", "MAX_DECIMALS", "Name", "Rule"]

#: Decimals of a number of the event; more of them would not stay exact in a double.
MAX_DECIMALS = 4

#: Names the script gives by itself; a rule may not take them.
BUILT_IN_FIELDS: dict[str, FieldType] = {
    "visitor_id": "string",
    "visitor_visits": "integer",
    "visit_id": "string",
    "visit_number": "integer",
    "visit_bounce": "boolean",
}

#: Keys of a rule that only some operations know.
_OPTIONS = ("limit", "which", "lookback", "values", "age")


class Rule(Table):
    """One field of the profile."""

    name: Name
    scope: Literal["visitor", "visit"]
    operation: Name
    value: Value | None = None
    constant: Scalar | None = None
    default: Scalar | None = None
    when: Name | None = None
    decimals: Annotated[int, Field(ge=0, le=MAX_DECIMALS)] | None = None
    limit: Annotated[int, Field(ge=1)] | None = None
    values: Annotated[dict[Name, Value], Field(min_length=1, max_length=16)] | None = None
    which: str | None = None
    lookback: Duration | None = None
    window: Duration | None = None
    age: Duration | None = None
    was: WasOrName | None = None

    @after_validation(mode="after")
    def _fits_together(self) -> "Rule":
        if self.name in BUILT_IN_FIELDS:
            raise PlacedError(("name",), f"{self.name} is built in, choose another name")
        if not self.name.startswith(self.scope + "_"):
            message = f"the name of a {self.scope} field begins with {self.scope}_"
            raise PlacedError(("name",), message)
        if self.operation not in operations() or "." in self.operation:
            known = [name for name in operations() if "." not in name]
            message = f"no operation is called {self.operation}; there are {', '.join(known)}"
            raise PlacedError(("operation",), message, known)
        if self.window is not None and f"{self.operation}.window" not in operations():
            raise PlacedError(("window",), f"{self.operation} has no window")
        self._options_fit()
        given = [
            name for name in ("value", "constant", "values") if getattr(self, name) is not None
        ]
        if len(given) > 1:
            raise PlacedError((given[1],), f"a rule has either `{given[0]}` or `{given[1]}`")
        if self.values is None and self._kind is None:
            raise PlacedError((given[0] if given else "value",), self._wrong_value())
        self._scalars_fit()
        if self.decimals is not None and self.kind != "number":
            message = f"{self.operation} takes no number, so it has no decimals"
            raise PlacedError(("decimals",), message)
        return self

    @after_validation(mode="after")
    def _was_alike(self) -> "Rule":
        before = self.before
        if before.kind != self.kind:
            raise PlacedError(
                ("was",), "the values are not alike: this rule cannot go on with them"
            )
        if before.kept > self.kept:
            raise PlacedError(("was", "limit"), "what was kept beyond the limit of now is lost")
        if not before.name.startswith(self.scope + "_"):
            raise PlacedError(
                ("was",), f"the name of a {self.scope} field begins with {self.scope}_"
            )
        return self

    def _options_fit(self) -> None:
        declared = self.declared
        known = {"limit"} if declared.limit else set()
        known |= {"which", "lookback"} if declared.which else set()
        known |= {"age"} if declared.ages else set()
        known |= {"values"} if "tuple" in declared.places else set()
        for option in _OPTIONS:
            if getattr(self, option) is not None and option not in known:
                raise PlacedError((option,), f"{self.operation} has no {option}")
        if self.limit is not None and self.limit > self.most:
            raise PlacedError(("limit",), f"{self.operation} keeps at most {self.most} values")
        if declared.which and self.which not in declared.which:
            message = f"{self.operation} needs which: {' or '.join(declared.which)}"
            raise PlacedError(("which",), message, declared.which)
        if self.lookback is not None and self.which == "first":
            raise PlacedError(
                ("lookback",), "only a last one has a lookback: the first is for ever"
            )

    def _scalars_fit(self) -> None:
        if self.default is not None and self.constant is not None:
            raise PlacedError(("default",), "a constant is never absent, so it has no default")
        if self.default is not None and self.kind not in {"text", "number"}:
            raise PlacedError(("default",), f"{self.operation} has no default for this value")
        if self.default is not None and self.value == EVENT_DAY:
            raise PlacedError(("default",), f"{EVENT_DAY} has no default")
        for name in ("constant", "default"):
            given = getattr(self, name)
            if given is not None and isinstance(given, str) == (self.kind == "number"):
                wanted = "a number" if self.kind == "number" else "a text"
                raise PlacedError((name,), f"{self.operation} takes {wanted}")
            try:
                self._text_of(given)
            except ValueError as error:
                raise PlacedError((name,), str(error)) from error
        own = [part for part in (self.values or {}).values() if part in (EVENT_TIME, EVENT_DAY)]
        if own:
            raise PlacedError(("values",), f"{self.operation} does not take {own[0]}")

    def _text_of(self, given: str | float | None) -> str:
        if given is None or isinstance(given, str):
            return given or ""
        return number_text(given, self.scale)

    def _wrong_value(self) -> str:
        taken = set(self.declared.places)
        if self.value == EVENT_DAY and "number" in taken:
            return f"{self.operation} takes a number, and {EVENT_DAY} is a text"
        if taken == {"tuple"}:
            return f"{self.operation} needs values: names, and fields of the event"
        if "none" in taken:
            return f"{self.operation} takes no value"
        if self.value == EVENT_TIME:
            return f"{self.operation} does not take the event's time"
        wanted = "a field of the event" + " or event_time" * ("event_time" in taken)
        return f"{self.operation} needs a value: {wanted}"

    @property
    def declared(self) -> Operation:
        """What the operation says of itself."""
        return operations()[self.operation + ".window" * (self.window is not None)]

    @property
    def before(self) -> "Rule":
        """The rule whose state it goes on with: itself, but for what it says by `was`."""
        if self.was is None:
            return self
        return self.model_copy(update={"was": None, **self.was.changed})

    @property
    def kind(self) -> Kind:
        """What the value is."""
        return "tuple" if self.values is not None else cast("Kind", self._kind)

    @property
    def _kind(self) -> Kind | None:
        kind = self.declared.kind_of(self.constant or self.value, EVENT_TIME)
        return None if kind == "number" and self.value == EVENT_DAY else kind

    @property
    def choices(self) -> list[Choice]:
        """The texts of the event that are its value, or its values."""
        if self.values is not None:
            return [Choice(_as_tuple(part)) for part in self.values.values()]
        if self.constant is not None:
            return [Choice((), self._text_of(self.constant))]
        if self.value is None or self.value == EVENT_TIME:
            return []
        return [Choice(_as_tuple(self.value), self._text_of(self.default))]

    @property
    def taken(self) -> list[str]:
        """The event's fields that are its value, or its values."""
        named = [field for choice in self.choices for field in choice.fields]
        return [field for field in named if field != EVENT_DAY]

    @property
    def names(self) -> list[str]:
        """The names of its fields in the profile: its own, or one for each of its values."""
        return [f"{self.name}_{part}" for part in self.values or ()] or [self.name]

    @property
    def lookback_ms(self) -> int:
        """How far back the field sees; 0 for ever."""
        return ms_of(self.lookback) if self.lookback else 0

    @property
    def age_ms(self) -> int:
        """How old a value is that is still shown; 0 for any."""
        return ms_of(self.age) if self.age else 0

    @property
    def buckets(self) -> Buckets | None:
        """How a window is divided."""
        return Buckets.of(self.window) if self.window else None

    @property
    def asks_now(self) -> bool:
        """Whether the field depends on now, when it is shown."""
        return self.declared.now or self.lookback is not None or self.age is not None

    @property
    def scale(self) -> int:
        """Decimals that a number is kept with."""
        return MAX_DECIMALS if self.decimals is None else self.decimals

    @property
    def most(self) -> int:
        """How many values the operation keeps at most; 0 where it has no such number."""
        return self.declared.limit[1] if self.declared.limit else 0

    @property
    def kept(self) -> int:
        """How many values this rule keeps; 0 where its operation has no such number."""
        return self.limit or (self.declared.limit[0] if self.declared.limit else 0)

    @property
    def is_text(self) -> bool:
        """Whether the field is a text of one event."""
        return self.kind == "text" and self.declared.answers is None

    @property
    def type(self) -> FieldType:
        """The type of the field in the contract."""
        if self.declared.answers is not None:
            return self.declared.answers
        if self.kind in {"text", "tuple"}:
            return "string"
        return "decimal" if self.kind == "number" and self.scale else "integer"


def _as_tuple(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value
