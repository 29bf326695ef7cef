"""What a rule takes: the first present of several, a constant, a default, a day."""

from collections.abc import Iterator

from tools.vectors.builders import Vector, vector
from tools.vectors.calls import DAY, Call, Event, Read, click, one_by_one, view

_DAY_S = DAY // 1_000


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield values(
        "values-first-present-of-several",
        "The first present counts, in the order of the rule; an empty one is absent.",
        one_by_one(
            shop(view(0, "A", "page", "e1"), name="ada"),
            shop(view(1, "A", "page", "e2")),
            shop(view(2, "A", "", "e3"), name="bob"),
            shop(view(3, "A", "", "e4")),
        ),
    )
    yield values(
        "values-defaults",
        "What is absent has the rule's default, where the rule takes the event.",
        one_by_one(
            shop(click(0, "A", "e1")),
            shop(click(1, "A", "e2")._replace(event_type="Sale")),
            shop(click(2, "A", "e3")._replace(event_type="Sale"), name="ada", total="2.25"),
        ),
    )
    yield values(
        "values-numbers-of-several",
        "A text that is no number is there all the same: it is ignored and flagged.",
        one_by_one(
            shop(click(0, "A", "e1"), name="7"),
            shop(click(1, "A", "e2"), name="7", total="much"),
            shop(click(2, "A", "e3"), name="ada"),
            shop(click(3, "A", "e4"), total="0"),
        ),
    )
    yield values(
        "values-that-are-cut",
        "The text that is taken is cut, and no other.",
        one_by_one(
            shop(view(0, "A", "page", "e1"), name="x" * 4_097),
            shop(view(1, "A", "y" * 4_097, "e2"), name="ada"),
            shop(view(2, "A", "", "e3"), name="z" * 4_097),
        ),
    )
    leap = 951_782_400 - 1_700_000_000  # 29 February 2000
    yield values(
        "values-days",
        "A day is the event time's, in UTC; without a time there is none.",
        [
            *one_by_one(
                shop(view(0, "A", "a", "e1")),
                shop(view(_DAY_S, "A", "b", "e2")),
                shop(view(6_399, "A", "c", "e3")),  # a second before midnight
                shop(view(6_400, "A", "d", "e4")),
                shop(view(0, "A", "e", "e5"))._replace(created="", received=""),
                shop(view(_DAY_S, "A", "b", "e2")),
            ),
            *(
                Call([shop(view(leap + days * _DAY_S, "B", "l", f"f{days}"))])
                for days in (-1, 0, 1, 366, 365 * 400 + 97)
            ),
        ],
    )


def shop(event: Event, name: str = "", total: str = "") -> Event:
    """The event with these inputs."""
    return event._replace(more=(name, total))


def values(name: str, why: str, calls: list[Call]) -> Vector:
    """Make a vector of these rules."""
    return vector("values", name, why, [*calls, Read()])
