"""What may take the place of one node of Python's syntax tree."""

import ast
import builtins
import copy
from collections.abc import Callable, Iterator
from typing import Any

#: What takes a node's place, and the kind of the change; None replaces a statement by `pass`.
Change = tuple[str, ast.AST | None]

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
#: Keywords whose values are names for people, as of threads.
FOR_PEOPLE = {"thread_name_prefix"}
_TWINS = {"min": "max", "max": "min", "any": "all", "all": "any", "takewhile": "filter"}


def changes_of(node: ast.AST) -> Iterator[Change]:
    """All changes of one node; none of what is below it."""
    for kind, changes in _OPERATORS.items():
        if isinstance(node, kind):
            yield from changes(node)


def _compare(node: ast.Compare) -> Iterator[Change]:
    for at, op in enumerate(node.ops):
        for other in _COMPARISONS[type(op)]:
            ops = [*node.ops[:at], other(), *node.ops[at + 1 :]]
            yield "comparison", _with(node, ops=ops)


def _bool_op(node: ast.BoolOp) -> Iterator[Change]:
    yield "and or", _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    for at in range(len(node.values)):
        rest = node.values[:at] + node.values[at + 1 :]
        yield "condition left out", _with(node, values=rest) if len(rest) > 1 else rest[0]


def _unary(node: ast.UnaryOp) -> Iterator[Change]:
    yield "not or sign left out", node.operand


def _bin_op(node: ast.BinOp) -> Iterator[Change]:
    if other := _ARITHMETIC.get(type(node.op)):
        yield "arithmetic", _with(node, op=other())


def _constant(node: ast.Constant) -> Iterator[Change]:
    for value in _other_values(node.value):
        yield "constant", ast.Constant(value)


def _other_values(value: object) -> list[Any]:
    match value:
        case bool():
            return [not value]
        case int():
            return [value + 1, value - 1]
        case float():
            return [value * 4]
        case str() if " " not in value:
            return ["" if value else "?"]
        case bytes():
            return [b"" if value else b"?"]
        case _:
            return []


def _if_exp(node: ast.IfExp) -> Iterator[Change]:
    for operator, test in _tests(node.test):
        yield operator, _with(node, test=test)


def _if(node: ast.If) -> Iterator[Change]:
    yield from _tests(node.test)


def _tests(test: ast.expr) -> Iterator[Change]:
    yield "condition true", ast.Constant(value=True)
    yield "condition false", ast.Constant(value=False)
    yield "condition turned", ast.UnaryOp(ast.Not(), test)


def _while(_: ast.While) -> Iterator[Change]:
    yield "condition false", ast.Constant(value=False)


def _call(node: ast.Call) -> Iterator[Change]:
    if isinstance(node.func, ast.Name) and node.func.id in _TWINS:
        yield "function", _with(node, func=ast.Name(_TWINS[node.func.id]))
    # A builtin with swapped arguments (`isinstance`, `map`) fails at once, wherever it stands.
    is_builtin = isinstance(node.func, ast.Name) and hasattr(builtins, node.func.id)
    if len(node.args) > 1 and not is_builtin and not isinstance(node.args[0], ast.Starred):
        args = [node.args[1], node.args[0], *node.args[2:]]
        yield "arguments swapped", _with(node, args=args)
    for at, keyword in enumerate(node.keywords):
        if keyword.arg not in FOR_PEOPLE:
            keywords = node.keywords[:at] + node.keywords[at + 1 :]
            yield "argument left out", _with(node, keywords=keywords)


def _drop(_: ast.stmt) -> Iterator[Change]:
    yield "statement left out", None


def _expr(node: ast.Expr) -> Iterator[Change]:
    if isinstance(node.value, ast.Call | ast.Await):
        yield "statement left out", None


def _assign(node: ast.Assign) -> Iterator[Change]:
    # Without a name's only assignment the module fails at once, which says nothing about tests.
    if not isinstance(node.targets[0], ast.Name):
        yield "statement left out", None


def _return(node: ast.Return) -> Iterator[Change]:
    if node.value is not None:
        yield "nothing returned", ast.Return(ast.Constant(None))


def _handler(_: ast.ExceptHandler) -> Iterator[Change]:
    yield "error raised again", ast.Raise()


_OPERATORS: dict[type[ast.AST], Callable[[Any], Iterator[Change]]] = {
    ast.Compare: _compare,
    ast.BoolOp: _bool_op,
    ast.UnaryOp: _unary,
    ast.BinOp: _bin_op,
    ast.Constant: _constant,
    ast.IfExp: _if_exp,
    ast.If: _if,
    ast.While: _while,
    ast.Call: _call,
    ast.Expr: _expr,
    ast.Assign: _assign,
    ast.AugAssign: _drop,
    ast.Delete: _drop,
    ast.Raise: _drop,
    ast.Continue: _drop,
    ast.Break: _drop,
    ast.Return: _return,
    ast.ExceptHandler: _handler,
}


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed
