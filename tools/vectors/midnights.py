"""Visits that end at midnight. The rules are midnight.toml and summer.toml in lua/vectors/rules."""

from collections.abc import Iterator
from datetime import datetime

from tools.vectors.builders import Vector, vector
from tools.vectors.calls import START, Event, Read, one_by_one
from tools.vectors.gaps import event

#: Where midnight is in Kathmandu, in ms.
MIDNIGHT = 1_700_072_100_000


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    day = (MIDNIGHT - START) / 60_000
    yield midnight(
        "gap-midnight",
        "No gap is too long, but midnight lies between: an event just before it is of another day.",
        event("a", day),
        event("b", day - 1 / 60_000),
        event("c", day + 200),
        event("d", day - 200),
        event("e", day + 1440),
        event("f", day + 1440 - 1 / 60_000),
    )
    yield midnight(
        "gap-midnight-bridge",
        "Two visits of one day are joined, and the hash shows the latest visit.",
        event("a", day + 1),
        event("b", day + 300),
        event("c", day - 100),
        event("d", day + 150),
        event("e", day + 2),
    )
    yield summer(
        "gap-midnight-in-autumn",
        "The day on which the clocks go back has 25 hours, and midnight is an hour later.",
        at("2023-10-28T21:59:59.999Z", "a"),
        at("2023-10-28T22:00:00Z", "b"),
        *(at(f"2023-10-29T{hour:02}:00:00Z", f"c{hour}") for hour in (1, 4, 7, 10, 13, 16, 19)),
        at("2023-10-29T22:30:00Z", "d"),
        at("2023-10-29T23:00:00Z", "e"),
    )
    yield summer(
        "gap-midnight-in-spring",
        "The day on which they go forward has 23.",
        at("2026-03-28T22:59:59Z", "a"),
        at("2026-03-28T23:00:00Z", "b"),
        at("2026-03-29T21:59:59Z", "c"),
        at("2026-03-29T22:00:00Z", "d"),
        *(at(f"2026-03-29T{hour:02}:00:00Z", f"e{hour}") for hour in range(19, 0, -3)),
    )
    yield summer(
        "gap-midnight-without-a-summer",
        "Of years that the script does not know nothing is summer.",
        at("1973-01-01T22:59:59Z", "a"),
        at("1973-01-01T23:00:00Z", "b"),
        at("2100-01-01T22:59:59Z", "c"),
        at("2100-01-01T23:00:00Z", "d"),
    )


def at(utc: str, event_id: str) -> Event:
    """A page view at that time, received at once."""
    ms = int(datetime.fromisoformat(utc).timestamp() * 1000)
    told = event(event_id, (ms - START) / 60_000)
    return told._replace(received=told.created)


def summer(name: str, why: str, *events: Event) -> Vector:
    """Make a vector of summer.toml."""
    calls = one_by_one(*(each._replace(more=()) for each in events))
    return vector("summer", name, why, [*calls, Read()])


def midnight(name: str, why: str, *events: Event) -> Vector:
    """Make a vector of midnight.toml, which takes no other fields than type and page."""
    calls = one_by_one(*(each._replace(more=()) for each in events))
    return vector("midnight", name, why, [*calls, Read()])
