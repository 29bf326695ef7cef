"""The preset `standard`: what it has more than `lean`. Rules in lua/presets/standard.toml."""

from collections.abc import Iterator, Sequence

from tools.vectors.builders import Vector, vector
from tools.vectors.calls import DAY, START, Call, Event, Read, click, one_by_one, view

SHOP = "https://shop.example/"
#: Campaign, channel, click id, medium, source, as the worker derives them.
DIRECT = ("", "Direct", "", "", "")
SEARCH = ("", "Organic Search", "", "organic", "google")
PAID = ("spring", "Paid Search", "Cj0", "cpc", "google")
NEWS = ("may", "Email", "", "email", "news")


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield from _touches()
    yield from _engagement()
    yield from _days()


def _touches() -> Iterator[Vector]:
    yield standard(
        "standard-touches",
        "A visit's first event with an address says who sent it, the channel too; the visitor's "
        "last touch is the last one that somebody sent.",
        one_by_one(
            sent(PAID, view(0, "A", "home", "e1")),
            sent(DIRECT, view(1, "A", "prices", "e2")),
            sent(DIRECT, view(2, "B", "home", "e3")),
            sent(NEWS, view(3, "C", "home", "e4")),
            click(4, "D", "e5")._replace(before=("",) * 5, more=("",) * 3),
        ),
    )
    yield standard(
        "standard-touches-out-of-order",
        "Event time decides about touches, landing page and duration, not arrival.",
        one_by_one(
            sent(DIRECT, view(9, "A", "prices", "e1"), "prices"),
            sent(SEARCH, view(5, "A", "home", "e2"), "home"),
            sent(NEWS, view(7, "A", "blog", "e3"), "blog"),
            sent(NEWS, click(1, "A", "e4")),
        ),
    )
    late = 90 * DAY
    yield standard(
        "standard-lookback",
        "A last touch of more than 90 days ago is not shown; a first one is for ever.",
        [
            *one_by_one(sent(PAID, view(0, "A", "home", "e1"))),
            *(Read(str(START + now)) for now in (0, late, late + 1)),
            *one_by_one(sent(DIRECT, view(late / 1000 + 1, "B", "home", "e2"))),
        ],
    )
    yield standard(
        "standard-late-and-repeated",
        "A late event moves the visitor's touches, and a repeat changes nothing.",
        [
            Call([sent(SEARCH, view(100 * n, f"V{n}", "home", f"e{n}")) for n in range(1, 9)]),
            *one_by_one(
                sent(PAID, view(1, "X", "old", "f1")),
                sent(SEARCH, view(800, "V8", "home", "e8")),
                sent(NEWS, view(900, "Y", "new", "f2")),
                sent(NEWS, view(101, "V1", "back", "f3"), "back"),
            ),
        ],
    )
    yield standard(
        "standard-cut",
        "An address is cut at 4,096 bytes, a text of a touch at 255, both at a character.",
        one_by_one(
            sent(("\u00e9" * 128, "Other", "", "", ""), view(0, "A", "home", "e1"), "é" * 2_048),
            sent(("c" * 255, "Other", "", "", ""), view(1, "B", "home", "e2"), "x" * 4_075),
        ),
    )


def _engagement() -> Iterator[Vector]:
    yield standard(
        "standard-engaged-by-views",
        "Two page views make a visit engaged, however often the second is sent.",
        one_by_one(
            *[sent(DIRECT, view(0, "A", "home", "e1"))] * 2,
            sent(DIRECT, view(1, "A", "", "e2")),
            sent(DIRECT, view(1, "A", "", "e2")),
        ),
    )
    yield standard(
        "standard-engaged-by-time",
        "Heartbeats of more than ten seconds do so: 5 s for the first of a page, 10 s for others.",
        one_by_one(
            sent(DIRECT, view(0, "A", "home", "e1")),
            *(ping(10 * n, "A", f"p{n}") for n in (1, 1, 2)),
            ping(11, "A", "p3"),
            ping(15, "B", "q1"),
            ping(15, "B", "q2", "prices"),
        ),
    )
    yield standard(
        "standard-engaged-by-conversion",
        "So does a conversion, and a visit of nothing else is no bounce and none that is known.",
        one_by_one(
            sent(DIRECT, view(0, "A", "home", "e1")),
            sent(DIRECT, click(1, "A", "e2"), order="o-1"),
            sent(DIRECT, click(2, "B", "e3"), order="o-2"),
            sent(DIRECT, click(3, "B", "e3"), order="o-2"),
            sent(DIRECT, view(4, "B", "home", "e4")),
        ),
    )
    yield standard(
        "standard-bounce-not-known",
        "Whether a visit bounces is not known while neither a page view nor a heartbeat came.",
        one_by_one(
            sent(DIRECT, click(0, "A", "e1")),
            sent(DIRECT, click(1, "", "e2")),
            ping(2, "A", "e3"),
            sent(DIRECT, view(3, "A", "home", "e4")),
        ),
    )
    yield standard(
        "standard-without-times",
        "An event without a time counts, and has neither duration nor touch nor heartbeat.",
        one_by_one(
            sent(PAID, view(0, "A", "home", "e1"))._replace(received="", created=""),
            ping(0, "A", "e2")._replace(received="", created=""),
            sent(DIRECT, view(3, "A", "home", "e3")),
        ),
    )


def _days() -> Iterator[Vector]:
    yield standard(
        "standard-active-days",
        "Days count by event time, whatever order they come in, and those of the latest 30.",
        [
            *one_by_one(
                *(sent(DIRECT, view(day * 86_400, "A", "home", f"d{day}")) for day in (9, 0, 0, 3)),
                sent(DIRECT, view(31 * 86_400, "B", "home", "d31")),
                sent(DIRECT, view(2 * 86_400, "A", "home", "d2")),
            ),
            *(Read(str(START + day * DAY)) for day in (31, 38, 39, 61)),
        ],
    )
    yield standard(
        "standard-page-view-id",
        "Two views of one page have heartbeats of their own where the tracker names them.",
        one_by_one(
            *(
                ping(seconds, "A", f"p{seconds}")._replace(more=(SHOP, view_id, ""))
                for seconds, view_id in ((0, "v1"), (1, "v2"), (11, "v1"), (12, ""), (13, "v2"))
            )
        ),
    )


def sent(touch: tuple[str, ...], event: Event, path: str = "", order: str = "") -> Event:
    """An event with an address, and what the worker derives from it and its referrer."""
    return event._replace(before=touch, more=(f"{SHOP}{path}", "", order))


def ping(seconds: int, visit: str, event_id: str, path: str = "") -> Event:
    """A heartbeat."""
    made = click(seconds, visit, event_id)._replace(event_type="Page ping")
    return sent(DIRECT, made, path)


def standard(name: str, why: str, calls: Sequence[Call | Read]) -> Vector:
    """Make a vector of the preset."""
    return vector("standard", name, why, [*calls, Read()])
