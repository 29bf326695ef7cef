"""The rules file: which fields a profile has, declared in TOML and checked before the start."""

import hashlib
import json
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError
from pydantic import model_validator as after_validation

from profiler.config.settings import MAX_STREAMS
from profiler.errors import ConfigError
from profiler.rules.condition import Condition
from profiler.rules.derived.names import is_derived
from profiler.rules.derived.table import Derived
from profiler.rules.identity import Identity, Table
from profiler.rules.key_pattern import KeyPattern
from profiler.rules.personal import Personal, require_sense
from profiler.rules.places import PlacedError, finding
from profiler.rules.rule import EVENT_TIME, Name, Rule

PRESETS = ("standard", "article")

#: Lua allows 200 locals in a function; an input takes up to two, a predicate one.
MAX_INPUTS = 64

CODE_BYTES = 3  # of a rule's code in packed state

Tests = Annotated[list[Condition], Field(min_length=1)]


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


class Visit(Table):
    """`bounce` names the visit's count that may be at most one in a bounce."""

    bounce: Name


class Rules(Table):
    """A whole rules file.

    `plain` says that ids and pages stand in the hash by their plain names too, as order arrival
    always has them.
    """

    name: Name
    order: Literal["event_time", "arrival"]
    identity: Identity
    derived: Derived | None = None
    personal: Personal | None = None
    store: Store = Store()
    limits: Limits = Limits()
    predicates: dict[Name, Tests] = Field(default_factory=dict, max_length=32)
    visit: Visit | None = None
    plain: bool = False
    fields: Annotated[list[Rule], Field(max_length=200)]

    @after_validation(mode="after")
    def _names_resolve(self) -> "Rules":
        _require_own_names(self.fields)
        codes: dict[bytes, str] = {}
        for index, rule in enumerate(self.fields):
            if rule.when is not None and rule.when not in self.predicates:
                raise PlacedError(("fields", index, "when"), f"no predicate is called {rule.when}")
            if (twin := codes.setdefault(self.code_of(rule), rule.name)) != rule.name:
                message = f"shares its state code with {twin}, rename one"
                raise PlacedError(("fields", index, "name"), message)
            if self.order not in rule.declared.orders:
                message = f"{rule.operation} is unknown to order {self.order}"
                raise PlacedError(("fields", index, "operation"), message)
        if self.order == "event_time":
            counts = {r.name for r in self.fields if r.scope == "visit" and r.declared.counts}
            if self.visit is None or self.visit.bounce not in counts:
                raise PlacedError(("visit", "bounce"), "bounce must name a count of scope visit")
        elif self.visit is not None:
            raise PlacedError(("visit",), "visits are remembered only with order event_time")
        if len(self.inputs) > MAX_INPUTS:
            raise PlacedError(("fields",), f"at most {MAX_INPUTS} fields of the event may be used")
        return self

    @after_validation(mode="after")
    def _flags_are_known(self) -> "Rules":
        for name, tests in self.predicates.items():
            if self.order == "arrival" and any(test.asks_flags for test in tests):
                raise PlacedError(("predicates", name), "flags are known to order event_time only")
        return self

    @after_validation(mode="after")
    def _derived_inputs_can_be_read(self) -> "Rules":
        for name in self.derived_inputs:
            (self.derived or Derived()).fields_of(name)
        return self

    @after_validation(mode="after")
    def _personal_fields_make_sense(self) -> "Rules":
        require_sense(self)
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
    def derived_inputs(self) -> list[str]:
        """Those of the inputs that are derived; they stand together, as they begin alike."""
        return [name for name in self.inputs if is_derived(name)]

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
    def numbers(self) -> set[str]:
        """The event's fields that rules or predicates read as numbers."""
        taken = {rule.value for rule in self.fields if rule.value and rule.kind == "number"}
        return taken | {
            test.field for test in self._field_tests() if test.compares_numbers and test.field
        }

    @property
    def compares_numbers(self) -> bool:
        """Whether a predicate compares a number."""
        return any(test.compares_numbers for test in self._field_tests())

    def _field_tests(self) -> Iterator[Condition]:
        return (t for tests in self.predicates.values() for each in tests for t in each.tests())

    @property
    def inputs(self) -> list[str]:
        """The event's fields that the script receives for predicates and values, sorted."""
        tested = {test.field for test in self._field_tests() if test.field}
        taken = {field for rule in self.fields for field in rule.taken}
        return sorted(tested | taken)


def _require_own_names(fields: list[Rule]) -> None:
    names = [rule.name for rule in fields]
    shown = [name for rule in fields for name in rule.names]
    for index, rule in enumerate(fields):
        if names.index(rule.name) != index:
            raise PlacedError(("fields", index, "name"), f"{rule.name} is declared twice")
        twice = [name for name in rule.names if rule.values and shown.count(name) > 1]
        if twice:
            raise PlacedError(("fields", index, "values"), f"{twice[0]} is another field, too")


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
        findings = [finding(text, path, data, each) for each in error.errors()]
        raise ConfigError("\n".join(findings)) from error
