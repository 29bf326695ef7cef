"""Largest numbers. The rules are in lua/vectors/rules/largest.toml."""

from collections.abc import Iterator

from tools.vectors.builders import Vector, vector
from tools.vectors.calls import Call, Read, one_by_one
from tools.vectors.numbers import number


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield largest(
        "largest",
        "Not known before the first number; then the largest, in whatever order they come.",
        one_by_one(
            number(0, "e1"),
            number(1, "e2", total="19.90", items="2", weight="1.25"),
            number(2, "e3", total="20", items="1", weight="1.2499"),
            number(3, "e4", total="5", items="10"),
        ),
    )
    yield largest(
        "largest-of-negative-numbers",
        "A number below zero may be the largest.",
        one_by_one(
            number(0, "e1", total="-30.05", items="-3", weight="-0.0002"),
            number(1, "e2", total="-30.06", items="-2", weight="-0.0001"),
            number(2, "e3", total="0", items="0", weight="0"),
        ),
    )
    yield largest(
        "largest-under-a-condition",
        "A number of an event that the rule does not take is not looked at.",
        one_by_one(
            number(0, "e1", total="5")._replace(event_type="Offer"),
            number(1, "e2", total="3"),
        ),
    )
    yield largest(
        "largest-in-a-repeat",
        "A repeat merges: the largest of all copies stands.",
        one_by_one(
            number(0, "e1", total="5", items="1"),
            number(0, "e1", total="6", items="1"),
            number(0, "e1", total="4", items="7"),
        ),
    )
    yield largest(
        "largest-late",
        "A late event moves no maximum.",
        [
            Call([number(100 * n, f"e{n}", f"V{n}", total="7", items="1") for n in range(1, 9)]),
            *one_by_one(number(1, "e9", "X", total="99", items="99", weight="1")),
        ],
    )
    yield largest(
        "largest-of-each-visit",
        "Each visit has its own; one that was forgotten begins anew.",
        [
            Call([number(n, f"e{n}", f"V{n}", weight=f"{9 - n}", items="1") for n in range(9)]),
            *one_by_one(
                number(100, "e10", "V0", weight="0.5", items="-1"),
                number(101, "e11", "V8", weight="0.5", items="3"),
            ),
        ],
    )
    yield largest(
        "largest-bad-and-too-large",
        "What is no number, has too many decimals or is too large is ignored and flagged.",
        one_by_one(
            number(0, "e1", total="1", items="1", weight="1"),
            number(1, "e2", total="2.001"),
            number(2, "e3", weight="900719925475"),
            number(3, "e4", items="2.0"),
            number(4, "e5", weight="900719925474", items="999999999999999"),
        ),
    )


def largest(name: str, why: str, calls: list[Call]) -> Vector:
    """Make a vector of these rules."""
    return vector("largest", name, why, [*calls, Read()])
