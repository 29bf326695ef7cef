"""Visits by a gap of event times. The rules are in lua/vectors/rules/gaps.toml."""

from collections.abc import Iterator
from itertools import permutations

from tools.vectors.builders import Vector, vector
from tools.vectors.calls import HOUR, START, Call, Event, Read, one_by_one

MINUTE = 60


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield from dividing()
    yield from bridges()
    yield from limits()


def dividing() -> Iterator[Vector]:
    """Which visit an event is of."""
    yield gaps(
        "gap-visits",
        "A visit goes on while no gap is longer than half an hour, by event times and to both "
        "sides; one more ms opens another.",
        one_by_one(
            event("e1", 100),
            event("e2", 130),
            event("e3", 160 + 1 / 60_000),
            event("e4", 160),
            event("e5", 130 + 1 / 60_000),
            event("e6", 70),
            event("e7", 220),
            event("e8", 39),
        ),
    )
    yield gaps(
        "gap-visits-in-one-call",
        "Events of one call find their visits as those of many calls do.",
        [Call([event(f"e{at}", at) for at in (0, 40, 20, 100, 70)])],
    )
    yield gaps(
        "gap-visits-without-a-time",
        "An event of no time is of no visit: nothing says which.",
        one_by_one(
            event("e1", 0), event("e2", 0)._replace(created="", received=""), event("e3", 1)
        ),
    )
    yield gaps(
        "gap-visits-ignore-an-id",
        "What stands in the place of the visit's id says nothing.",
        one_by_one(event("e1", 0)._replace(visit_id="A"), event("e2", 40)),
    )
    yield gaps(
        "gap-visits-repeated",
        "A repeat has the time of its first, so it finds the visit that knows it; without an id "
        "the content says that it is one.",
        one_by_one(
            *(event("e1", 0), event("e2", 40), event("e1", 0), event("", 1), event("", 1)),
            *(event("e2", 40), event("", 41)),
        ),
    )
    yield gaps(
        "gap-visits-replayed",
        "An event at or below the watermark is shown its visit, joins none and opens none.",
        [
            Call([event("e1", 0, "1"), event("e2", 50, "2")], stream="s"),
            Call([event("e2", 50, "2"), event("e1", 0, "1")], stream="s"),
            Call([event("e3", 200, "1"), event("e4", 60, "0")], stream="s"),
        ],
    )
    yield gaps(
        "gap-visits-replayed-at-the-watermark",
        "The same of one that stands at the watermark itself, near to two visits or to none.",
        [
            Call([event("e1", 50, "1"), event("e2", 0, "2")], stream="s"),
            Call([event("e3", 25, "2"), event("e4", 300, "2")], stream="s"),
        ],
    )


def bridges() -> Iterator[Vector]:
    """Events that are near to several visits."""
    # A visit of three events, then one of two; between them lie 50 minutes.
    first = [
        event("e1", 0, "", "home", ("10", "mail", "news")),
        event("e2", 5, "", "prices", ("2.50", "", "")),
        event("e3", 10, "", "home", ("", "cpc", "search")),
    ]
    second = [
        event("e4", 60, "", "home", ("7", "", "partner")),
        event("e5", 65, "", "blog", ("-1", "social", "friends")),
    ]
    bridge = event("e6", 35, "", "about", ("4", "", ""))
    after = event("e7", 120, "", "later", ("1", "", ""))
    yield gaps(
        "gap-bridge",
        "An event that lies near to two visits makes them one, in every field, and says so. There "
        "is one visit less, and what comes again counts once.",
        one_by_one(*first, *second, bridge, *second, *first, bridge, after),
    )
    yield gaps(
        "gap-bridge-later-visit-first",
        "The id of the earlier start survives, whichever visit was opened first.",
        one_by_one(*second, *first, bridge, *first, *second),
    )
    yield gaps(
        "gap-bridge-in-one-call",
        "The same in one call, whose visits were never written.",
        [Call([*second, *first, bridge, after])],
    )
    for number, order in enumerate(permutations((event("a", 0), event("b", 25), event("c", 50)))):
        yield gaps(
            f"gap-bridge-permutation-{number}",
            "In every order the same visit, but for the id and the number.",
            one_by_one(*order),
        )
    yield gaps(
        "gap-bridge-numbers",
        "Visits that were opened behind the one that vanishes move down by one.",
        one_by_one(
            *(event("a", 200), event("b", 0), event("c", 50), event("d", 25)),
            *(event("e", 201), event("f", 51), event("g", 300)),
        ),
    )
    yield gaps(
        "gap-bridge-numbers-between",
        "A visit that was opened between the two that become one keeps its number.",
        one_by_one(event("a", 0), event("b", 200), event("c", 50), event("d", 25), event("e", 201)),
    )
    yield gaps(
        "gap-bridge-beside-the-visit-in-hand",
        "Two visits are joined although a third one was the last to be moved.",
        one_by_one(event("a", 0), event("b", 50), event("c", 300), event("d", 25), event("e", 301)),
    )
    yield gaps(
        "gap-bridge-stored",
        "A call that comes again gets its first answers, from before the visits were one.",
        [
            Call([event("a", 0, "1"), event("b", 50, "2")], stream="s", stores=True),
            Call([event("c", 25, "3")], stream="s", stores=True),
            Call([event("a", 0, "1"), event("b", 50, "2")], stream="s", stores=True),
            Call([event("c", 25, "3"), event("d", 60, "4")], stream="s", stores=True),
        ],
    )


