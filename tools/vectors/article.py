"""The preset `article`."""

from collections.abc import Iterator

from tools.vectors.builders import Vector, article
from tools.vectors.calls import Call, click, key_of, one_by_one, timed, view


def vectors() -> Iterator[Vector]:
    """The vectors of this file, in order."""
    yield article(
        "article-new-visitor",
        "The smallest call: the six fields, in order of arrival.",
        one_by_one(view(0, "A", "home", "e1"), view(1, "A", "prices", "e2")),
    )
    yield article(
        "article-flipping-visits",
        "One visit is stored, so A, A, B, A, B are four visits, and each return gets a new entry "
        "page.",
        one_by_one(
            view(0, "A", "a1", "e1"),
            view(10, "A", "a2", "e2"),
            view(20, "B", "b1", "e3"),
            view(30, "A", "a3", "e4"),
            view(40, "B", "b2", "e5"),
        ),
    )
    yield article(
        "article-previous-entry-page",
        "A visit whose first event is no page view shows the entry page of the visit before it, "
        "and never gets its own.",
        one_by_one(
            view(0, "A", "home", "e1"),
            click(10, "B", "e2"),
            view(20, "B", "blog", "e3"),
        ),
    )
    yield article(
        "article-first-event-no-page-view",
        "A visitor whose first event is no page view never gets a first page.",
        one_by_one(
            click(0, "A", "e1"),
            view(10, "A", "home", "e2"),
            view(20, "B", "blog", "e3"),
        ),
    )
    yield article(
        "article-arrival-order",
        "Arrival decides: neither times nor event ids are looked at.",
        one_by_one(
            view(100, "A", "second", "e1"),
            view(50, "A", "first", "e1"),
            timed("tomorrow", "third", ""),
        ),
    )
    yield article(
        "article-missing-visit-id",
        "An event without a visit id changes no visit field; the program would have crashed.",
        one_by_one(
            view(0, "", "landing", "e1"),
            view(10, "A", "home", "e2"),
            view(20, "", "banner", "e3"),
            view(30, "A", "prices", "e4"),
        ),
    )
    yield article(
        "article-page-view-without-page",
        "A page view without a page is no page view; the program would have crashed.",
        one_by_one(view(0, "A", "", "e1"), view(10, "A", "home", "e2"), view(20, "B", "", "e3")),
    )
    yield article(
        "article-batch-and-redelivery",
        "Watermarks work as in the other preset; a replayed event shows the current profile.",
        [
            Call(
                [
                    view(0, "A", "home", "e1", "3"),
                    view(1, "B", "blog", "e2", "4"),
                    view(0, "A", "home", "e1", "3"),
                ],
                stream="0/events/0",
            ),
            Call([view(1, "B", "blog", "e2", "4")], stream="0/events/0"),
            Call([view(1, "C", "faq", "e3", "4")], stream="0/events/1"),
            Call([view(2, "C", "imprint", "e4", "2")], stream=""),
        ],
    )
    yield article(
        "article-takes-over-its-hash",
        "A hash that the article's program wrote is a known visitor.",
        one_by_one(view(0, "B", "blog", "e1")),
        before=[
            ["HSET", key_of("alice"), "visitor_id", "alice", "visit_id", "A"],
        ],
    )
    yield article(
        "article-bad-arguments",
        "Arguments are checked as in the other preset.",
        [Call(argv=["alice", "s", "", "x", *["", "", "", "", "", ""]], error="EBADARG")],
        keeps_ttl=False,
    )
