"""Every small change that can be made to a Python module.

Passed over: annotations, docstrings, decorators, imports, calls of a log, texts for people (a
string with a space, an f-string), `__all__`, and what only the type checker reads.
"""

import ast
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from tools.mutants.edits import Edit
from tools.mutants.python_operators import FOR_PEOPLE, changes_of

_PASSED_OVER_FIELDS = {"annotation", "returns", "decorator_list", "bases", "pattern", "ctx"}
_PASSED_OVER_NAMES = {"__all__", "__slots__"}
_LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def python_edits(source: str) -> list[Edit]:
    """All changes of a module's text, in the order of the text.

    Args:
        source: the text of the module.

    Returns:
        Changes after which the module still compiles, and differs.
    """
    tree = ast.parse(source)
    starts = list(accumulate(map(len, source.encode().splitlines(keepends=True)), initial=0))
    found: set[Edit] = set()
    for node in _visible(tree):
        for operator, replacement in changes_of(node):
            spot = _spot(node)
            start = starts[spot[0].lineno - 1] + spot[0].col_offset
            end = starts[(spot[1].end_lineno or 0) - 1] + (spot[1].end_col_offset or 0)
            found.add(Edit(start, end, _text(replacement), operator))
    before = ast.dump(tree)
    return sorted(edit for edit in found if _is_another(edit.apply(source), before))


def _visible(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_passed_over(node, field, child):
                yield from _visible(child)


def _is_passed_over(parent: ast.AST, field: str, child: ast.AST) -> bool:
    if field in _PASSED_OVER_FIELDS:
        return True
    match child:
        case ast.Import() | ast.ImportFrom() | ast.JoinedStr() | ast.Expr(value=ast.Constant()):
            found = True
        case ast.Call(func=ast.Attribute(value=receiver, attr=attr)) if attr in _LOG_METHODS:
            found = "log" in ast.unparse(receiver).lower()
        case ast.Expr(value=ast.Call() as call):
            found = _is_passed_over(child, "value", call)
        case ast.If(test=test):
            found = ast.unparse(test).endswith("TYPE_CHECKING")
        case ast.Assign(targets=[ast.Name(id=name)]) if name in _PASSED_OVER_NAMES:
            found = True
        case ast.Assign(value=ast.Subscript() | ast.BinOp(op=ast.BitOr())):
            found = isinstance(parent, ast.Module)  # an alias of a type
        case ast.keyword(arg=name):
            found = name in FOR_PEOPLE
        case _:
            found = False
    return found


def _spot(node: ast.AST) -> tuple[Any, Any]:
    """The nodes with which the replaced text begins and ends."""
    match node:
        case ast.If() | ast.While():
            return node.test, node.test
        case ast.ExceptHandler():
            return node.body[0], node.body[-1]
        case _:
            return node, node


def _text(replacement: ast.AST | None) -> str:
    if replacement is None:
        return "pass"
    text = ast.unparse(replacement)
    is_bare = isinstance(replacement, ast.stmt | ast.Constant)
    return text if is_bare else f"({text})"


def _is_another(source: str, before: str) -> bool:
    try:
        tree = ast.parse(source)
        compile(tree, "a mutant", "exec")
    except SyntaxError:
        return False
    return ast.dump(tree) != before
