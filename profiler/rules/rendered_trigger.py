"""A trigger in the words of the Lua templates: its mark in the state, and what must hold."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from profiler.rules.condition import Condition, units
from profiler.rules.contract import PublicField
from profiler.rules.rendered_condition import Quote, expression_of, text_asked
from profiler.rules.rendered_rule import RenderedRule
from profiler.rules.trigger import Trigger


class RenderedTrigger:
    """One trigger; the state keeps its mark as it keeps a rule's number.

    Args:
        trigger: as declared.
        code: its name in packed state.
        fields: all of the profile, in the order of an answer.
        quote: makes literals.
    """

    formats = ("i7",)
    empty = "0"
    late = True
    is_text = False
    twin = None
    #: It has no value in the answer, and no event moves it before that is made.
    public: Sequence[str] = ()
    add = incomplete = ""

    def __init__(
        self, trigger: Trigger, code: bytes, fields: Sequence[PublicField], quote: Quote
    ) -> None:
        self.name, self.scope, self.code = trigger.name, trigger.scope, code
        self.field, self.meaning = None, "trigger"
        #: The local of its mark; `render` puts a slot of a table here for many rules.
        self.place_of = {"": f"trigger_{trigger.name}"}
        self.can_be_undone = trigger.can_be_undone
        #: Behind the flags, from 1.
        self._places = {field.name: place for place, field in enumerate(fields, 2)}
        self._types = {field.name: field.type for field in fields}
        self._quote = quote
        self.holds = self._all_of(trigger.when)

    def place(self, suffix: str = "") -> str:
        """The Lua place of the mark, which has one part."""
        return self.place_of[suffix]

    @property
    def places(self) -> list[str]:
        """The same, as a rule has them."""
        return [self.place()]

    @property
    def returned(self) -> str:
        """A visit that comes back may have fired it before it was forgotten: never again."""
        return f"{self.place()} = -1"

    def joined_with(self, kept: str) -> str:
        """The statements for a visit that becomes one with this one.

        The mark of the visit whose id stays is kept. What the other one fired is undone: its ids
        name a visit that is no more.
        """
        own, name = self.place(), self._quote(self.name)
        undone = f"{own} - {own} % 4 + 2"
        return "\n".join(
            [
                f"if absorbed ~= id then {kept}, {own} = {own}, {kept} end",
                f"if {own} > 0 and {own} % 2 == 1 then",
                f"  undone[#undone + 1] = {{ {name}, {undone}, absorbed }}",
                "end",
            ]
        )

    def _all_of(self, tests: Iterable[Condition]) -> str:
        return " and ".join(expression_of(each, self._of_field, self._quote) for each in tests)

    def _of_field(self, test: Condition) -> str:
        """A test of one of the answer's values."""
        name = test.field or ""
        value, type_ = f"answer[{self._places[name]}]", self._types[name]
        if test.compares_numbers or isinstance(test.equals, int | float):
            return _compared(test, value, is_text=type_ == "decimal")
        asked = text_asked(test, value, self._quote)
        if test.equals is not None or test.is_in is not None:
            return asked
        if type_ in {"list", "counts"}:
            asked = f"#{value} > 0"
            if test.contains is not None:
                asked = f"has_text({value}, {self._quote(test.contains)})"
        return f"({value} and {asked})"


def _compared(test: Condition, value: str, *, is_text: bool) -> str:
    """A comparison of numbers; a decimal is a text, compared in units of the last decimal."""
    if isinstance(test.equals, bool):
        return f"{value} == {int(test.equals)}"
    bounds = [*test.bounds]
    bounds += [("==", test.equals)] if isinstance(test.equals, int | float) else []
    shown = f"comparable({value})" if is_text else value
    asked = [
        f"{shown} {sign} {units(n) if is_text else format(Decimal(str(n)), 'f')}"
        for sign, n in bounds
    ]
    return f"({value} and {' and '.join(asked)})"


#: What the state has a place for.
Kept = RenderedRule | RenderedTrigger