def limits() -> Iterator[Vector]:
    """Beyond what is kept; three visits, and eight ids in each, by these rules."""
    yield gaps(
        "gap-bridge-of-more-ids",
        "Of two windows with more ids than are kept the latest stay, and the output says so.",
        one_by_one(
            *(event(f"a{n}", n) for n in range(6)),
            *(event(f"b{n}", 60 + n) for n in range(6)),
            event("c", 33),
            *(event(f"b{n}", 60 + n) for n in range(6)),
        ),
    )
    yield gaps(
        "gap-bridge-of-more-ids-by-a-repeat",
        "The ids are more than are kept although the event that joins the visits brings none.",
        one_by_one(
            *(event(f"a{n}", n) for n in range(5)),
            *(event(f"b{n}", 60 + n) for n in range(5)),
            event("b4", 33),
        ),
    )
    yield gaps(
        "gap-bridge-of-as-many-ids-as-are-kept",
        "Nothing is lost where the ids of both visits are as many as one may have.",
        one_by_one(
            *(event(f"a{n}", n) for n in range(4)),
            *(event(f"b{n}", 60 + n) for n in range(4)),
            event("b3", 33),
            event("a0", 0),
        ),
    )
    yield from large_sums()
    yield gaps(
        "gap-bridge-of-full-fields",
        "Sets, lists and counts keep their caps where visits are joined.",
        one_by_one(
            *(event(f"a{n}", n, "", f"page {n}") for n in range(4)),
            *(event(f"b{n}", 50 + n, "", f"page {n + 4}") for n in range(3)),
            event("c", 27),
        ),
    )
    yield gaps(
        "gap-bridge-of-a-full-list",
        "A list that is full only by being joined says so from then on.",
        one_by_one(
            *(event(f"a{n}", n, "", f"page {n}") for n in range(3)),
            *(event(f"b{n}", 50 + n, "", f"page {n + 3}") for n in range(3)),
            event("c", 26, "", "page 0"),
        ),
    )
    yield gaps(
        "gap-visits-beyond-the-limit",
        "The visit that is oldest goes; an event that is older than all is late, and of no visit.",
        one_by_one(*(event(f"e{n}", 100 * n) for n in (1, 2, 3, 4)), event("e5", 100)),
    )


def large_sums() -> Iterator[Vector]:
    """Sums in units of 0.01 that come to 2^53 when visits are joined, and to one less."""
    most = "9999999999999.99"
    first = [event(f"a{n}", n, "", "page", (most, "", "")) for n in range(5)]
    second = [event(f"b{n}", 60 + n, "", "page", (most, "", "")) for n in range(4)]
    bridge = event("c", 33)
    for name, why, rest in (
        ("that-just-fit", "as large as they may be", "71992547410.00"),
        ("too-large", "too large, those of the visit that was moved last stay", "71992547410.01"),
    ):
        last = event("d", 64, "", "page", (rest, "", ""))
        found = gaps(
            f"gap-bridge-of-sums-{name}",
            f"Where joined sums come to be {why}.",
            one_by_one(*first, *second, last, bridge),
        )
        if name == "too-large":
            # By hand: the oracle adds event by event, and visits are joined as a whole.
            sums = {"visit_spent": "40071992547409.97", "visit_mean": "8014398509481.994"}
            found["calls"][-2]["reply"][0]["profile"] |= sums
            found["calls"][-1]["read"] |= sums
        yield found


def event(
    event_id: str,
    minutes: float,
    offset: str = "",
    page: str = "page",
    more: tuple[str, str, str] = ("", "", ""),
) -> Event:
    """A page view so long after START, received much later; `more`: total, medium and source."""
    ms = str(START + round(minutes * MINUTE * 1000))
    received = str(START + 100 * HOUR)
    return Event(offset, received, ms, "", event_id, "", "Pageview", page, more)


def gaps(name: str, why: str, calls: list[Call]) -> Vector:
    """Make a vector of gaps.toml."""
    return vector("gaps", name, why, [*calls, Read()])
