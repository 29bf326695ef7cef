"""The rules file: which fields a profile has, declared in TOML and checked before the start."""

import hashlib
import json
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import (
    BaseModel,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic import model_validator as after_validation
from pydantic_core import ErrorDetails

from profiler.config.settings import MAX_STREAMS
from profiler.errors import ConfigError
from profiler.rules.identity import FieldOfEvent, Identity, Table
from profiler.rules.key_pattern import KeyPattern
from profiler.rules.operations import Kind, Operation, operations
from profiler.rules.places import in_file, line_of

PRESETS = ("standard", "article")

#: The value of a rule that takes the event's time (ms) instead of a field of the event.
EVENT_TIME = "event_time"

#: Lua allows 200 locals in a function; an input takes up to two, a predicate one.
MAX_INPUTS = 64

CODE_BYTES = 3  # of a rule's code in packed state

#: Decimals of a number of the event; more of them would not stay exact in a double.
MAX_DECIMALS = 4

#: The type of a field in the contract: a decimal is answered as text, a boolean as 1 or 0.
FieldType = Literal["string", "integer", "boolean", "decimal"]

#: Names the script gives by itself; a rule may not take them.
BUILT_IN_FIELDS = ("visitor_id", "visitor_visits", "visit_id", "visit_number", "visit_bounce")

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Tests = Annotated[list["Condition"], Field(min_length=1)]


class Store(Table):
    """The key of a visitor and how long it lives after the visitor's latest event."""

    key: KeyPattern = "visitor:{<id>}"
    ttl_days: Annotated[int, Field(ge=1, le=36_500)] = 395


class Limits(Table):
    """Hard bounds of one visitor's state; `docs/data-model.md` says what goes first."""

    visits: Annotated[int, Field(ge=1, le=64)] = 8
    event_ids: Annotated[int, Field(ge=1, le=1_024)] = 64
    streams: Annotated[int, Field(ge=1, le=MAX_STREAMS)] = 1_024
    value_bytes: Annotated[int, Field(ge=16, le=1_048_576)] = 4_096
    profile_bytes: Annotated[int, Field(ge=1_024, le=67_108_864)] = 262_144
    skew_minutes: Annotated[int, Field(ge=0, le=1_440)] = 60
    age_days: Annotated[int, Field(ge=1, le=3_650)] = 30


class Condition(Table):
    """One test of a predicate: the field equals a text, or is present and not empty."""

    field: FieldOfEvent
    equals: str | None = None
    present: Literal[True] | None = None

    @after_validation(mode="after")
    def _one_test(self) -> "Condition":
        if (self.equals is None) == (self.present is None):
            raise ValueError("a condition has either `equals` or `present`")
        if self.equals == "":
            raise ValueError('an empty value counts as absent, so `equals = ""` never holds')
        return self


class Visit(Table):
    """`bounce` names the visit's count that may be at most one in a bounce."""

    bounce: Name


class Rule(Table):
    """One field of the profile."""

    name: Name
    scope: Literal["visitor", "visit"]
    operation: Name
    value: FieldOfEvent | None = None
    when: Name | None = None
    decimals: Annotated[int, Field(ge=0, le=MAX_DECIMALS)] | None = None

    @after_validation(mode="after")
    def _fits_together(self) -> "Rule":
        if self.name in BUILT_IN_FIELDS:
            raise ValueError(f"{self.name} is built in, choose another name")
        if not self.name.startswith(self.scope + "_"):
            raise ValueError(f"the name of a {self.scope} field begins with {self.scope}_")
        if self.operation not in operations():
            known = ", ".join(operations())
            raise ValueError(f"no operation is called {self.operation}; there are {known}")
        if self.declared.kind_of(self.value, EVENT_TIME) is None:
            raise ValueError(self._wrong_value())
        if self.decimals is not None and self.kind != "number":
            raise ValueError(f"{self.operation} takes no number, so it has no decimals")
        return self

    def _wrong_value(self) -> str:
        taken = set(self.declared.places)
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
    def kind(self) -> Kind:
        """What the value is."""
        return cast("Kind", self.declared.kind_of(self.value, EVENT_TIME))

    @property
    def scale(self) -> int:
        """Decimals that a number is kept with."""
        return MAX_DECIMALS if self.decimals is None else self.decimals

    @property
    def type(self) -> FieldType:
        """The type of the field in the contract."""
        if self.kind == "text":
            return "string"
        return "decimal" if self.kind == "number" and self.scale else "integer"


class Rules(Table):
    """A whole rules file.

    `plain` says that ids and pages stand in the hash by their plain names too, as order arrival
    always has them.
    """

    name: Name
    order: Literal["event_time", "arrival"]
    identity: Identity
    store: Store = Store()
    limits: Limits = Limits()
    predicates: dict[Name, Tests] = Field(default_factory=dict, max_length=32)
    visit: Visit | None = None
    plain: bool = False
    fields: Annotated[list[Rule], Field(max_length=200)]

    @after_validation(mode="after")
    def _names_resolve(self) -> "Rules":
        names = [rule.name for rule in self.fields]
        codes: dict[bytes, str] = {}
        for index, rule in enumerate(self.fields):
            if names.index(rule.name) != index:
                raise _PlacedError(("fields", index, "name"), f"{rule.name} is declared twice")
            if rule.when is not None and rule.when not in self.predicates:
                raise _PlacedError(("fields", index, "when"), f"no predicate is called {rule.when}")
            if (twin := codes.setdefault(self.code_of(rule), rule.name)) != rule.name:
                message = f"shares its state code with {twin}, rename one"
                raise _PlacedError(("fields", index, "name"), message)
            if self.order not in rule.declared.orders:
                message = f"{rule.operation} is unknown to order {self.order}"
                raise _PlacedError(("fields", index, "operation"), message)
        if self.order == "event_time":
            counts = {r.name for r in self.fields if (r.scope, r.kind) == ("visit", "none")}
            if self.visit is None or self.visit.bounce not in counts:
                raise _PlacedError(("visit", "bounce"), "bounce must name a count of scope visit")
        elif self.visit is not None:
            raise _PlacedError(("visit",), "visits are remembered only with order event_time")
        if len(self.inputs) > MAX_INPUTS:
            raise _PlacedError(("fields",), f"at most {MAX_INPUTS} fields of the event may be used")
        return self

    @property
    def version(self) -> str:
        """Name and digest of the meaning: comments and layout of the file do not count."""
        return f"{self.name}-{hashlib.sha256(_canonical(self)).hexdigest()[:8]}"

    def code_of(self, rule: Rule) -> bytes:
        """The rule's name in packed state: short, and new whenever it means something else."""
        meaning = map(_canonical, [rule, *self.predicates.get(rule.when or "", [])])
        return hashlib.sha1(b"".join(meaning), usedforsecurity=False).digest()[:CODE_BYTES]

    @property
    def takes_event_time(self) -> bool:
        """Whether the event's time matters: for its order, or as a rule's value."""
        values = {rule.value for rule in self.fields}
        return self.order == "event_time" or EVENT_TIME in values

    @property
    def takes_numbers(self) -> bool:
        """Whether a rule reads a field of the event as a number."""
        return any(rule.kind == "number" for rule in self.fields)

    @property
    def inputs(self) -> list[str]:
        """The event's fields that the script receives for predicates and values, sorted."""
        tested = {test.field for tests in self.predicates.values() for test in tests}
        taken = {rule.value for rule in self.fields if rule.value and rule.value != EVENT_TIME}
        return sorted(tested | taken)


class _PlacedError(ValueError):
    """A finding of a whole-file check, with the place it belongs to."""

    def __init__(self, place: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.place = place


def _canonical(model: BaseModel) -> bytes:
    meaning = model.model_dump(mode="json", exclude_none=True)
    return json.dumps(meaning, sort_keys=True, separators=(",", ":")).encode()


def load_rules(preset_or_path: str) -> Rules:
    """Read and check a preset (by name) or a TOML file.

    Raises:
        ConfigError: a line per finding, ``file:line: rule or table: field: what is wrong``.
    """
    if preset_or_path in PRESETS:
        path = f"{preset_or_path}.toml"
        return parse_rules((files("profiler") / "_lua" / "presets" / path).read_text("utf-8"), path)
    try:
        return parse_rules(Path(preset_or_path).read_text("utf-8"), preset_or_path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"rules {preset_or_path}: {error}; or a preset: {PRESETS}") from error


def parse_rules(text: str, path: str) -> Rules:
    """Check the text of a rules file; `path` only names it in errors (see `load_rules`)."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"rules {path}: {error}") from error
    try:
        return Rules.model_validate(data)
    except ValidationError as error:
        findings = [_finding(text, path, data, each) for each in error.errors()]
        raise ConfigError("\n".join(findings)) from error


def _finding(text: str, path: str, data: dict[str, Any], error: ErrorDetails) -> str:
    cause = error.get("ctx", {}).get("error")
    place = cause.place if isinstance(cause, _PlacedError) else in_file(tuple(error["loc"]), data)
    message = error["msg"].removeprefix("Value error, ")
    where = ".".join(str(part) for part in place)
    if len(place) > 1 and place[0] == "fields" and isinstance(place[1], int):
        rule = data["fields"][place[1]]
        name = (isinstance(rule, dict) and rule.get("name")) or f"number {place[1] + 1}"
        where = ": ".join([f"rule {name}", *(str(part) for part in place[2:])])
    return f"{path}:{line_of(text, place)}: {where or 'file'}: {message}"
