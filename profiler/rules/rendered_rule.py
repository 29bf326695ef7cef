"""A rule in the words of the Lua templates: its places, its conditions, what its operation says."""

import re
from collections.abc import Mapping
from functools import cached_property
from types import SimpleNamespace
from typing import NamedTuple

from profiler.rules.model import Rules
from profiler.rules.rule import Rule


def plain_name(text: str) -> str:
    """As a comment of the script may show it: no comment ends early, whatever a rule says."""
    return re.sub(r"[^a-zA-Z0-9_.-]", "?", text)


class NumberRead(NamedTuple):
    """A number of the event: the local that holds it in units, the input, and its decimals."""

    name: str
    input: str
    decimals: int


class Input:
    """A field of the event that the rules take.

    Attributes:
        field: its name.
        name: its Lua local.
        place: its place among the event's arguments, from 0.
        taken_when: the condition under which a rule keeps its text, None where none does.
    """

    def __init__(self, rules: Rules, index: int, first_place: int) -> None:
        self.field = rules.inputs[index]
        words = re.findall(r"[a-z0-9]+", self.field.lower())
        #: No other local of the script begins with these words, and the number tells inputs apart.
        self.name = "_".join(["event", *words[-2:]])[:40] + f"_{index + 1}"
        self.place = first_place + index
        takers = [r.when for r in rules.fields if r.value == self.field and r.is_text]
        when = sorted({f"is_{name}" for name in takers if name})
        either = when[0] if len(when) == 1 else f"({' or '.join(when)})"
        self.taken_when = None if not takers else "" if None in takers else f" and {either}"


class RenderedRule:
    """One rule.

    Args:
        rule: as declared.
        rules: that it belongs to.
        inputs: by their fields.
        macros: of its operation's file, as attributes; each gives Lua text.
    """

    def __init__(
        self, rule: Rule, rules: Rules, inputs: Mapping[str, Input], macros: object
    ) -> None:
        self.name, self.scope, self.kind = rule.name, rule.scope, rule.kind
        self.late, self.is_text, self.limit = rule.declared.late, rule.is_text, rule.kept
        self.code = rules.code_of(rule)
        #: The local of each place, by suffix; `render` puts slots of a table here for many rules.
        self.place_of = dict(_locals_of(rule, {other.name for other in rules.fields}))
        #: The rule whose text this one's often is; it is stored once then.
        self.twin: RenderedRule | None = None
        self._macros = macros
        takes = rule.value is not None and rule.kind in {"text", "number"}
        self.which, self.lookback, self.parts = rule.which, rule.lookback_ms, rule.values or {}
        self._inputs = [inputs[field].name for field in rule.taken]
        self._input = inputs[rule.value or ""].name if takes else ""
        self.scale = rule.scale
        self._when = [f"is_{rule.when}"] if rule.when else []
        self._tests = rules.predicates.get(rule.when or "", [])
        self.field = rule.value
        taken = f" {plain_name(rule.value)}" if rule.value else f" {rule.which}" * bool(rule.which)
        self.meaning = f"{rule.operation}{taken}" + (f" when {rule.when}" if rule.when else "")

    def place(self, suffix: str = "") -> str:
        """The Lua place of a part of the value."""
        return self.place_of.get(suffix, "")

    @property
    def places(self) -> list[str]:
        """All places, in packed order."""
        return list(self.place_of.values())

    @property
    def formats(self) -> list[str]:
        """Of each place, as `struct` has it; ``text`` is a length and the bytes."""
        return self.say("packed").split()

    @property
    def empty(self) -> str:
        """What the places hold before any event."""
        return self.say("empty")

    @property
    def public(self) -> list[str]:
        """The values in an answer, a line each; false or nil where one is not known."""
        return self.say("public").splitlines()

    @property
    def incomplete(self) -> str:
        """An expression: whether a value that is shown lacks something for good."""
        return self.say("incomplete") if hasattr(self._macros, "incomplete") else ""

    @property
    def returned(self) -> str:
        """What is done where a forgotten visit comes back."""
        return self.say("returned") if hasattr(self._macros, "returned") else ""

    @property
    def add(self) -> str:
        """The statements that take an event."""
        value = {"text": self._input, "number": self.units}.get(self.kind, "1")
        event = SimpleNamespace(
            ms="ms", created="created", value=value, values=self._inputs, corrects=True
        )
        return self.say("add", event)

    @property
    def arrive(self) -> str:
        """The same in order of arrival."""
        return self.say("arrive")

    @property
    def units(self) -> str:
        """The local that holds the event's number."""
        return f"{self._input}_e{self.scale}"

    @property
    def number_read(self) -> NumberRead:
        """How that local comes about."""
        return NumberRead(self.units, self._input, self.scale)

    @property
    def number(self) -> str:
        """A stored number as an answer has it."""
        return f"decimal({self.place()}, {self.scale})" if self.scale else self.place()

    @property
    def text(self) -> str:
        """What order arrival stores: a text, or the time as one."""
        return 'string.format("%d", ms)' if self.kind == "event_time" else self._input

    @cached_property
    def needs(self) -> list[str]:
        """What must hold of the event, as Lua expressions."""
        implied = any(test.field == self.field for test in self._tests)
        present = [f'{self._input} ~= ""'] if self.kind == "text" and not implied else []
        return [*self._when, *present]

    @property
    def arrival_needs(self) -> list[str]:
        """The same for a rule that every event moves, in order of arrival."""
        timed = ["ms == ms"] if self.kind == "event_time" else []
        own = ['visit_id ~= ""'] if self.scope == "visit" else []
        return [*self.needs, *timed, *own] or ["true"]

    def hide(self) -> str:
        """Make a text that stands elsewhere empty."""
        return f'if {self.place()} == {self._twin_place} then {self.place()} = "" end'

    def show(self) -> str:
        """Undo `hide`, for a text that is known."""
        ms, own = self.place("ms"), self.place()
        condition = f'if {own} == "" and {ms} > NEVER and {ms} < EVER then'
        return f"{condition} {own} = {self._twin_place} end"

    @property
    def _twin_place(self) -> str:
        return self.twin.place() if self.twin else ""

    def say(self, part: str, *more: object) -> str:
        """What a macro of the operation gives; `more` stands behind the rule."""
        return str(getattr(self._macros, part)(self, *more)).strip()


def _locals_of(rule: Rule, names: set[str]) -> list[tuple[str, str]]:
    found = []
    for suffix in rule.declared.places[rule.kind]:
        name = f"{rule.name}_{suffix}" if suffix else rule.name
        while suffix and name in names:
            name += "_"
        found.append((suffix, name))
    return found


def twin_of(rule: RenderedRule, visit_rules: list[RenderedRule]) -> RenderedRule | None:
    """The visit's rule whose text a rule's often is.

    For one of the visit it is the first one over the same field, for one of the visitor the one
    with the same meaning.
    """
    alike = [each for each in visit_rules if each.is_text and each.field == rule.field]
    if not rule.is_text or not alike:
        return None
    if rule.scope == "visit":
        return alike[0] if alike[0] is not rule else None
    return next((each for each in alike if each.meaning == rule.meaning), alike[0])
