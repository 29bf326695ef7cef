"""Visits, their entry pages, and the 8 that are kept."""

from collections.abc import Iterator

from tools.vectors.builders import Vector, lean
from tools.vectors.calls import Call, click, one_by_one, view


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield lean(
        "new-visitor",
        "The smallest call: one page view of a visitor that is not known yet.",
        one_by_one(view(0, "A", "home", "e1")),
    )
    yield lean(
        "new-visit",
        "A second visit has its own entry page, counts and number; the visitor's go on.",
        one_by_one(
            view(0, "A", "home", "e1"),
            view(60, "A", "prices", "e2"),
            view(7200, "B", "blog", "e3"),
            click(7260, "B", "e4"),
        ),
    )
    yield lean(
        "interleaved-visits",
        "A, A, B, A, B are two visits, and each event carries its own visit's fields.",
        one_by_one(
            view(0, "A", "a1", "e1"),
            view(10, "A", "a2", "e2"),
            view(20, "B", "b1", "e3"),
            view(30, "A", "a3", "e4"),
            view(40, "B", "b2", "e5"),
        ),
    )
    yield lean(
        "first-event-no-page-view",
        "A visit that begins with a click has no entry page, least of all another visit's, until "
        "its first page view; the hash forgets the fields that its latest visit does not have.",
        one_by_one(
            view(0, "A", "home", "e1"),
            click(7200, "B", "e2"),
        ),
    )
    yield lean(
        "entry-page-after-a-click",
        "The first page view of a visit sets its entry page, whenever it comes; the visitor's too.",
        one_by_one(
            click(0, "A", "e1"),
            click(1, "A", "e2"),
            view(2, "A", "home", "e3"),
            view(3, "A", "prices", "e4"),
        ),
    )
    yield lean(
        "page-view-without-page",
        "A page view whose page is empty is an event that is no page view.",
        one_by_one(
            view(0, "A", "", "e1"),
            view(1, "A", "home", "e2"),
            view(2, "A", "", "e3"),
        ),
    )
    yield lean(
        "page-of-another-event-type",
        "Only the type Pageview, in exactly these letters, makes a page view.",
        one_by_one(
            view(0, "A", "home", "e1"),
            view(1, "A", "elsewhere", "e2")._replace(event_type="Click"),
            view(2, "A", "elsewhere", "e3")._replace(event_type="pageview"),
            view(3, "A", "elsewhere", "e4")._replace(event_type=""),
        ),
    )
    yield lean(
        "missing-visit-id",
        "An event without a visit id moves visitor fields only and shows no visit field.",
        one_by_one(
            view(0, "", "landing", "e1"),
            view(10, "A", "home", "e2"),
            view(20, "", "banner", "e3"),
        ),
    )
    yield lean(
        "ninth-visit",
        "The profile keeps 8 visits: the ninth pushes out the one whose latest event is oldest "
        "(B, for A went on after it), flagged `truncated`; B's return opens it anew.",
        one_by_one(
            *(view(100 * n, visit, f"page {visit}", f"e{visit}") for n, visit in enumerate("ABCD")),
            view(350, "A", "A again", "eA2"),
            *(view(400 + n, visit, f"page {visit}", f"e{visit}") for n, visit in enumerate("EFGH")),
            view(500, "I", "page I", "eI"),
            view(501, "A", "A lives", "eA3"),
            view(502, "B", "B returns", "eB2"),
        ),
    )
    yield lean(
        "late-beyond-8-visits",
        "An event older than all 8 kept visits opens none and counts nothing: it is `late` and "
        "moves the visitor's minimums only. Younger than the oldest of them, it is not late.",
        [
            Call([view(100 * n, f"V{n}", f"page {n}", f"e{n}") for n in range(1, 9)]),
            *one_by_one(
                view(50, "X", "long ago", "e9"),
                click(40, "Y", "e10"),
                view(150, "Z", "not so long ago", "e11"),
            ),
        ],
    )
    yield lean(
        "latest-visit-by-bytes",
        "Of visits with equal times the one whose id is greatest by bytes is shown by the hash: "
        "'a' (61) after 'B' (42), where a server's locale may say otherwise.",
        one_by_one(
            view(0, "B", "page B", "e1"),
            view(0, "a", "page a", "e2"),
            view(0, "A", "page A", "e3"),
            view(0, "_", "page _", "e4"),
        ),
    )
    yield lean(
        "evicted-visit-by-bytes",
        "Of 8 visits with equal times the one whose id is smallest by bytes goes first: '-x', "
        "then 'B'; and an id smaller than all of them is late.",
        [
            Call([view(0, visit, f"page {visit}", f"e{visit}") for visit in "zyabcDB"]),
            *one_by_one(
                view(0, "-x", "page -x", "e8"),
                view(0, "é", "page é", "e9"),
                view(0, "Z", "page Z", "e10"),
                view(0, "A", "page A", "e11"),
                view(0, "B", "page B again", "e12"),
            ),
        ],
    )
