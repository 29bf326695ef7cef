"""The first texts and the last ones. The rules are in lua/vectors/rules/ends.toml."""

from collections.abc import Iterator

from tools.vectors.builders import Vector, vector
from tools.vectors.calls import START, Call, Read, click, one_by_one, view


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield ends(
        "first-and-last-texts",
        "The nearest to the end stands first; a text may be there twice.",
        one_by_one(
            click(0, "A", "e1"),
            view(1, "A", "home", "e2"),
            view(2, "A", "prices", "e3"),
            view(3, "A", "home", "e4"),
            view(4, "A", "home", "e5"),
            view(5, "B", "blog", "e6"),
        ),
    )
    yield ends(
        "first-and-last-texts-out-of-order",
        "Event time decides, in whatever order events come: also what falls out.",
        one_by_one(
            *(view(n, "A", f"p{n}", f"e{n}") for n in (5, 1, 4, 2, 3, 0)),
            click(9, "A", "f1"),
        ),
    )
    yield ends(
        "first-and-last-texts-late-and-repeated",
        "A repeat is there once, a late event moves the visitor's lists.",
        [
            Call([view(100 * n, f"V{n}", f"p{n}", f"e{n}") for n in range(1, 9)]),
            *one_by_one(
                view(1, "X", "old", "f1"),
                view(800, "V8", "p8", "e8"),
                view(801, "V8", "other", "e8"),
            ),
        ],
    )
    yield ends(
        "first-and-last-texts-ties",
        "Events with the same time, created and text are one; else created, then bytes decide.",
        one_by_one(
            *(view(1, "A", page, f"e{n}") for n, page in enumerate(("b", "a", "b", "B", "ab"))),
            view(1, "A", "z", "f1")._replace(created="1699999999999", sent="1699999999998"),
            view(1, "A", "y", "f2")._replace(created=""),
        ),
    )
    yield ends(
        "first-and-last-texts-without-a-time",
        "A text of no time is neither first nor last.",
        one_by_one(
            view(0, "A", "home", "e1")._replace(created="", received=""),
            view(1, "A", "prices", "e2"),
        ),
    )
    yield ends(
        "first-and-last-texts-cut",
        "A text is cut at 255 bytes and flagged.",
        one_by_one(
            view(0, "A", "\u00e9" * 127 + "x", "e1"),
            view(1, "A", "\u00e9" * 128, "e2"),
            click(2, "A", "e3")._replace(page="y" * 256),
            click(3, "A", "e4")._replace(page="z" * 256, event_type="Sale"),
        ),
    )
    yield vector(
        "ends",
        "last-texts-by-age",
        "What is older than a minute is not shown, and an earlier now shows it again.",
        [
            *one_by_one(*(view(n, "A", f"p{n}", f"e{n}") for n in (0, 60, 61, 30, 200))),
            *(Read(now=str(START + ms)) for ms in (0, 120_000, 260_000, 260_001)),
            Read(),
        ],
    )


def ends(name: str, why: str, calls: list[Call]) -> Vector:
    """Make a vector of these rules."""
    return vector("ends", name, why, [*calls, Read()])
