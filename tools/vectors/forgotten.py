"""Visits that come back after they were forgotten."""

from collections.abc import Iterator

from tools.vectors.builders import Vector, lean, vector
from tools.vectors.calls import Call, Event, Read, click, one_by_one, view

#: Its SHA-1 begins with the 6 bytes of its twin, which are a text. Found by trying numbers.
LONG_ID, TWIN = "visit 251", "5XlOvZ"
KEPT = 8
REMEMBERED = 64


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield lean(
        "nine-tabs",
        "A tracker with a visit per tab: nine tabs, then on in the first. Its visit is no new one, "
        "has no number and no entry page, and says `truncated` on every output.",
        one_by_one(*opened(9), *(view(100 + n, "V0", f"page {n}", f"back{n}") for n in range(3))),
    )
    yield lean(
        "returned-visit-begins-anew",
        "What a visit that was forgotten had counted is gone: counts, start, end and last page "
        "begin anew, the visitor's go on.",
        [
            Call(opened(9)),
            *one_by_one(
                click(100, "V0", "back1"),
                click(99, "V0", "back2"),
                view(101, "V0", "here", "back3"),
                view(98, "V0", "earlier", "back4"),
            ),
            Read(),
        ],
    )
    yield lean(
        "returned-visit-forgets-its-event-ids",
        "Event ids are forgotten with their visit, so one that is sent again counts again.",
        [Call(opened(9)), *one_by_one(opened(1)[0], *[view(100, "V0", "page", "e0")] * 2)],
    )
    yield lean(
        "returned-visit-repeated-and-replayed",
        "Repeats and redelivered events of a visit that returned say `truncated` too.",
        one_by_one(
            *(event._replace(offset=str(n)) for n, event in enumerate(opened(9))),
            view(100, "V0", "here", "back", "10"),
            view(100, "V0", "here", "back", "11"),
            view(100, "V0", "here", "back", "11"),
            view(8, "V8", "page", "e8", "11"),
            stream="s",
        ),
    )
    yield lean(
        "late-before-returned",
        "An event that is older than all kept visits is late, also where its visit was forgotten; "
        "the visit is still recognised later.",
        [
            Call(opened(9)),
            *one_by_one(view(0.5, "V0", "too late", "back1"), view(100, "V0", "here", "back2")),
        ],
    )
    yield lean(
        "returned-visit-is-forgotten-again",
        "A visit that returned and was forgotten again returns as before.",
        [
            Call(opened(9)),
            Call([view(100, "V0", "here", "back1")]),
            Call([view(200 + n, f"W{n}", "page", f"w{n}") for n in range(KEPT)]),
            Call([view(300, "V0", "here again", "back2"), click(301, "W7", "w9")]),
        ],
    )
    yield lean(
        "other-visits-beside-a-returned-one",
        "The events of other visits, and of none, say nothing of a visit that returned.",
        [
            Call([*opened(9), view(100, "V0", "here", "back")]),
            *one_by_one(click(101, "V8", "e1"), click(102, "", "e2"), view(103, "X", "x", "e3")),
        ],
    )
    yield lean(
        "two-visits-return",
        "Each visit that was forgotten is recognised once, in whatever order they return.",
        [
            Call(opened(11)),
            *one_by_one(*(click(100 + n, f"V{v}", f"r{n}") for n, v in enumerate((2, 0, 1, 3, 4)))),
        ],
    )
    for name, past, is_known in (("64", 0, True), ("65", 1, False)):
        yield lean(
            f"forgotten-{name}-visits",
            "64 forgotten visits are remembered, and the one that was forgotten first goes first. "
            + ("V0 is the 64th." if is_known else "V0 is the 65th, so it is a new visit."),
            [Call(opened(KEPT + REMEMBERED + past)), Call([click(100, "V0", "back")])],
        )
    yield lean(
        "recognised-before-another-is-forgotten",
        "The visit that opens is looked for before the one that goes is remembered: with 64 "
        "forgotten visits, the first one is still among them.",
        [
            Call(opened(KEPT + REMEMBERED)),
            *one_by_one(*(click(100 + n, f"V{n}", f"back{n}") for n in range(3))),
        ],
    )
    yield lean(
        "forgotten-id-of-6-bytes",
        f"6 bytes of a visit's id are remembered: those of its SHA-1, or the id itself where it "
        f"has 6 bytes. '{TWIN}' is taken for '{LONG_ID}'.",
        [
            Call([view(-1, LONG_ID, "home", "e"), *opened(8)]),
            *one_by_one(click(100, TWIN, "back1"), click(101, LONG_ID, "back2")),
        ],
    )
    yield lean(
        "forgotten-ids-of-6-bytes",
        "The same the other way round.",
        [
            Call([view(-1, TWIN, "home", "e"), *opened(8)]),
            *one_by_one(click(100, LONG_ID, "back1"), click(101, TWIN, "back2")),
        ],
    )
    yield lean(
        "forgotten-id-that-straddles-two-others",
        "'cdefgh' stands in 'abcdef' and 'ghijkl' only across their border: a new visit.",
        [
            Call([view(-2, "abcdef", "home", "a"), view(-1, "ghijkl", "home", "b"), *opened(8)]),
            *one_by_one(click(100, "cdefgh", "c"), click(101, "ghijkl", "d")),
        ],
    )
    yield lean(
        "no-entry-page-for-ever",
        "The visit's entry page is lost, the visitor's is not: an earlier page view moves it.",
        [
            Call(opened(9)),
            *one_by_one(view(100, "V0", "here", "b1"), view(-50, "V0", "long ago", "b2")),
        ],
    )
    yield vector(
        "small",
        "small-returned-visit",
        "With two kept visits: the first return. Plain fields show no page that is not known.",
        [
            *one_by_one(
                view(0, "A", "a", "1"),
                view(1, "B", "b", "2"),
                view(2, "C", "c", "3"),
                view(3, "A", "a2", "4"),
                view(4, "B", "b2", "5"),
                view(5, "A", "a3", "6"),
            ),
            Read(),
        ],
    )


def opened(count: int) -> list[Event]:
    """So many visits, V0 first, each with one page view."""
    return [view(n, f"V{n}", f"page {n % 3}", f"e{n}") for n in range(count)]
