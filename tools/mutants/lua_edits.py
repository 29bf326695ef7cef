"""Every small change that can be made to the Lua of a template or of a rendering.

The template's own parts (Jinja) and all comments are passed over. So are texts for people: a
string with a space, and what stands in a line with `error` or `err`.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from tools.mutants.edits import Edit

_TOKEN = re.compile(
    r"""
    (?P<jinja>--\[\[[=#%].*?\]\]|^[ ]*--[%\#][^\n]*)
    |(?P<comment>--\[\[.*?\]\]|--[^\n]*)
    |(?P<string>"(?:[^"\\\n]|\\.)*")
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<name>[A-Za-z_]\w*)
    |(?P<symbol>==|~=|<=|>=|\.\.\.|\.\.|[^\s\w])
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)

_SWAPS = {
    "==": ("~=",),
    "~=": ("==",),
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "+": ("-",),
    "*": ("+",),
    "/": ("*",),
    "%": ("*",),
    "and": ("or",),
    "or": ("and",),
    "not": ("",),
    "true": ("false",),
    "false": ("true",),
    "nil": ("false",),
    "pcall": ("call",),
    "min": ("max",),
    "max": ("min",),
}
#: Lines whose strings stay: messages are for people, and a call of Redis by no name fails at once.
_KEPT_STRINGS = re.compile(r"\berr(or|or_reply)?\b|\bredis\.")
#: A condition in one line, without the template's parts in it.
_CONDITION = re.compile(
    r"\b(?:if|elseif|until) (?P<test>[^\n]+?) then(?=$| [^\n]* end$)", re.MULTILINE
)
#: A whole statement in one line; a `local` would only leave its users without a name.
_STATEMENT = re.compile(
    r"^[ ]*(?P<statement>(?!(?:local|return|end|if|elseif|else|for|while|function)\b|--)"
    r"(?:break|[A-Za-z_][^\n]*? = [^\n]*|[A-Za-z_.]+\([^\n]*\)))$",
    re.MULTILINE,
)
#: A format of `struct.pack`, and in it a place that may be another one.
_FORMAT = re.compile(r'">[iIc\d]{2,}"')
_CODE = re.compile(r"[>iI]|(?<=[iI])\d")
_CODES = {"<": ">", ">": "<", "i": "I", "I": "i"}
#: The first two arguments of a call of the script's own functions, or of two texts' search. Most
#: others fail at once by the types of their arguments, and `math.min` and `math.max` do not care.
_ARGUMENTS = re.compile(
    r"(?<!function )(?<![.\w])(?:[a-z]+_\w+|string\.find|seldom\(\)\.\w+)"
    r"\((?P<both>(?P<first>[^,()]+), (?P<second>[^,()]+))(?=[,)])"
)
_RETURN = re.compile(r"^[ ]*return (?P<value>[^\n]*[^\n,({])$", re.MULTILINE)


class _Token(NamedTuple):
    kind: str
    text: str
    start: int


def lua_edits(source: str) -> list[Edit]:
    """All changes of a template's text, in the order of the text; some may not parse as Lua.

    Args:
        source: the text of the template; it must be ASCII, so that characters are bytes.
    """
    tokens = [
        _Token(match.lastgroup or "", match[0], match.start()) for match in _TOKEN.finditer(source)
    ]
    opaque = [
        (token.start, token.start + len(token.text))
        for token in tokens
        if token.kind in ("jinja", "comment")
    ]
    found = set(_token_edits(source, tokens))
    for pattern, group, text, operator in _PIECES:
        for match in pattern.finditer(source):
            start, end = match.span(group)
            is_code = all(e <= start or s >= end for s, e in opaque) or operator == "statement"
            if is_code and not _is_inside(start, opaque):
                found.add(
                    Edit(start, end, text.format(match[group], **match.groupdict()), operator)
                )
    return sorted(found)


_PIECES = (
    (_CONDITION, "test", "true", "condition true"),
    (_CONDITION, "test", "false", "condition false"),
    (_CONDITION, "test", "not ({})", "condition turned"),
    (_STATEMENT, "statement", "", "statement"),
    (_RETURN, "value", "nil", "nothing returned"),
    (_ARGUMENTS, "both", "{second}, {first}", "arguments swapped"),
)


def _is_inside(place: int, spans: list[tuple[int, int]]) -> bool:
    return any(start <= place < end for start, end in spans)


def _token_edits(source: str, tokens: list[_Token]) -> Iterator[Edit]:
    code = [token for token in tokens if token.kind != "comment"]
    for before, token in zip([_Token("", "", 0), *code], code, strict=False):
        for text, operator in _token_changes(before, token, _line_around(source, token.start)):
            yield Edit(token.start, token.start + len(token.text), text, operator)


def _token_changes(before: _Token, token: _Token, line: str) -> Iterator[tuple[str, str]]:
    if token.kind == "number":
        yield str(float(token.text) + 1).removesuffix(".0"), "constant"
        yield str(float(token.text) - 1).removesuffix(".0"), "constant"
    elif token.kind == "string" and not _KEPT_STRINGS.search(line) and " " not in token.text:
        yield '"?"' if token.text == '""' else '""', "constant"
        if _FORMAT.fullmatch(token.text):
            yield from ((text, "format") for text in _other_formats(token.text))
    elif token.text == "-":
        is_binary = before.kind in ("number", "name", "string", "jinja") or before.text in (
            ")",
            "]",
        )
        is_binary = is_binary and before.text not in ("return", "and", "or", "not", "then")
        yield ("+", "arithmetic") if is_binary else ("", "sign left out")
    elif token.kind in ("name", "symbol"):
        for text in _SWAPS.get(token.text, ()):
            yield text, "swap"


def _other_formats(text: str) -> Iterator[str]:
    for code in _CODE.finditer(text):
        other = _CODES.get(code[0]) or str(int(code[0]) % 7 + 1)
        yield text[: code.start()] + other + text[code.end() :]


def _line_around(source: str, place: int) -> str:
    end = source.find("\n", place)
    return source[source.rfind("\n", 0, place) + 1 : end if end >= 0 else len(source)]
