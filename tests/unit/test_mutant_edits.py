"""Which changes `make mutants` knows, and what it leaves alone."""

import pytest

from tools.mutants.lua_edits import lua_edits
from tools.mutants.python_edits import python_edits


def python_texts(source: str) -> set[str]:
    return {edit.apply(source) for edit in python_edits(source)}


def lua_texts(source: str) -> set[str]:
    return {edit.apply(source) for edit in lua_edits(source)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", {"(a <= b)", "(a >= b)"}),
        ("é = a and b", {"é = (a or b)", "é = (a)", "é = (b)"}),
        ("not a", {"(a)"}),
        ("a + b", {"(a - b)"}),
        ("x = 7", {"x = 8", "x = 6"}),
        ("x = True", {"x = False"}),
        ("x = 'code'", {"x = ''"}),
        ("f()", {"pass"}),
        ("f(a, b)", {"pass", "(f(b, a))"}),
        ("f(a, b=c)", {"pass", "(f(a))"}),
        ("raise f", {"pass"}),
        ("a.b = c", {"pass"}),
        ("if a:\n  x()", {"if True:\n  x()", "if False:\n  x()", "if (not a):\n  x()"}),
        ("x = min(a)", {"x = (max(a))"}),
    ],
)
def test_what_is_changed_in_python(source: str, expected: set[str]) -> None:
    assert python_texts(source) >= expected


def test_an_error_that_is_handled_may_be_raised_again() -> None:
    source = "try:\n  a()\nexcept E:\n  b()\n  c()"
    assert "try:\n  a()\nexcept E:\n  raise" in python_texts(source)


@pytest.mark.parametrize(
    "source",
    [
        '"""Words."""',
        "x: list[1 + 1]",
        "def f(a: 1) -> 2: ...",
        "from a import b",
        "__all__ = ['a']",
        "_LOG.info('a', b=1)",
        "self._log.warning('a', b=1)",
        "x = 'words for people'",
        "x = f'{a + 1}'",
        "if TYPE_CHECKING:\n  x = 1",
        "X = A | B",
        "@d(1)\nclass C: ...",
        "x: int",
    ],
)
def test_what_is_left_alone_in_python(source: str) -> None:
    assert python_texts(source) == set()


def test_what_stays_the_same_is_no_change() -> None:
    source = "if True:\n  x = y"
    assert python_texts(source) == {"if False:\n  x = y", "if (not True):\n  x = y"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a == b", {"x = a ~= b", ""}),
        ("if a < 2 then", {"if a <= 2 then", "if a < 3 then", "if true then", "if false then"}),
        ("if a then", {"if not (a) then"}),
        ("if a then b = c end", {"if not (a) then b = c end", "if true then b = c end"}),
        ("return a - 1", {"return a + 1", "return nil"}),
        ("return -a", {"return a", "return nil"}),
        ("return not a", {"return  a"}),
        ('x = "code"', {'x = ""'}),
        ("  f(a)", {"  "}),
        ("x = --[[= n ]] + 1", {"x = --[[= n ]] - 1"}),
        ("x = is_late(a, b + 1, 0)", {"x = is_late(b + 1, a, 0)"}),
        ('f(">i7c0", x', {'f("<i7c0", x', 'f(">I7c0", x', 'f(">i1c0", x', 'f("", x'}),
    ],
)
def test_what_is_changed_in_a_template(source: str, expected: set[str]) -> None:
    assert lua_texts(source) >= expected


@pytest.mark.parametrize(
    "source",
    [
        "-- a comment: 1 + 1 == 2",
        "--% if a == 1",
        "--[[= a == 1 ]]",
        "--[[\na == 1\n]]",
        'f(a, "words for people"',
        'redis.call("HSET", key',
        "local function is_late(a, b)",
        "local a = string.byte(a, b)",
    ],
)
def test_what_is_left_alone_in_a_template(source: str) -> None:
    assert lua_texts(source) == set()


def test_a_change_is_told_by_its_line() -> None:
    source = "é = 1\nif a:\n  b = 2\n"
    edit = next(edit for edit in python_edits(source) if edit.apply(source).endswith("b = 3\n"))
    assert edit.line(source) == 3
    assert edit.difference(source) == "- b = 2 + b = 3"
