"""Means. The rules are in lua/vectors/rules/mean.toml."""

from collections.abc import Iterator

from tools.vectors.builders import Vector, vector
from tools.vectors.calls import Call, Read, one_by_one
from tools.vectors.numbers import number


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield mean(
        "mean",
        "Not known before the first number; then sum by count, in whatever order they come.",
        one_by_one(
            number(0, "e1"),
            number(2, "e2", total="19.90", items="2", weight="1.25"),
            number(1, "e3", total="20", items="1", weight="1.2499"),
            number(3, "e4", total="5", items="10"),
        ),
    )
    yield mean(
        "mean-is-rounded",
        "Four decimals; a half is rounded away from zero, and zeros at the end are left out.",
        one_by_one(
            number(0, "e1", items="1", weight="0.0001", total="0.01"),
            number(1, "e2", items="1", weight="0.0002", total="0.02"),
            number(2, "e3", items="0", weight="0", total="0.01"),
            number(3, "e4", items="998", weight="0.9997", total="99.96"),
        ),
    )
    yield mean(
        "mean-carries-into-the-whole",
        "A fraction that is rounded up to one makes the whole number larger.",
        [
            Call([number(n, f"e{n}", items="0" if n == 0 else "2") for n in range(2)]),
            Call([number(9, "f0", weight="2"), number(9, "f1", weight="1.9999")]),
            Call([number(10, "f2", weight="1.9999"), number(11, "f3", weight="1.9999")]),
        ],
    )
    yield mean(
        "mean-below-zero",
        "Refunds make it negative; a mean that is rounded to zero has no sign.",
        one_by_one(
            number(0, "e1", total="-30.05", items="-3", weight="-0.0001"),
            number(1, "e2", total="10.05", items="1", weight="0"),
            number(2, "e3", total="20", items="2", weight="0"),
            number(3, "e4", total="-0.01", items="-1", weight="0"),
        ),
    )
    yield mean(
        "mean-under-a-condition-and-in-a-repeat",
        "What the rule does not take, a repeat and what is no number are not in the mean.",
        one_by_one(
            number(0, "e1", total="5")._replace(event_type="Offer"),
            number(1, "e2", total="3", items="1"),
            number(1, "e2", total="9", items="9"),
            number(2, "e3", total="much", items="1.5"),
            number(3, "e4", total="4"),
        ),
    )
    yield mean(
        "mean-of-each-visit",
        "Each visit has its own, and a late event is in none.",
        [
            Call([number(9 * n, f"e{n}", f"V{n}", weight=f"{n}", items="1") for n in range(1, 9)]),
            *one_by_one(
                number(1, "e9", "X", total="99", items="99", weight="1"),
                number(900, "e10", "V8", weight="3"),
            ),
        ],
    )
    yield mean(
        "mean-of-large-numbers",
        "A number that would carry the sum beyond 2^53 is left out, and flagged.",
        one_by_one(
            *(number(n, f"e{n}", items="9" * 15) for n in range(9)),
            number(10, "e10", items="7199254740999"),
            number(11, "e11", items="1"),
            number(12, "e12", items="1"),
            number(13, "e13", items="-" + "9" * 15, weight="-900719925474"),
            number(14, "e14", weight="-0.0991"),
            number(15, "e15", weight="-0.0001"),
            number(16, "e16", weight="900719925474"),
        ),
    )


def mean(name: str, why: str, calls: list[Call]) -> Vector:
    """Make a vector of these rules."""
    return vector("mean", name, why, [*calls, Read()])
