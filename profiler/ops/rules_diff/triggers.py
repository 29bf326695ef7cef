"""How often triggers fired by two sets of rules, and for how many visitors that differs."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from profiler.profiles.turned import Turned
from profiler.rules.model import Rules

_FIRED = "fired"


class TriggerDifferences:
    """What was found so far.

    Args:
        old: the rules that are in use.
        new: the rules that are to be.
    """

    def __init__(self, old: Rules, new: Rules) -> None:
        self._codes = [
            {each.name: rules.code_of(each) for each in rules.triggers or ()}
            for rules in (old, new)
        ]
        here, there = self._codes
        #: By trigger and by visitor, how often it fired by the old rules, and by the new ones.
        self._fired: dict[str, dict[str, list[int]]] = {name: {} for name in [*here, *there]}

    def note(self, visitor: str, old: Iterable[Turned], new: Iterable[Turned]) -> None:
        """Take what an event brought about."""
        for side, told in enumerate((old, new)):
            for each in told:
                if each.state == _FIRED:
                    self._fired[each.name].setdefault(visitor, [0, 0])[side] += 1

    def as_json(self, examples: int) -> list[dict[str, Any]]:
        """The triggers that differ, or that stored profiles do not know, as plain data.

        Args:
            examples: so many of each trigger.
        """
        told = []
        for name, fired in self._fired.items():
            codes = [known.get(name) for known in self._codes]
            differing = {who: times for who, times in fired.items() if times[0] != times[1]}
            if not differing and codes[0] == codes[1]:
                continue
            sums = [sum(times[side] for times in fired.values()) for side in (0, 1)]
            told.append(
                {
                    "name": name,
                    "old": sums[0] if codes[0] else None,
                    "new": sums[1] if codes[1] else None,
                    "visitors": len(differing),
                    "begins_anew": None not in codes and codes[0] != codes[1],
                    "examples": [
                        {"visitor": who, "old": times[0], "new": times[1]}
                        for who, times in islice(differing.items(), examples)
                    ],
                }
            )
        return told
