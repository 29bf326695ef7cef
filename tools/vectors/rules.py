"""Other rules than the presets': small limits, plain fields, times under a condition, arrival."""

from collections.abc import Iterator

from tools.vectors.builders import Vector, vector
from tools.vectors.calls import (
    DAY,
    HOUR,
    START,
    Answer,
    Call,
    Event,
    Read,
    click,
    one_by_one,
    timed,
    view,
)

ARRIVAL_FIELDS = (
    *("visitor_id", "visit_id", "visitor_first_seen", "visitor_last_seen", "visitor_pageviews"),
    *("visit_events", "visit_last_page"),
)


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield small(
        "small-plain-fields",
        "Where the rules say `plain`, the hash shows ids and pages of the latest visit, and no "
        "page that is not known.",
        view(0, "A", "home", "1"),
        view(1, "A", "prices", "2"),
        click(2, "B", "3"),
    )
    yield small(
        "small-plain-fields-of-the-latest-visit",
        "An event of an older visit moves the visitor's plain fields, not the visit's.",
        view(100, "B", "blog", "1"),
        view(0, "A", "home", "2"),
    )
    yield small(
        "small-times-under-a-condition",
        "A first or last time counts only the events that its rule takes.",
        click(0, "A", "1"),
        view(5, "A", "home", "2"),
        click(9, "A", "3"),
        view(7, "A", "prices", "4"),
        view(3, "A", "", "5"),
    )
    yield small(
        "small-two-visits",
        "Two visits are kept, and one that is older than both is late.",
        view(10, "A", "a", "1"),
        view(20, "B", "b", "2"),
        view(5, "C", "c", "3"),
        view(15, "D", "d", "4"),
        view(30, "A", "a2", "5"),
    )
    yield small(
        "small-three-event-ids",
        "Three event ids are remembered.",
        *(click(n, "A", event_id) for n, event_id in enumerate("123412341")),
    )
    yield vector(
        "small",
        "small-two-streams",
        "Two streams are remembered, and the one that moved longest ago goes first.",
        [
            Call([click(n, "A", f"e{n}", offset)], stream=stream)
            for n, (stream, offset) in enumerate(
                [("s", "5"), ("t", "5"), ("s", "6"), ("u", "5"), ("t", "5"), ("s", "6"), ("s", "6")]
            )
        ],
    )
    yield small(
        "small-pages",
        "A page is cut at 16 bytes, before a character that does not fit whole.",
        view(0, "A", "0123456789abcdef", "1"),
        view(1, "A", "0123456789abcdefg", "2"),
        view(2, "A", "0123456789abcdeé", "3"),
        view(3, "A", "0123456789abcd€", "4"),
        click(4, "A", "5")._replace(page="0123456789abcdefg"),
    )
    yield small(
        "small-bounds-of-time",
        "5 minutes ahead and a day behind are allowed.",
        timed(str(START + 300_000), "ahead"),
        timed(str(START + 300_001), "too far"),
        timed(str(START - DAY), "old"),
        timed(str(START - DAY - 1), "too old"),
        timed(str(START + HOUR), "sent", sent=str(START)),
    )
    yield from arrival()


def small(name: str, why: str, *events: Event) -> Vector:
    """Make a vector of small.toml: a call per event, and a read."""
    return vector("small", name, why, [*one_by_one(*events), Read()])


def arrival() -> Iterator[Vector]:
    """By hand, for the oracle of this order is the article's program."""
    new = ["new_visitor", "new_visit"]
    seconds = [str(START + n * 1000) for n in range(10)]
    told: list[tuple[Event, list[str], list[str | None]]] = [
        (view(5, "A", "a", "1"), new, ["A", seconds[5], seconds[5], "1", "1", "a"]),
        # Arrival decides, so an older event is the last one.
        (view(2, "A", "", "2"), [], ["A", seconds[5], seconds[2], "2", "2", "a"]),
        (click(3, "B", "3"), ["new_visit"], ["B", seconds[5], seconds[3], "2", "1", "a"]),
        (view(4, "", "c", "4"), ["no_visit"], ["B", seconds[5], seconds[4], "3", "1", "a"]),
        (view(9, "A", "d", "3"), ["new_visit"], ["A", seconds[5], seconds[9], "4", "1", "d"]),
    ]
    calls = [Call([event], reply=[by_arrival(flags, values)]) for event, flags, values in told]
    last = by_arrival([], told[-1][2])["profile"]
    yield vector(
        "arrival",
        "arrival-counts-and-times",
        "In order of arrival all fields are texts; a visit that opens counts from the beginning, "
        "and keeps the pages of the one before it.",
        [*calls, Read(known=last)],
        stored=last,
    )


def by_arrival(flags: list[str], values: list[str | None]) -> Answer:
    """An answer of arrival.toml."""
    return {"flags": flags, "profile": dict(zip(ARRIVAL_FIELDS, ["alice", *values], strict=True))}
