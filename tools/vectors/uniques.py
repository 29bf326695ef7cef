"""Different texts, counted and listed. The rules are in lua/vectors/rules/uniques.toml."""

from collections.abc import Iterator

from tools.vectors.builders import Vector, vector
from tools.vectors.calls import Call, Read, click, one_by_one, view


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield uniques(
        "unique-texts",
        "A text counts once, and stands in the list where its latest event was; a list of nothing "
        "is not known.",
        one_by_one(
            click(0, "A", "e1"),
            view(1, "A", "home", "e2"),
            view(3, "A", "prices", "e3"),
            view(2, "A", "blog", "e4"),
            view(4, "A", "home", "e5"),
            view(5, "B", "home", "e6"),
        ),
    )
    yield uniques(
        "unique-texts-beyond-the-limit",
        "Of more texts than the limit the latest stay, and every output says that it is not all.",
        one_by_one(
            *(view(10 * n, "A", page, f"e{n}") for n, page in enumerate("abcd")),
            view(5, "A", "e", "f1"),
            view(50, "A", "a", "f2"),
            click(51, "B", "f3"),
            view(1, "A", "c", "f4"),
        ),
    )
    yield uniques(
        "unique-texts-counted-beyond-the-limit",
        "A number of texts that stays at its limit says so, whatever lists hold.",
        one_by_one(*(click(n, "A", f"e{n}")._replace(page=f"p{n % 4}") for n in range(5))),
    )
    yield uniques(
        "unique-texts-late-and-repeated",
        "A repeat and a late event are taken too: a set is the same with them.",
        [
            Call([view(100 * n, f"V{n}", "home", f"e{n}") for n in range(1, 9)]),
            *one_by_one(
                view(1, "X", "old", "f1"),
                view(800, "V8", "other", "e8"),
                view(700, "V8", "", "f2"),
            ),
        ],
    )
    yield uniques(
        "unique-texts-ties",
        "Equal times are told apart by created, then by the bytes of the text, never by arrival.",
        one_by_one(
            *(view(1, "A", page, f"e{page}") for page in ("b", "a", "B", "ab", "c")),
            view(0, "A", "z", "e1")._replace(created="1700000001000", sent="1700000001000"),
            view(1, "A", "y", "e2")._replace(created="1699999999999"),
        ),
    )
    yield uniques(
        "unique-texts-without-a-time",
        "A text of no time is counted, and stands in no list.",
        one_by_one(
            view(0, "A", "home", "e1")._replace(created="", received=""),
            view(1, "A", "prices", "e2"),
        ),
    )
    yield uniques(
        "unique-texts-cut",
        "In a list a text is cut at 255 bytes, before a character that does not fit whole, and "
        "flagged.",
        one_by_one(
            view(0, "A", "x" * 255, "e1"),
            view(1, "A", "x" * 256, "e2"),
            view(2, "B", "x" * 254 + "\u00e9", "e3"),
            view(3, "B", "x" * 252 + "\U0001f600", "e4"),
        ),
    )


def uniques(name: str, why: str, calls: list[Call]) -> Vector:
    """Make a vector of these rules."""
    return vector("uniques", name, why, [*calls, Read()])
