"""The rules file: which fields a profile has, declared in TOML and checked before the start.

Over 250 lines: the checks of one model, which look at all its parts.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from pydantic import model_validator as after_validation

from profiler.rules.computed import Computed
from profiler.rules.condition import Condition, tests_in
from profiler.rules.consistency import check_consistency
from profiler.rules.derived.names import is_derived
from profiler.rules.derived.table import Derived
from profiler.rules.duration import ms_of
from profiler.rules.identity import Identity, Table
from profiler.rules.layers import Layered, layered_file, layered_text
from profiler.rules.mistakes import validated
from profiler.rules.personal import Personal, require_sense
from profiler.rules.rule import Name, Rule
from profiler.rules.tables import Limits, Store, Visit
from profiler.rules.trigger import Trigger
from profiler.rules.value import EVENT_DAY, EVENT_TIME

PRESETS = ("standard", "lean", "article")

CODE_BYTES = 3  # of a rule's code in packed state

#: In the place of a table that is wrong, so that the mistakes behind it are found too.
STAND_INS: dict[str, Any] = {
    "name": "unnamed",
    "order": "event_time",
    "identity": {"visitor": "visitor", "visit": "visit"},
    "fields": [],
}

Tests = Annotated[list[Condition], Field(min_length=1)]


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
    computed: Annotated[list[Computed] | None, Field(min_length=1, max_length=64)] = None
    triggers: Annotated[list[Trigger], Field(min_length=1, max_length=32)] | None = None

    @after_validation(mode="after")
    def _fits_together(self) -> "Rules":
        check_consistency(self)
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

    def code_of(self, rule: Rule | Trigger) -> bytes:
        """The rule's name in packed state: short, and new whenever it means something else.

        Of a rule that says what it was, the name of that one.
        """
        before = rule.before if isinstance(rule, Rule) else rule
        tests = self.predicates.get(before.when or "", []) if isinstance(before, Rule) else []
        meaning = map(_canonical, [before, *tests])
        return hashlib.sha1(b"".join(meaning), usedforsecurity=False).digest()[:CODE_BYTES]

    @property
    def derived_inputs(self) -> list[str]:
        """The inputs that are derived; they stand together, as they begin alike."""
        return [name for name in self.inputs if is_derived(name)]

    @property
    def gap_ms(self) -> int:
        """The gap that divides visits; 0 where they have ids."""
        return ms_of(self.visit.gap) if self.visit and self.visit.gap else 0

    @property
    def visit_start(self) -> Rule | None:
        """The field that says when a visit starts, whichever events it has."""
        return next(
            (
                rule
                for rule in self.fields
                if rule.scope == "visit"
                and rule.declared.earliest
                and rule.value == EVENT_TIME
                and rule.when is None
            ),
            None,
        )

    @property
    def takes_event_time(self) -> bool:
        """Whether the event's time matters: for its order, or as a rule's value."""
        values = {rule.value for rule in self.fields}
        return self.order == "event_time" or bool({EVENT_TIME, EVENT_DAY} & values)

    @property
    def takes_numbers(self) -> bool:
        """Whether a rule reads a field of the event as a number."""
        return any(rule.kind == "number" for rule in self.fields)

    @property
    def numbers(self) -> set[str]:
        """The event's fields that rules or predicates read as numbers."""
        taken = {field for r in self.fields if r.kind == "number" for field in r.taken}
        return taken | {
            test.field for test in self._field_tests() if test.compares_numbers and test.field
        }

    @property
    def compares_numbers(self) -> bool:
        """Whether a predicate compares a number."""
        return any(test.compares_numbers for test in self._field_tests())

    @property
    def patterns(self) -> list[str]:
        """What predicates match texts with."""
        return [test.matches for test in self._field_tests() if test.matches]

    def _field_tests(self) -> Iterator[Condition]:
        return (t for tests in self.predicates.values() for t in tests_in(tests))

    @property
    def inputs(self) -> list[str]:
        """The event's fields that the script receives for predicates and values, sorted."""
        tested = {test.field for test in self._field_tests() if test.field}
        taken = {field for rule in self.fields for field in rule.taken}
        return sorted(tested | taken)


def _canonical(model: BaseModel) -> bytes:
    meaning = model.model_dump(mode="json", exclude_none=True)
    return json.dumps(meaning, sort_keys=True, separators=(",", ":")).encode()


def load_rules(preset_or_path: str) -> Rules:
    """Read and check a preset (by name) or a TOML file, with what it extends.

    Raises:
        ConfigError: the file cannot be read.
        RulesError: a line per finding, ``file:line:column: rule or table: field: what is wrong``.
    """
    return rules_of(layered_file(preset_or_path))


def parse_rules(text: str, path: str) -> Rules:
    """Check the text of a rules file; `path` names it in errors (see `load_rules`)."""
    return rules_of(layered_text(text, path))


def rules_of(layered: Layered) -> Rules:
    """Check a file with what it extends. Raises as `load_rules` does."""
    return validated(Rules, layered, stand_ins=STAND_INS)
