"""Touches, first and last. The rules are in lua/vectors/rules/touches.toml."""

from collections.abc import Iterator, Sequence

from tools.vectors.builders import Vector, vector
from tools.vectors.calls import DAY, START, Call, Event, Read, one_by_one, view

MINUTE = 60


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield touches(
        "touches",
        "A touch is taken whole: what the event does not have is null, and never filled later.",
        one_by_one(
            touch(0, "A", "home", "e1", source="google"),
            touch(1, "A", "prices", "e2", medium="cpc", campaign="spring"),
            touch(2, "A", "blog", "e3"),
            touch(3, "B", "home", "e4", source="news", medium="email", campaign="may"),
            touch(4, "B", "", "e5", source="bing"),
            touch(5, "B", "jobs", "e6"),
        ),
    )
    yield touches(
        "touches-out-of-order",
        "Event time decides: a first touch moves to the earlier event, a last one stays.",
        one_by_one(
            touch(5, "A", "home", "e1", source="google", medium="cpc"),
            touch(3, "A", "home", "e2"),
            touch(4, "A", "home", "e3", source="bing"),
            touch(1, "A", "", "e4", source="news"),
        ),
    )
    yield touches(
        "touches-ties",
        "Equal times are told apart by created, then by the bytes: each text behind its length.",
        one_by_one(
            touch(1, "A", "home", "e1", source="b", medium="a"),
            touch(1, "A", "home", "e2", source="a", medium="b"),
            touch(1, "A", "home", "e3", source="aa"),
            touch(1, "A", "home", "e4"),
            touch(1, "A", "home", "e5", source="z")._replace(created=""),
            touch(1, "A", "home", "e6", source="y")._replace(created="", received=""),
        ),
    )
    late = START + 1_000 + DAY
    yield touches(
        "touches-lookback",
        "A last touch is shown as long as it is not older than its lookback, as of now.",
        [
            *one_by_one(
                touch(1, "A", "home", "e1", source="google"),
                touch(1 + 30 * MINUTE, "A", "", "e2"),
                touch(2 + 30 * MINUTE, "A", "", "e3"),
            ),
            *(Read(str(now)) for now in (late, late + 1, START)),
            *one_by_one(
                touch(2 + DAY // 1000, "A", "prices", "e4"),
                touch(3 + DAY // 1000, "B", "prices", "e5", medium="email"),
            ),
        ],
    )
    yield touches(
        "touches-late-and-repeated",
        "A repeat and a late event are taken: a touch is the same with them.",
        [
            Call([touch(100 * n, f"V{n}", "home", f"e{n}", source=f"s{n}") for n in range(1, 9)]),
            *one_by_one(
                touch(1, "X", "old", "f1", source="old"),
                touch(850, "V8", "home", "e8", source="again"),
            ),
        ],
    )
    yield touches(
        "touches-cut",
        "Each text is cut at 255 bytes, and flagged.",
        one_by_one(
            touch(0, "A", "home", "e1", source="x" * 255, medium="y"),
            touch(1, "A", "home", "e2", source="x", medium="\u00e9" * 128),
            touch(2, "A", "home", "e3", campaign="x" * 256),
            touch(3, "A", "home", "e4", medium="m" * 255),
        ),
    )


def touch(
    seconds: int,
    visit: str,
    page: str,
    event_id: str,
    *,
    campaign: str = "",
    medium: str = "",
    source: str = "",
) -> Event:
    """A page view that says where it came from."""
    return view(seconds, visit, page, event_id)._replace(more=(campaign, medium, source))


def touches(name: str, why: str, calls: Sequence[Call | Read]) -> Vector:
    """Make a vector of these rules."""
    return vector("touches", name, why, [*calls, Read()])
