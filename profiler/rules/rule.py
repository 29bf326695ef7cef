"""One rule: a field of the profile, and the operation that keeps it."""

from typing import Annotated, Literal, cast

from pydantic import BeforeValidator, Field, StringConstraints
from pydantic import model_validator as after_validation

from profiler.rules.duration import Duration, ms_of
from profiler.rules.identity import FieldOfEvent, Table
from profiler.rules.operations import FieldType, Kind, Operation, operations
from profiler.rules.places import PlacedError

#: The value of a rule that takes the event's time (ms) instead of a field of the event.
EVENT_TIME = "event_time"

#: Decimals of a number of the event; more of them would not stay exact in a double.
MAX_DECIMALS = 4

#: Names the script gives by itself; a rule may not take them.
BUILT_IN_FIELDS = ("visitor_id", "visitor_visits", "visit_id", "visit_number", "visit_bounce")

#: Keys of a rule that only some operations know.
_OPTIONS = ("limit", "which", "lookback", "values")

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class Was(Table):
    """What a rule was before: it goes on with the state of that rule.

    What is left out was the same; `when` is empty where the rule had none.
    """

    name: Name | None = None
    value: FieldOfEvent | None = None
    when: Name | Literal[""] | None = None
    limit: Annotated[int, Field(ge=1)] | None = None


_WasOrName = Annotated[
    Was,
    BeforeValidator(
        lambda value: {"name": value} if isinstance(value, str) else value,
        json_schema_input_type=Name | Was,
    ),
]


class Rule(Table):
    """One field of the profile."""

    name: Name
    scope: Literal["visitor", "visit"]
    operation: Name
    value: FieldOfEvent | None = None
    when: Name | None = None
    decimals: Annotated[int, Field(ge=0, le=MAX_DECIMALS)] | None = None
    limit: Annotated[int, Field(ge=1)] | None = None
    values: Annotated[dict[Name, FieldOfEvent], Field(min_length=1, max_length=16)] | None = None
    which: str | None = None
    lookback: Duration | None = None
    was: _WasOrName | None = None

    @after_validation(mode="after")
    def _fits_together(self) -> "Rule":
        if self.name in BUILT_IN_FIELDS:
            raise PlacedError(("name",), f"{self.name} is built in, choose another name")
        if not self.name.startswith(self.scope + "_"):
            message = f"the name of a {self.scope} field begins with {self.scope}_"
            raise PlacedError(("name",), message)
        if self.operation not in operations():
            known = ", ".join(operations())
            message = f"no operation is called {self.operation}; there are {known}"
            raise PlacedError(("operation",), message, operations())
        self._options_fit()
        if self.value is not None and self.values is not None:
            raise PlacedError(("values",), "a rule has either `value` or `values`")
        if self.values is None and self.declared.kind_of(self.value, EVENT_TIME) is None:
            raise PlacedError(("value",), self._wrong_value())
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

    def _wrong_value(self) -> str:
        taken = set(self.declared.places)
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
        return operations()[self.operation]

    @property
    def before(self) -> "Rule":
        """The rule whose state it goes on with: itself, but for what it says by `was`."""
        if self.was is None:
            return self
        changed = self.was.model_dump(exclude_none=True)
        if changed.get("when") == "":
            changed["when"] = None
        return self.model_copy(update={"was": None, **changed})

    @property
    def kind(self) -> Kind:
        """What the value is."""
        if self.values is not None:
            return "tuple"
        return cast("Kind", self.declared.kind_of(self.value, EVENT_TIME))

    @property
    def taken(self) -> list[str]:
        """The event's fields that are its value, or its values."""
        if self.values is not None:
            return list(self.values.values())
        return [self.value] if self.value and self.value != EVENT_TIME else []

    @property
    def names(self) -> list[str]:
        """The names of its fields in the profile: its own, or one for each of its values."""
        return [f"{self.name}_{part}" for part in self.values or ()] or [self.name]

    @property
    def lookback_ms(self) -> int:
        """How far back the field sees; 0 for ever."""
        return ms_of(self.lookback) if self.lookback else 0

    @property
    def asks_now(self) -> bool:
        """Whether the field depends on now, when it is shown."""
        return self.declared.now or self.lookback is not None

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
