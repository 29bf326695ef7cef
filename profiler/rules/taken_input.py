"""What rules take of an event, as locals of the script: its inputs, and what is chosen of them."""

import re
from collections.abc import Callable

from profiler.rules.model import Rules
from profiler.rules.value import EVENT_DAY, Choice


class Taken:
    """A local that rules take a text or a number from.

    Attributes:
        name: of the Lua local.
        taken_when: the condition under which a rule keeps its text, None where none does.
    """

    def __init__(self, rules: Rules, choice: Choice, name: str) -> None:
        self.name = name
        takers = [r.when for r in rules.fields if r.is_text and choice in r.choices]
        when = sorted({f"is_{name}" for name in takers if name})
        either = when[0] if len(when) == 1 else f"({' or '.join(when)})"
        self.taken_when = None if not takers else "" if None in takers else f" and {either}"


class Input(Taken):
    """A field of the event that the rules take.

    Attributes:
        field: its name.
        place: its place among the event's arguments, from 0.
    """

    def __init__(self, rules: Rules, index: int, first_place: int) -> None:
        self.field = rules.inputs[index]
        words = re.findall(r"[a-z0-9]+", self.field.lower())
        #: No other local of the script begins with these words, and the number tells inputs apart.
        name = "_".join(["event", *words[-2:]])[:40] + f"_{index + 1}"
        super().__init__(rules, Choice((self.field,)), name)
        self.place = first_place + index


class Chosen(Taken):
    """What is chosen of several inputs, or is no input: a constant, the event's day.

    Attributes:
        expression: that gives it, in Lua; "" where there is none.
        is_local: whether rules take it so; rules that take numbers take a constant as units.
    """

    def __init__(
        self,
        rules: Rules,
        choice: Choice,
        number: int,
        inputs: dict[str, Input],
        quoted: Callable[[str], str],
    ) -> None:
        # No other local of the script begins with this word.
        super().__init__(rules, choice, f"taken_{number}")
        names = ["date_of(ms)" if f == EVENT_DAY else inputs[f].name for f in choice.fields]
        last = quoted(choice.otherwise) if choice.otherwise or not names else names.pop()
        takers = [r.kind for r in rules.fields if choice in r.choices]
        self.is_local = bool(choice.fields) or set(takers) != {"number"}
        if not choice.fields:
            self.taken_when = None
        self.expression = " or ".join([*(f'{name} ~= "" and {name}' for name in names), last])


class Inputs:
    """All of them.

    Args:
        rules: that take them.
        first_place: of the event's fields among its arguments.
        quoted: makes a literal of Lua.

    Attributes:
        fields: the event's, in the order of its arguments.
        chosen: what is chosen of them.
        of_field: the fields' locals by the fields' names.
    """

    def __init__(self, rules: Rules, first_place: int, quoted: Callable[[str], str]) -> None:
        self.fields = [Input(rules, index, first_place) for index in range(len(rules.inputs))]
        self.of_field = {each.field: each for each in self.fields}
        self._taken: dict[Choice, Taken] = {}
        for rule in rules.fields:
            for choice in rule.choices:
                if choice.is_plain:
                    self._taken[choice] = self.of_field[choice.fields[0]]
                elif choice not in self._taken:
                    number = len(self.chosen) + 1
                    self._taken[choice] = Chosen(rules, choice, number, self.of_field, quoted)

    @property
    def chosen(self) -> list[Chosen]:
        """In the order of the rules."""
        return [each for each in self._taken.values() if isinstance(each, Chosen)]

    def name_of(self, choice: Choice) -> str:
        """The local that holds a choice."""
        return self._taken[choice].name
