"""Every kind of condition. The rules are in lua/vectors/rules/predicates.toml."""

from collections.abc import Iterator

from tools.vectors.builders import Vector, vector
from tools.vectors.calls import Call, Event, Read, view

NUMBERS = (
    *("10", "10.0001", "10.00", "0011", "-0.5", "-0.5001", "-1", "1", "0.9999", "2.5", "2.5001"),
    *("0", "-0", "", "much", "1e3", "1.00001", "9" * 15, "9" * 16, "-" + "9" * 15, "900719925475"),
)
PAGES = (
    *("price", "the prices", "Price", "pric", "/blog%", "/blog%/a", "/blogs", "a/blog%", "/blog"),
    *("", "a.b", ".", "\u00e9price", "price\0"),
)
PATHS = (
    *("/a/p-1", "/a/p-", "/a/p-12x/y", "/\u00e9/p-0", "/a/b/p-1", "//p-1", "x/a/p-1", "/a/p-x1"),
    *("a-bx.pdf", "a\u65e5b].pdf", "abx.pdf", "aabbbz.pdf", "a-bx.pdfx", "a-bw.pdf", "a-bxxpdf"),
)
TYPES = ("Sale", 'Refund \\ "x"', "Refund", "sale", "Sale ", "")


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield predicates(
        "predicates-on-numbers",
        "Numbers are compared by value; what is no number is neither below nor above one.",
        [Call([event(n, total=number)]) for n, number in enumerate(NUMBERS)],
    )
    yield predicates(
        "predicates-on-texts",
        "Texts are compared byte by byte: no pattern, no case. An empty text is absent.",
        [Call([event(n, page=page)]) for n, page in enumerate(PAGES)],
    )
    yield predicates(
        "predicates-on-patterns",
        "A pattern is the whole text; a class is one character, and a plus is one or more.",
        [Call([event(n, page=page)]) for n, page in enumerate(PATHS)],
    )
    yield predicates(
        "predicates-on-one-of-several",
        "`in` is equal to one of them.",
        [Call([event(n, kind=kind)]) for n, kind in enumerate(TYPES)],
    )
    yield predicates(
        "predicates-together",
        "`all`, `any` and `none` of conditions, in each other.",
        [
            Call([event(n, kind=kind, page=page, total=total)])
            for n, (kind, page, total) in enumerate(
                [
                    ("Sale", "", "2"),
                    ("Sale", "a.b", "3"),
                    ("Click", "home", ""),
                    ("Click", "home", "0"),
                    ("Click", "home", "1"),
                    ("Click", "a.b", "0"),
                    ("Click", "", "0"),
                    ("Offer", "", "2"),
                ]
            )
        ],
    )
    yield predicates(
        "predicates-on-flags",
        "The flags of the event itself: what opens a visit, and what makes the visitor.",
        [
            Call([event(1, page="a"), event(2, page="b"), event(3, visit="B", page="c")]),
            Call([event(0, visit="A", page="d"), event(4, visit="", page="e")]),
            Call([event(5, visit="C"), event(5, visit="C")]),
        ],
    )


def event(
    seconds: int, visit: str = "A", kind: str = "Click", page: str = "", total: str = ""
) -> Event:
    """An event with an id of its own."""
    made = view(seconds, visit, page, f"e{seconds}{visit}{page}")
    return made._replace(event_type=kind, more=(total,))


def predicates(name: str, why: str, calls: list[Call]) -> Vector:
    """Make a vector of these rules."""
    return vector("predicates", name, why, [*calls, Read()])
