"""Counts of texts, and the most frequent. The rules are in lua/vectors/rules/tallies.toml."""

from collections.abc import Iterator

from tools.vectors.builders import Vector, vector
from tools.vectors.calls import Call, Read, click, one_by_one, view


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield tallies(
        "counts-of-texts",
        "Each text with its count, the text of the latest event first; nothing is not known.",
        one_by_one(
            click(0, "A", "e1"),
            view(1, "A", "home", "e2"),
            view(3, "A", "prices", "e3"),
            view(2, "A", "blog", "e4"),
            view(4, "A", "home", "e5"),
            view(5, "B", "home", "e6"),
            view(0.5, "A", "blog", "e7"),
        ),
    )
    yield tallies(
        "most-frequent-of-equal-counts",
        "Of equal counts the text of the latest event is the most frequent, then the one of the "
        "greater bytes.",
        one_by_one(
            view(1, "A", "b", "e1"),
            view(1, "A", "a", "e2"),
            view(1, "A", "c", "e3"),
            view(2, "A", "a", "e4"),
            view(0, "A", "b", "e5"),
        ),
    )
    yield tallies(
        "counts-beyond-the-limit",
        "Of more texts than the limit the one seen longest ago goes, with its count, and every "
        "output says that counts are missing.",
        one_by_one(
            *(view(10 * n, "A", page, f"e{n}") for n, page in enumerate("aabbcd")),
            view(5, "A", "e", "f1"),
            view(100, "A", "a", "f2"),
            click(101, "B", "f3"),
        ),
    )
    yield tallies(
        "counts-alone-beyond-the-limit",
        "Counts that are not all say so, whatever other fields hold.",
        one_by_one(*(click(n, "A", f"e{n}")._replace(page=f"p{n % 4}") for n in range(5))),
    )
    yield tallies(
        "counts-of-repeats-and-late-events",
        "A repeat and a late event count nothing.",
        [
            Call([view(100 * n, f"V{n}", "home", f"e{n}") for n in range(1, 9)]),
            *one_by_one(
                view(1, "X", "old", "f1"),
                view(800, "V8", "other", "e8"),
                view(801, "V8", "other", "f2"),
            ),
        ],
    )
    yield tallies(
        "counts-without-a-time",
        "A text of no time counts, and is the first to go.",
        one_by_one(
            view(0, "A", "home", "e1")._replace(created="", received=""),
            *(view(n, "A", page, f"f{n}") for n, page in enumerate(("prices", "home", "blog"))),
            view(0, "A", "jobs", "e2")._replace(created="", received=""),
        ),
    )
    yield tallies(
        "counts-of-texts-that-are-cut",
        "Texts with the same first 255 bytes are one, and flagged.",
        one_by_one(
            view(0, "A", "x" * 256, "e1"),
            view(1, "A", "x" * 255, "e2"),
            view(2, "A", "x" * 257, "e3"),
            click(3, "A", "e4")._replace(page="y" * 256),
            click(4, "A", "e5")._replace(page="z" * 256, event_type="Sale"),
        ),
    )


def tallies(name: str, why: str, calls: list[Call]) -> Vector:
    """Make a vector of these rules."""
    return vector("tallies", name, why, [*calls, Read()])
