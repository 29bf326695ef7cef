"""Engaged time by heartbeats. The rules are in lua/vectors/rules/engaged.toml."""

from collections.abc import Iterator

from tools.vectors.builders import Vector, vector
from tools.vectors.calls import Call, Event, Read, click, one_by_one


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield engaged(
        "engaged-time",
        "Ten seconds for a heartbeat, five for the first one of a page view; START is a whole ten "
        "seconds.",
        one_by_one(
            click(0, "A", "e1"),
            ping(5, "A", "view-1", "e2"),
            ping(9.999, "A", "view-1", "e3"),
            ping(10, "A", "view-1", "e4"),
            ping(12, "A", "view-2", "e5"),
            ping(35, "A", "view-2", "e6"),
            ping(36, "B", "view-2", "e7"),
        ),
    )
    yield engaged(
        "engaged-time-out-of-order-and-repeated",
        "Heartbeats are a set: neither order nor repeats change what they come to.",
        one_by_one(
            ping(35, "A", "v", "e1"),
            ping(5, "A", "v", "e2"),
            ping(35, "A", "v", "e1"),
            ping(25, "A", "v", "e3"),
            ping(15, "A", "w", "e4"),
            ping(15, "A", "", "e5"),
            ping(45, "A", "v", "e6")._replace(event_type="Pageview"),
        ),
    )
    yield engaged(
        "engaged-time-beyond-the-limit",
        "Of more heartbeats than the limit those of the smallest bytes stay, in any order, and "
        "every output says that it is not all.",
        one_by_one(*(ping(10 * n, "A", f"view-{n % 2}", f"e{n}") for n in (3, 0, 5, 1, 4, 2))),
    )
    yield engaged(
        "engaged-time-without-a-time",
        "A heartbeat of no time is none; a late one is the visitor's.",
        [
            Call([ping(1, "A", "v", "e1")._replace(created="", received="")]),
            Call([ping(100 * n, f"V{n}", "v", f"f{n}") for n in range(1, 9)]),
            Call([ping(0, "X", "v", "e2")]),
        ],
    )
    yield engaged(
        "engaged-time-of-an-hour",
        "360 heartbeats of one visit are kept.",
        [
            Call([ping(10 * n, "A", "v", f"e{n}") for n in range(300)]),
            Call([ping(10 * n, "A", "v", f"e{n}") for n in range(300, 362)]),
        ],
    )


def ping(seconds: float, visit: str, page_view: str, event_id: str) -> Event:
    """A heartbeat of a page view."""
    return click(seconds, visit, event_id)._replace(page=page_view)


def engaged(name: str, why: str, calls: list[Call]) -> Vector:
    """Make a vector of these rules."""
    return vector("engaged", name, why, [*calls, Read()])
