"""Conditions as Lua expressions, whatever they ask: a field of the event, or of the profile."""

from collections.abc import Callable

from profiler.rules.condition import Condition
from profiler.rules.pattern import pieces_of

#: A Lua string literal of a text, or of bytes.
Quote = Callable[[str | bytes], str]


def expression_of(test: Condition, of_field: Callable[[Condition], str], quote: Quote) -> str:
    """One condition, with those inside of it.

    Args:
        test: of a flag, of a field, or several of them.
        of_field: the expression of a test of a field.
        quote: makes literals.
    """
    if test.flag is not None:
        return f'string.find(flags .. " ", {quote(f" {test.flag} ")}, 1, true) ~= nil'
    if test.field is None:
        word = " and " if test.all_of else " or "
        found = f"({word.join(expression_of(each, of_field, quote) for each in test.parts)})"
        return f"not {found}" if test.none_of else found
    return of_field(test)


def text_asked(test: Condition, value: str, quote: Quote) -> str:
    """What is asked of a text, where no number is compared.

    Args:
        test: of a field.
        value: the Lua expression of the text.
        quote: makes literals.
    """
    if test.is_in is not None:
        return f"({' or '.join(f'{value} == {quote(text)}' for text in test.is_in)})"
    if test.contains is not None:
        return f"string.find({value}, {quote(test.contains)}, 1, true) ~= nil"
    if test.matches is not None:
        return matching(value, test.matches, quote)
    if test.starts_with is not None:
        length = len(test.starts_with.encode())
        return f"string.sub({value}, 1, {length}) == {quote(test.starts_with)}"
    return f"{value} == {quote(test.equals)}" if isinstance(test.equals, str) else f'{value} ~= ""'


def matching(value: str, pattern: str, quote: Quote) -> str:
    """Whether a text matches a pattern."""
    pieces = [quote(piece) for piece in pieces_of(pattern)]
    if len(pieces) == 1:
        return f"string.find({value}, {pieces[0]}) ~= nil"
    return f"has_in_turn({value}, {{ {', '.join(pieces)} }})"
