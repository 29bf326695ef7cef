"""The preset `article`."""

from collections.abc import Iterator

from tools.vectors.builders import Vector, article
from tools.vectors.calls import Call, Text, click, key_of, one_by_one, timed, view


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
        [Call([view(0, "A", "home", "e1", "x")], stream="s", error="EBADARG")],
        keeps_ttl=False,
    )
    yield from redeliveries()
    yield from texts()


def redeliveries() -> Iterator[Vector]:
    """Watermarks, as in the other preset."""
    yield article(
        "article-offsets-within-a-batch",
        "The watermark moves with every event of a call, gaps are allowed, and offsets are "
        "compared as numbers: 10 comes after 9.",
        [
            Call(
                [
                    view(n, "A", f"page {n}", "", offset)
                    for n, offset in enumerate(("9", "10", "10", "999999999999999", "11"))
                ],
                stream="0:events:0",
                floor="8",
            )
        ],
    )
    yield article(
        "article-two-streams",
        "Each stream has its own watermark.",
        [
            Call([view(n, "A", f"page {n}", "", offset)], stream=stream)
            for n, (stream, offset) in enumerate(
                [("s", "5"), ("t", "5"), ("s", "4"), ("t", "6"), ("s", "6"), ("u", "6")]
            )
        ],
    )
    yield article(
        "article-repeated-event-id",
        "Event ids are not looked at: what is sent again at a new offset is applied again.",
        one_by_one(
            view(0, "A", "home", "e1", "0"),
            view(1, "B", "blog", "e2", "1"),
            view(0, "A", "home", "e1", "2"),
            stream="0:events:0",
        ),
    )


def texts() -> Iterator[Vector]:
    """Bytes of all kinds."""
    yield article(
        "article-page-of-8192-bytes",
        "A value of 8192 bytes stays whole, a longer one is cut before the character that does "
        "not fit.",
        one_by_one(
            view(0, "A", "é" * 4096, "e1"),
            view(1, "A", "a" * 8190 + "€uro", "e2"),
            view(2, "A", "b" * 8189 + "🙂", "e3"),
            click(3, "A", "e4")._replace(page="c" * 8193),
        ),
    )
    yield article(
        "article-nul-bytes",
        "Ids and pages are not C strings: what follows a NUL counts.",
        one_by_one(
            view(0, "A\0x", "home\0one", "e1"),
            view(1, "A\0y", "home\0two", "e2"),
        ),
        visitor="ali\0ce",
    )
    yield article(
        "article-ids-that-look-like-syntax",
        "Ids, pages and types are data, whatever they hold.",
        one_by_one(view(0, '"]]--', "{{ page }} %s \\", "~"), view(1, "${visit}", "\r\n", "")),
        visitor="{al<id>ice}: 100% é",
    )
    yield article(
        "article-long-visitor-id",
        "An id longer than 128 bytes makes a hashed key, and is itself returned whole.",
        one_by_one(view(0, "A", "home", "e1")),
        visitor="é" * 64 + "!",
    )
    visitor, visit, page = b"\xffal\x80ice", b"\xc3(", b"\xed\xa0\x80"
    profile: dict[str, Text] = {
        "visitor_id": visitor,
        "visit_id": visit,
        "visitor_first_page": page,
        "visitor_last_page": page,
        "visit_first_page": page,
        "visit_last_page": page,
    }
    yield article(
        "article-not-utf-8",
        "By hand, for the oracle knows text only: what is no UTF-8 comes back as it went in.",
        [
            Call(
                [view(0, visit, page, b"\x80")],
                reply=[{"flags": ["new_visitor", "new_visit"], "profile": profile}],
            )
        ],
        visitor=visitor,
        stored=profile,
    )
