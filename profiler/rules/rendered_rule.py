"""A rule in the words of the Lua templates: its places, its conditions, what its operation says."""

import re
from functools import cached_property
from types import SimpleNamespace
from typing import NamedTuple

from profiler.rules.model import Rules
from profiler.rules.rule import Rule
from profiler.rules.taken_input import Inputs
from profiler.rules.value import units


def plain_name(text: str) -> str:
    """As a comment of the script may show it: no comment ends early, whatever a rule says."""
    return re.sub(r"[^a-zA-Z0-9_.-]", "?", text)


class NumberRead(NamedTuple):
    """A number of the event, or of the rules.

    Attributes:
        name: of the local that holds it in units.
        input: of the event; of the rules the units themselves.
        decimals: of the event's, -1 of the rules'.
    """

    name: str
    input: str
    decimals: int


class RenderedRule:
    """One rule.

    Args:
        rule: as declared.
        rules: that it belongs to.
        inputs: of the rules.
        macros: of its operation's file, as attributes; each gives Lua text.
    """

    def __init__(self, rule: Rule, rules: Rules, inputs: Inputs, macros: object) -> None:
        self.name, self.scope, self.kind = rule.name, rule.scope, rule.kind
        self.late, self.is_text, self.limit = rule.declared.late, rule.is_text, rule.kept
        self.code = rules.code_of(rule)
        #: The local of each place, by suffix; `render` puts slots of a table here for many rules.
        self.place_of = dict(_locals_of(rule, {other.name for other in rules.fields}))
        #: Where `shown` is kept while an answer is made, of a rule that has it; as with `place_of`.
        self.shown_place = ""
        #: The rule whose text this one's often is; it is stored once then.
        self.twin: RenderedRule | None = None
        self._macros = macros
        self.which, self.lookback, self.parts = rule.which, rule.lookback_ms, rule.values or {}
        self.buckets, self.age = rule.buckets, rule.age_ms
        self._inputs = [inputs.name_of(choice) for choice in rule.choices]
        self._input = self._inputs[0] if rule.kind in {"text", "number"} else ""
        self._is_given = any(choice.otherwise for choice in rule.choices)
        self.scale = rule.scale
        self._when = [f"is_{rule.when}"] if rule.when else []
        self._tests = rules.predicates.get(rule.when or "", [])
        #: What a twin has, too.
        self.taken = rule.choices
        words = [rule.operation, *_named(rule), *(["when", rule.when] if rule.when else [])]
        self.meaning = " ".join(words + (["within", rule.window] if rule.window else []))

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
    def shown(self) -> str:
        """An expression that several values of an answer are made of."""
        return self.say("shown") if hasattr(self._macros, "shown") else ""

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
        if not self.taken[0].fields:
            return NumberRead(self.units, str(units(self.taken[0].otherwise, self.scale)), -1)
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
        fields = self.taken[0].fields if self.kind == "text" else ()
        implied = self._is_given or any(fields == (test.field,) for test in self._tests)
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


def _named(rule: Rule) -> list[str]:
    """What a rule takes, for a comment."""
    if rule.constant is not None:
        return ["a constant"]
    if isinstance(rule.value, tuple):
        return [" or ".join(map(plain_name, rule.value))]
    return [plain_name(rule.value)] if rule.value else [rule.which] if rule.which else []


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
    alike = [each for each in visit_rules if each.is_text and each.taken == rule.taken]
    if not rule.is_text or not alike:
        return None
    if rule.scope == "visit":
        return alike[0] if alike[0] is not rule else None
    return next((each for each in alike if each.meaning == rule.meaning), alike[0])
