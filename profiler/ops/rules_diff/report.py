"""What differs between two sets of rules, and for how many visitors."""

from collections import Counter
from typing import Any, NamedTuple

from profiler.ops.rules_diff.triggers import TriggerDifferences
from profiler.rules.compatibility import conflicts
from profiler.rules.contract import contract_json, contract_of
from profiler.rules.model import Rules

#: So many visitors of a field are remembered with their values; an example is one of them.
_REMEMBERED = 64


class Example(NamedTuple):
    """A visitor, and the value of a field by both sets of rules."""

    visitor: str
    old: Any
    new: Any


class FieldDifference:
    """What differs in one field.

    Attributes:
        visitors: digests of those whose latest value differs.
        events: how many answers differed.
    """

    def __init__(self) -> None:
        self.visitors: set[int] = set()
        self.events = 0
        self._examples: dict[str, Example] = {}

    def note(self, visitor: str, old: Any, new: Any, *, differs: bool) -> None:  # noqa: ANN401
        """Take the values of an event."""
        if differs:
            self.events += 1
            self.visitors.add(hash(visitor))
            if visitor in self._examples or len(self._examples) < _REMEMBERED:
                self._examples[visitor] = Example(visitor, old, new)
        else:
            self.visitors.discard(hash(visitor))
            self._examples.pop(visitor, None)

    def examples(self, count: int) -> list[Example]:
        """Some of the visitors whose latest value differs."""
        return list(self._examples.values())[:count]


class Differences:
    """What was found so far.

    Args:
        old: the rules that are in use.
        new: the rules that are to be.

    Attributes:
        fields: by name, of the fields that both know.
        added: of the fields that only the new rules know: who has a value.
        dropped: of the fields that only the old rules know: likewise.
        triggers: how often they fired.
        counts: of records, and of events that only one set of rules takes.
    """

    def __init__(self, old: Rules, new: Rules) -> None:
        here = [field.name for field in contract_of(old).fields]
        there = [field.name for field in contract_of(new).fields]
        self.fields = {name: FieldDifference() for name in here if name in there}
        self.added = {name: FieldDifference() for name in there if name not in here}
        self.dropped = {name: FieldDifference() for name in here if name not in there}
        self.triggers = TriggerDifferences(old, new)
        #: By field, the name of its rule in packed state: of the old rules, of the new ones.
        self._codes = [
            {name: rules.code_of(rule) for rule in rules.fields for name in rule.names}
            for rules in (old, new)
        ]
        self.counts: Counter[str] = Counter()
        self.old, self.new = old, new
        self._visitors: set[int] = set()

    def compare(self, visitor: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        """Take the answers to one event, by the names of the fields."""
        self._visitors.add(hash(visitor))
        for name, found in self.fields.items():
            before, after = old.get(name), new.get(name)
            found.note(visitor, before, after, differs=before != after)
        for name, found in self.added.items():
            after = new.get(name)
            found.note(visitor, None, after, differs=after is not None)
        for name, found in self.dropped.items():
            before = old.get(name)
            found.note(visitor, before, None, differs=before is not None)

    @property
    def visitors(self) -> int:
        """How many visitors there were."""
        return len(self._visitors)

    def begins_anew(self, name: str) -> bool:
        """Whether the new rules do not go on with what the old ones have stored of a field."""
        here, there = (known.get(name) for known in self._codes)
        return here is not None and here != there

    def conflicts(self) -> list[str]:
        """Why both must not update the same profiles; none where they may."""
        return conflicts(*(contract_json(rules, "", "") for rules in (self.old, self.new)))

    def as_json(self, examples: int) -> dict[str, Any]:
        """All of it as plain data.

        Args:
            examples: so many of each field.
        """
        return {
            "old": self.old.version,
            "new": self.new.version,
            "visitors": self.visitors,
            **self.counts,
            "conflicts": self.conflicts(),
            "fields": [
                self._told(name, found, examples) | {"begins_anew": self.begins_anew(name)}
                for name, found in self.fields.items()
                if found.events or self.begins_anew(name)
            ],
            "added": [self._told(*each, examples) for each in self.added.items()],
            "dropped": [self._told(*each, examples) for each in self.dropped.items()],
            "triggers": self.triggers.as_json(examples),
        }

    def _told(self, name: str, found: FieldDifference, examples: int) -> dict[str, Any]:
        return {
            "name": name,
            "visitors": len(found.visitors),
            "events": found.events,
            "examples": [example._asdict() for example in found.examples(examples)],
        }
